package containerfs

import (
	"math"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The files of the framework. Only a root has release_agent; events, auto_delete and kill every container but a root.
const (
	fileTasks           = "tasks"
	fileProcs           = "procs"
	fileNotifyOnRelease = "notify_on_release"
	fileCloneChildren   = "clone_children"
	fileReleaseAgent    = "release_agent"
	fileEvents          = "events"
	fileMaxDescendants  = "max_descendants"
	fileAutoDelete      = "auto_delete"
	fileKill            = "kill"
)

// NoLimit is a number of containers that stands for any number: "max" in the file.
const NoLimit = math.MaxUint32

// NotifyOnRelease tells whether the release agent is run when the container is released.
func (c Container) NotifyOnRelease() (bool, error) { return c.readBool(fileNotifyOnRelease) }

// SetNotifyOnRelease says whether the release agent is run when the container is released. Containers made
// below c from then on start with the same.
func (c Container) SetNotifyOnRelease(on bool) error { return c.writeBool(fileNotifyOnRelease, on) }

// CloneChildren tells whether a container made in c begins with c's settings where a subsystem has such.
func (c Container) CloneChildren() (bool, error) { return c.readBool(fileCloneChildren) }

// SetCloneChildren says whether a container made in c from then on begins with c's settings where a subsystem has such.
func (c Container) SetCloneChildren(on bool) error { return c.writeBool(fileCloneChildren, on) }

// AutoDelete tells whether the kernel removes the container when its last task or child has gone.
func (c Container) AutoDelete() (bool, error) { return c.readBool(fileAutoDelete) }

// SetAutoDelete says whether the kernel removes the container when its last task or child has gone. A container that is empty
// already stays until it has been used.
func (c Container) SetAutoDelete(on bool) error { return c.writeBool(fileAutoDelete, on) }

// MaxDescendants returns how many containers may be below c, or NoLimit.
func (c Container) MaxDescendants() (uint, error) {
	text, err := c.ReadString(fileMaxDescendants)
	if err != nil || text == "max" {
		return NoLimit, err
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, c.unreadable(fileMaxDescendants, err)
	}
	return uint(n), nil
}

// SetMaxDescendants says how many containers may be below c; NoLimit for any number.
func (c Container) SetMaxDescendants(n uint) error {
	if n == NoLimit {
		return c.Write(fileMaxDescendants, "max\n")
	}
	return c.Write(fileMaxDescendants, strconv.FormatUint(uint64(n), 10)+"\n")
}

// Kill sends SIGKILL to every task in c and below it. When it returns each has been signalled, but may not be dead yet: wait
// with WaitEmpty. fs.ErrPermission tells that the caller may not signal some, which live on.
func (c Container) Kill() error { return c.Write(fileKill, "1\n") }

// ReadString returns the content of a file of the container without the newline at its end.
func (c Container) ReadString(name string) (string, error) {
	f, err := c.openFile(name, unix.O_RDONLY)
	if err != nil {
		return "", fail("read", c.File(name), err).because(c.whyNoFile(name, err))
	}
	defer f.Close()
	text, err := readAll(f)
	if err != nil {
		return "", fail("read", c.File(name), err).because(whyNotRead(name, err))
	}
	return strings.TrimSuffix(string(text), "\n"), nil
}

// ReadUint returns the number in a file of the container.
func (c Container) ReadUint(name string) (uint64, error) {
	text, err := c.ReadString(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, c.unreadable(name, err)
	}
	return n, nil
}

// Write writes text to a file of the container in one write(2), as the kernel wants it.
func (c Container) Write(name, text string) error {
	f, err := c.openFile(name, unix.O_WRONLY)
	shown := strings.TrimSuffix(text, "\n")
	op := "write " + strconv.Quote(brief(shown)) + " to"
	if err != nil {
		e := fail(op, c.File(name), err)
		e.Text = shown
		return e.because(c.whyNoFile(name, err))
	}
	defer f.Close()
	if err := writeOnce(f, text); err != nil {
		e := fail(op, c.File(name), err)
		e.Text = shown
		return c.explainWrite(e, name, shown)
	}
	return nil
}

// brief is a text for an error: its beginning, where it is long.
func brief(text string) string {
	const enough = 100
	if len(text) <= enough {
		return text
	}
	return text[:enough] + "..."
}

// unreadable is the error of a file whose content is not what is expected of it.
func (c Container) unreadable(name string, err error) error {
	return fail("understand", c.File(name), err)
}

func (c Container) readBool(name string) (bool, error) {
	n, err := c.ReadUint(name)
	return n != 0, err
}

func (c Container) writeBool(name string, on bool) error {
	if on {
		return c.Write(name, "1\n")
	}
	return c.Write(name, "0\n")
}
