package containerfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Populated tells whether a live task is in the container or in one below it.
func (c Container) Populated() (bool, error) {
	text, err := c.ReadString(fileEvents)
	if err != nil {
		return false, err
	}
	populated, err := parsePopulated(text)
	if err != nil {
		return false, c.unreadable(fileEvents, err)
	}
	return populated, nil
}

// parsePopulated finds the line of events that says whether there are tasks. Lines that it does not know are for others.
func parsePopulated(text string) (bool, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "populated "); ok {
			return strconv.ParseBool(value)
		}
	}
	return false, fmt.Errorf("events does not say whether the container is populated: %q", text)
}

// WaitEmpty waits until no live task is in the container or below it, or the container is gone. ctx ends the wait with its error.
// A root has no events, and is never empty.
func (c Container) WaitEmpty(ctx context.Context) error {
	errEmpty := errors.New("empty")
	err := c.Watch(ctx, func(populated bool) error {
		if populated {
			return nil
		}
		return errEmpty
	})
	if errors.Is(err, errEmpty) || errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

// Watch tells see whether the container is populated, now and at each change, until see returns an error, which it hands on, or
// ctx ends. Two changes that follow each other quickly can be seen as none. ErrGone tells that the container has been removed.
func (c Container) Watch(ctx context.Context, see func(populated bool) error) error {
	f, err := c.openFile(fileEvents, unix.O_RDONLY)
	if err != nil {
		return fail("watch", c.Dir(), err).because(c.whyNoFile(fileEvents, err))
	}
	defer f.Close()
	ended, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fail("watch", c.Dir(), err)
	}
	ending := os.NewFile(uintptr(ended), "ended")
	defer ending.Close()
	stop := context.AfterFunc(ctx, func() { _, _ = ending.Write([]byte{1, 0, 0, 0, 0, 0, 0, 1}) })
	defer stop()
	for first, last := true, false; ctx.Err() == nil; first = false {
		populated, err := readEvents(f)
		if err != nil {
			return fail("watch", c.Dir(), err)
		}
		if first || populated != last {
			if err := see(populated); err != nil {
				return err
			}
		}
		last = populated
		if err := awaitEvent(f, ended); err != nil {
			return fail("watch", c.Dir(), err)
		}
	}
	return ctx.Err()
}

// readEvents reads an open events file from its beginning, which also makes it wait for the next change.
func readEvents(f *os.File) (populated bool, err error) {
	buf := make([]byte, 4096)
	n, err := retry(func() (int, error) { return unix.Pread(int(f.Fd()), buf, 0) })
	if err != nil {
		return false, err
	}
	return parsePopulated(string(buf[:n]))
}

// removalCheck is how often it is looked whether the container is still there: the kernel tells those who wait of no removal.
const removalCheck = 1000 // milliseconds

// awaitEvent waits until the events file may have changed, or the other file is readable.
func awaitEvent(f *os.File, ended int) error {
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLPRI}, {Fd: int32(ended), Events: unix.POLLIN}}
	_, err := retry(func() (int, error) { return unix.Poll(fds, removalCheck) })
	return err
}
