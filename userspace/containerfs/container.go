package containerfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The files that every container has, and release_agent, which only a root has.
const (
	fileTasks           = "tasks"
	fileProcs           = "procs"
	fileNotifyOnRelease = "notify_on_release"
	fileReleaseAgent    = "release_agent"
)

// Container is one container of a hierarchy, by its path. A value does not keep its container alive.
type Container struct {
	// Hierarchy is where the container is.
	Hierarchy Hierarchy
	// Path is relative to the hierarchy's root: "/" for the root, "/a/b" for a container two levels below.
	Path string
}

// ByDir returns the container that the directory dir is.
func ByDir(dir string) (Container, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Container{}, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return Container{}, err
	}
	points, err := MountPoints()
	if err != nil {
		return Container{}, err
	}
	best := Container{}
	for _, p := range points {
		rel, err := filepath.Rel(p.Dir, dir)
		if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
			continue
		}
		if len(p.Dir) > len(best.Hierarchy.Dir) {
			best = Hierarchy{Dir: p.Dir}.Container(rel)
		}
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return Container{}, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if st.Type != Magic || best.Path == "" {
		return Container{}, fmt.Errorf("%s is not a container: give a directory below a mounted hierarchy", dir)
	}
	return best, nil
}

// Dir returns the container's directory.
func (c Container) Dir() string { return filepath.Join(c.Hierarchy.Dir, c.Path) }

// File returns the path of the file called name in the container.
func (c Container) File(name string) string { return filepath.Join(c.Dir(), name) }

// Name returns the last element of the path, "/" for the root.
func (c Container) Name() string { return filepath.Base(c.Path) }

// Child returns the container called name in c. It need not exist yet.
func (c Container) Child(name string) Container { return c.Hierarchy.Container(c.Path + "/" + name) }

// Create makes the container. Its parent must exist.
func (c Container) Create() error { return os.Mkdir(c.Dir(), 0o755) }

// Remove removes the container: EBUSY while it has tasks or children, or while the kernel holds its state.
func (c Container) Remove() error {
	if err := unix.Rmdir(c.Dir()); err != nil {
		return &os.PathError{Op: "rmdir", Path: c.Dir(), Err: err}
	}
	return nil
}

// Children returns the containers directly below c, by name.
func (c Container) Children() ([]Container, error) {
	entries, err := os.ReadDir(c.Dir())
	if err != nil {
		return nil, err
	}
	var children []Container
	for _, e := range entries {
		if e.IsDir() {
			children = append(children, c.Child(e.Name()))
		}
	}
	return children, nil
}

// Walk calls visit for c and then for every container below it, parents first. It stops at the first error,
// and returns it.
func (c Container) Walk(visit func(Container) error) error {
	if err := visit(c); err != nil {
		return err
	}
	children, err := c.Children()
	if err != nil {
		return err
	}
	for _, child := range children {
		if err := child.Walk(visit); err != nil {
			return err
		}
	}
	return nil
}

// Tasks returns the ids of the threads in the container, ascending, as the caller's pid namespace numbers them.
func (c Container) Tasks() ([]int, error) { return c.readIDs(fileTasks) }

// Procs returns the ids of the processes with at least one thread in the container, ascending.
func (c Container) Procs() ([]int, error) { return c.readIDs(fileProcs) }

// Attach moves the thread tid into the container; 0 is the calling thread, so that a caller who means itself
// locks its goroutine to the thread first.
func (c Container) Attach(tid int) error { return c.writeInt(fileTasks, tid) }

// AttachProc moves all threads of the process tgid into the container, in one step; 0 is the calling process.
func (c Container) AttachProc(tgid int) error { return c.writeInt(fileProcs, tgid) }

// NotifyOnRelease tells whether the release agent is run when the container is released.
func (c Container) NotifyOnRelease() (bool, error) {
	n, err := c.ReadUint(fileNotifyOnRelease)
	return n != 0, err
}

// SetNotifyOnRelease says whether the release agent is run when the container is released. Containers made
// below c from then on start with the same.
func (c Container) SetNotifyOnRelease(on bool) error {
	if on {
		return c.writeInt(fileNotifyOnRelease, 1)
	}
	return c.writeInt(fileNotifyOnRelease, 0)
}

// ReadString returns the content of a file of the container without the newline at its end.
func (c Container) ReadString(name string) (string, error) {
	text, err := os.ReadFile(c.File(name))
	return strings.TrimSuffix(string(text), "\n"), err
}

// ReadUint returns the number in a file of the container.
func (c Container) ReadUint(name string) (uint64, error) {
	text, err := c.ReadString(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.File(name), err)
	}
	return n, nil
}

// Write writes text to a file of the container in one write(2), as the kernel wants it.
func (c Container) Write(name, text string) error {
	f, err := os.OpenFile(c.File(name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

func (c Container) writeInt(name string, n int) error {
	return c.Write(name, strconv.Itoa(n)+"\n")
}

func (c Container) readIDs(name string) ([]int, error) {
	text, err := os.ReadFile(c.File(name))
	if err != nil {
		return nil, err
	}
	ids, err := parseIDs(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.File(name), err)
	}
	return ids, nil
}

// parseIDs parses a listing: one number a line.
func parseIDs(text string) ([]int, error) {
	var ids []int
	for line := range strings.Lines(text) {
		id, err := strconv.Atoi(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
