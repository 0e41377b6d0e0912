package containerfs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// magic is Magic, but for unit tests, which have no such filesystem.
var magic int64 = Magic

// below opens the file or directory at rel below the top of the hierarchy. What rel is made of does not matter: it cannot
// lead out of the directory where the hierarchy is mounted, nor to a filesystem that is none of containers.
func (h Hierarchy) below(rel string, flags int) (*os.File, error) {
	root, err := os.OpenRoot(h.Dir)
	if err != nil {
		return nil, cause(err)
	}
	defer root.Close()
	// Before anything is opened: elsewhere that may have effects, or wait.
	if err := mounted(h.Dir); err != nil {
		return nil, err
	}
	f, err := root.OpenFile(rel, flags|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, cause(err)
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		f.Close()
		return nil, err
	}
	if int64(st.Type) != magic {
		f.Close()
		return nil, ErrNotMounted
	}
	return f, nil
}

// mounted returns nil if a directory is in a filesystem of containers, ErrNotMounted if there is none, or why that cannot be told.
func mounted(dir string) error {
	var st unix.Statfs_t
	switch err := unix.Statfs(dir, &st); {
	case err == unix.ENOENT || err == unix.ENOTDIR:
		return ErrNotMounted
	case err != nil:
		return err
	case int64(st.Type) != magic:
		return ErrNotMounted
	}
	return nil
}

// cause returns what is inside the errors of package os: an errno, in nearly all cases.
func cause(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// rel returns the container's path as one that begins at the top of the hierarchy. It is an error if the path leads out of that.
func (c Container) rel() (string, error) {
	rel := strings.TrimPrefix(c.Path, "/")
	switch {
	case rel == "":
		return ".", nil
	case !filepath.IsLocal(rel):
		return "", ErrEscapes
	}
	return rel, nil
}

// openDir opens the container's directory.
func (c Container) openDir() (*os.File, error) {
	rel, err := c.rel()
	if err != nil {
		return nil, err
	}
	return c.Hierarchy.below(rel, unix.O_RDONLY|unix.O_DIRECTORY)
}

// openParent opens the directory that the container is in, for an operation on its name.
func (c Container) openParent() (*os.File, error) {
	rel, err := c.rel()
	if err != nil {
		return nil, err
	}
	return c.Hierarchy.below(filepath.Dir(rel), unix.O_RDONLY|unix.O_DIRECTORY)
}

// openFile opens a file of the container. The name is that of a file, not a path to one elsewhere.
func (c Container) openFile(name string, flags int) (*os.File, error) {
	rel, err := c.rel()
	if err != nil || name == "" || name == ".." || strings.Contains(name, "/") {
		return nil, ErrEscapes
	}
	return c.Hierarchy.below(filepath.Join(rel, name), flags)
}

// readAll reads a file to its end. The runtime's poller has no part in it: files of containers are always ready.
func readAll(f *os.File) ([]byte, error) {
	var text []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := retry(func() (int, error) { return unix.Read(int(f.Fd()), buf) })
		if err != nil || n == 0 {
			return text, err
		}
		text = append(text, buf[:n]...)
	}
}

// writeOnce writes text in one write(2), as the kernel wants it. An EAGAIN is the kernel's answer, and no reason to wait.
func writeOnce(f *os.File, text string) error {
	n, err := retry(func() (int, error) { return unix.Write(int(f.Fd()), []byte(text)) })
	if err == nil && n != len(text) {
		err = io.ErrShortWrite
	}
	return err
}

// retry repeats a system call that a signal has interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
