package containerfs

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// Do runs f while the calling goroutine's thread is in the container, and moves the thread back to where it was. f must not start
// goroutines that it wants to be in the container: another goroutine may run on any thread. What f forks is born in the container;
// the threads that the runtime makes meanwhile are not, as it never makes one from a locked thread.
//
// Where the thread cannot come back, because its old container is gone or forbids it, Do returns that error, and the goroutine
// stays locked to the thread, which the runtime ends with it. Then nobody else can run in the container by accident.
func (c Container) Do(f func() error) (err error) {
	runtime.LockOSThread()
	back, err := c.enter()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		defer back.Close()
		if e := writeOnce(back, "0\n"); e != nil {
			err = fmt.Errorf("%w (and %v)", fail("move the caller back to", back.Name(), e), err)
			return
		}
		runtime.UnlockOSThread()
	}()
	return f()
}

// Start starts cmd with the child already in the container: it is born there, and has never been anywhere else. The calling
// goroutine's thread has no part in it.
//
// A child is born where the thread that forks is, so a thread goes in, forks, and ends. What cmd.Start opens for the caller, the pipes for
// a Stdin or Stdout that is no *os.File above all, is charged to the container like a file of its own; give it files to avoid that.
// SysProcAttr.Pdeathsig is sent at the end of that thread, at once.
func (c Container) Start(cmd *exec.Cmd) error {
	return onSpareThread(func() error {
		back, err := c.enter()
		if err != nil {
			return err
		}
		defer back.Close()
		err = cmd.Start()
		// So that the thread has left when Start returns. If it may not, its end is all the same.
		_ = writeOnce(back, "0\n")
		return err
	})
}

// enter moves the calling thread, which is locked, into the container, and returns the file that leads it back. If the way back
// is not open it does not go in.
func (c Container) enter() (back *os.File, err error) {
	here, err := c.Hierarchy.ofThread()
	if err != nil {
		return nil, err
	}
	back, err = here.openFile(fileTasks, unix.O_WRONLY)
	if err != nil {
		return nil, fail("open", here.File(fileTasks), err)
	}
	if err := c.Attach(0); err != nil {
		back.Close()
		return nil, err
	}
	return back, nil
}

// ofThread returns the container of the calling thread.
func (h Hierarchy) ofThread() (Container, error) {
	point, err := h.mountPoint()
	if err != nil {
		return Container{}, err
	}
	all, err := MembershipOfThread(os.Getpid(), unix.Gettid())
	if err != nil {
		return Container{}, err
	}
	i := slices.IndexFunc(all, func(m Membership) bool { return m.of(point.Options) })
	if i < 0 {
		return Container{}, fail("find the caller in", h.Dir, ErrNotMounted)
	}
	return point.Reach(all[i].Path)
}

// onSpareThread runs f on a thread that ends after it.
func onSpareThread(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocks: the runtime ends the thread with the goroutine
		if unix.Gettid() != unix.Getpid() {
			result <- f()
			return
		}
		// The first thread of a process never ends. While it is taken another is found.
		err := onSpareThread(f)
		runtime.UnlockOSThread()
		result <- err
	}()
	return <-result
}
