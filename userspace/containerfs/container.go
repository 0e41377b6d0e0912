package containerfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Container is one container of a hierarchy, by its path. A value does not keep its container alive.
type Container struct {
	// Hierarchy is where the container is.
	Hierarchy Hierarchy
	// Path is relative to the hierarchy's root: "/" for the root, "/a/b" for a container two levels below.
	Path string
}

// ByDir returns the container that the directory dir is, or would be: it need not exist.
func ByDir(dir string) (Container, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = resolve(abs)
	}
	if err != nil {
		return Container{}, fail("find", dir, cause(err))
	}
	return inMount(abs)
}

// resolve follows the symbolic links in an absolute path, as far as there is something.
func resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) || path == "/" {
		return real, err
	}
	parent, err := resolve(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}

// inMount returns the container that a directory is, whose path has no symbolic link in it.
func inMount(dir string) (Container, error) {
	points, err := MountPoints()
	if err != nil {
		return Container{}, err
	}
	var best *MountPoint
	rel := ""
	for _, p := range slices.Backward(points) { // of several mounts at a place the last one is seen
		r, err := filepath.Rel(p.Dir, dir)
		if err == nil && filepath.IsLocal(r) && (best == nil || len(p.Dir) > len(best.Dir)) {
			best, rel = &p, r
		}
	}
	err = ErrNotMounted
	if best != nil {
		err = mounted(best.Dir)
	}
	if err != nil {
		e := fail("use", dir, err)
		if err == ErrNotMounted && len(points) > 0 {
			e.Reason = errors.New("it is not a container, but outside of all hierarchies")
		}
		return Container{}, e
	}
	return best.container(rel), nil
}

// Dir returns the container's directory.
func (c Container) Dir() string { return filepath.Join(c.Hierarchy.Dir, c.Path) }

// File returns the path of the file called name in the container.
func (c Container) File(name string) string { return filepath.Join(c.Dir(), name) }

// Name returns the last element of the path, "/" for the root.
func (c Container) Name() string { return filepath.Base(c.Path) }

// IsRoot tells whether c is the top of its hierarchy.
func (c Container) IsRoot() bool { return c.Path == "/" }

// Child returns the container called name in c. It need not exist yet.
func (c Container) Child(name string) Container { return c.Hierarchy.Container(c.Path + "/" + name) }

// Parent returns the container that c is in; the root is its own.
func (c Container) Parent() Container {
	return Container{Hierarchy: c.Hierarchy, Path: filepath.Dir(c.Path)}
}

// Create makes the container. Its parent must exist.
func (c Container) Create() error {
	parent, err := c.openParent()
	if err == nil {
		defer parent.Close()
		err = unix.Mkdirat(int(parent.Fd()), c.Name(), 0o755)
	}
	if err != nil {
		return fail("make", c.Dir(), err).because(c.whyNotCreated(err))
	}
	return nil
}

// CreateAll makes the container and those above it that do not exist, and returns those that it made, parents first. If one of them
// cannot be made, none is left.
func (c Container) CreateAll() (made []Container, err error) {
	err = c.Create()
	if errors.Is(err, fs.ErrNotExist) && !c.Parent().IsRoot() {
		made, err = c.Parent().CreateAll()
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		err = c.Create()
	}
	if err != nil {
		_ = RemoveEach(made)
		return nil, err
	}
	return append(made, c), nil
}

// Remove removes the container: ErrBusy while it has tasks or children, or while the kernel holds its state.
func (c Container) Remove() error {
	if c.IsRoot() {
		return fail("remove", c.Dir(), unix.EBUSY).because(&Busy{Root: true})
	}
	parent, err := c.openParent()
	if err == nil {
		defer parent.Close()
		err = unix.Unlinkat(int(parent.Fd()), c.Name(), unix.AT_REMOVEDIR)
	}
	if err != nil {
		return fail("remove", c.Dir(), err).because(c.whyNotRemoved(err))
	}
	return nil
}

// Rename gives the container another name in the same place, and returns it under that name.
func (c Container) Rename(name string) (Container, error) {
	renamed := c.Parent().Child(name)
	err := error(ErrEscapes)
	if !c.IsRoot() && name == renamed.Name() && name != "" && !strings.Contains(name, "/") {
		err = c.renameTo(name)
	}
	if err != nil {
		return c, fail("rename", c.Dir(), err).because(c.whyNotRenamed(name, err))
	}
	return renamed, nil
}

func (c Container) renameTo(name string) error {
	parent, err := c.openParent()
	if err != nil {
		return err
	}
	defer parent.Close()
	fd := int(parent.Fd())
	return unix.Renameat(fd, c.Name(), fd, name)
}

// Exists tells whether there is such a container.
func (c Container) Exists() bool {
	d, err := c.openDir()
	if err == nil {
		d.Close()
	}
	return err == nil
}

// Children returns the containers directly below c, by name.
func (c Container) Children() ([]Container, error) {
	entries, err := c.entries()
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

// entries lists the container's directory, by name.
func (c Container) entries() ([]os.DirEntry, error) {
	dir, err := c.openDir()
	if err != nil {
		return nil, fail("list", c.Dir(), err).because(c.whyMissing(err))
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, fail("list", c.Dir(), cause(err))
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// Files returns the names of the files in the container.
func (c Container) Files() ([]string, error) {
	entries, err := c.entries()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Walk calls visit for c and then for every container below it, parents first. It stops at the first error, and returns it.
// What is removed below c during the walk is left out; so visit may return the error of a container that has gone, too.
func (c Container) Walk(visit func(Container) error) error {
	if err := visit(c); err != nil {
		return err
	}
	children, err := c.Children()
	if err != nil {
		return err
	}
	for _, child := range children {
		if err := child.Walk(visit); err != nil && !vanished(err) {
			return err
		}
	}
	return nil
}

// vanished tells an error that only says that a container is there no more.
func vanished(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrGone) }
