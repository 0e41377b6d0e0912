package containerfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The functions of this file find out why the kernel refused something. They look after the fact: where what they see does not explain
// it, as somebody else has been quicker, they say nothing.

// whyMissing is the reason where a container is not there.
func (c Container) whyMissing(err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.New("there is no such container")
}

// whyNoFile is the reason where a file of the container cannot be opened.
func (c Container) whyNoFile(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) && !c.Exists():
		return c.whyMissing(err)
	case errors.Is(err, fs.ErrNotExist):
		return c.whyFileMissing(name)
	case errors.Is(err, unix.EACCES):
		return c.whyNoAccess(name)
	case err == unix.EISDIR:
		return errors.New("it is a container, and no file")
	}
	return nil
}

// whyFileMissing tells why an existing container has no such file.
func (c Container) whyFileMissing(name string) error {
	switch name {
	case fileEvents, fileAutoDelete, fileKill:
		if c.IsRoot() {
			return errors.New("the root of a hierarchy has no such file")
		}
	case fileReleaseAgent:
		return errors.New("only the root of a hierarchy has that file")
	}
	subsystem, _, prefixed := strings.Cut(name, ".")
	options, err := c.Hierarchy.Options()
	if err == nil && prefixed && !slices.Contains(options.Subsystems, subsystem) {
		return fmt.Errorf("there is no such file: subsystem %s is not bound to this hierarchy", subsystem)
	}
	return errors.New("the container has no such file")
}

// whyNoAccess tells who may use a file.
func (c Container) whyNoAccess(name string) error {
	if name == fileReleaseAgent {
		return errors.New("only root, outside of user namespaces, may set the release agent")
	}
	var st unix.Stat_t
	f, err := c.openDir()
	if err != nil {
		return nil
	}
	defer f.Close()
	if unix.Fstatat(int(f.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return nil
	}
	if st.Mode&0o222 == 0 {
		return errors.New("the file is read only")
	}
	if st.Mode&0o444 == 0 {
		return errors.New("the file is write only")
	}
	return fmt.Errorf("permission denied: the file belongs to user %d", st.Uid)
}

// whyNotRead is the reason where an open file could not be read.
func whyNotRead(name string, err error) error {
	if err == unix.EISDIR {
		return fmt.Errorf("%s is a container, and no file", name)
	}
	return nil
}

// whyNotCreated is the reason where mkdir failed.
func (c Container) whyNotCreated(err error) error {
	switch err {
	case unix.ENOENT:
		return fmt.Errorf("there is no container %s", c.Parent().Dir())
	case unix.EEXIST:
		return errors.New("it exists already")
	case unix.EINVAL:
		return errors.New("a name with a newline cannot be")
	case unix.ELOOP:
		return errors.New("it would be nested too deep")
	case unix.EACCES:
		return fmt.Errorf("permission denied: %s belongs to somebody else", c.Parent().Dir())
	case unix.EAGAIN:
		return c.whyLimited()
	}
	return nil
}

// whyLimited finds the container above that has as many below it as it may have.
func (c Container) whyLimited() error {
	for up := c.Parent(); ; up = up.Parent() {
		limit, err := up.MaxDescendants()
		if err == nil && limit != NoLimit {
			below := -1 // itself
			if up.Walk(func(Container) error { below++; return nil }) == nil && below >= int(limit) {
				return fmt.Errorf("max_descendants of %s is %d, and it has %s below it: %w",
					up.Dir(), limit, count(below, "container"), ErrLimit)
			}
		}
		if up.IsRoot() {
			return errors.New("it would be nested too deep")
		}
	}
}

// whyNotRemoved is the reason where rmdir failed.
func (c Container) whyNotRemoved(err error) error {
	switch err {
	case unix.ENOENT:
		return errors.New("there is no such container")
	case unix.ENOTDIR:
		return errors.New("it is a file, and no container")
	case unix.EACCES:
		return fmt.Errorf("permission denied: %s belongs to somebody else", c.Parent().Dir())
	case unix.EBUSY:
		return c.whyBusy()
	}
	return nil
}

// whyBusy finds out by whom a container is used.
func (c Container) whyBusy() error {
	tasks, err := c.Tasks()
	if err != nil {
		return nil
	}
	busy := busyWith(tasks)
	children, err := c.Children()
	if err != nil {
		return nil
	}
	for _, child := range children {
		busy.Children = append(busy.Children, child.Name())
	}
	return busy
}

// busyWith describes a container that has tasks, or none.
func busyWith(tasks []int) *Busy {
	busy := &Busy{Tasks: tasks}
	if len(tasks) > 0 {
		busy.First, _ = ReadTask(tasks[0])
	}
	return busy
}

// whyNotRenamed is the reason where rename failed.
func (c Container) whyNotRenamed(name string, err error) error {
	switch {
	case c.IsRoot():
		return errors.New("it is the root of its hierarchy")
	case err == ErrEscapes:
		return fmt.Errorf("%q is no name: a container is renamed in its place, and cannot be moved to another", name)
	case err == unix.ENOENT:
		return errors.New("there is no such container")
	case err == unix.EEXIST:
		return fmt.Errorf("%s exists already", filepath.Join(filepath.Dir(c.Dir()), name))
	}
	return nil
}

// whyNotAttached is the reason where a task could not be moved into the container. The error has its kind already.
func (c Container) whyNotAttached(id int, e *Error) error {
	switch e.Err {
	case unix.ENOSPC:
		e.Kind = ErrEmptyCpuset
		return c.Cpuset().whyNotUsable()
	case unix.EBUSY:
		return errNoTimeLeft
	case unix.EACCES:
		if e.Reason != nil {
			return nil // it could not even be opened
		}
		return whyNotMine(id)
	case unix.EPERM:
		return errors.New("subsystem ns lets a task only into an empty container below its own")
	case unix.EINVAL:
		if t, err := ReadTask(id); err == nil && t.Kernel {
			return fmt.Errorf("%s is a thread of the kernel that has to stay in the root", t.Comm)
		}
	}
	return nil
}

// whyNotMine tells whose a task is.
func whyNotMine(id int) error {
	var st unix.Stat_t
	if unix.Stat(fmt.Sprintf("/proc/%d", id), &st) != nil {
		return nil
	}
	return fmt.Errorf("the task belongs to user %d", st.Uid)
}

// explainWrite finds out why the kernel did not take what was written to a file.
func (c Container) explainWrite(e *Error, name, text string) *Error {
	subsystem, file, prefixed := strings.Cut(name, ".")
	if !prefixed {
		// A hierarchy mounted with noprefix is one of cpusets, in all that is known.
		subsystem, file = "cpuset", name
	}
	switch subsystem {
	case "cpuset":
		return c.Cpuset().explainWrite(e, file, text)
	case "numtasks":
		return e.because(c.Numtasks().whyRefused(e, file, text))
	case "bc":
		return e.because(c.BC().whyRefused(e, file, text))
	}
	return e
}
