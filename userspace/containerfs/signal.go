package containerfs

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Signal sends a signal to each process with a thread in the container, once. What is forked meanwhile can be missed: Kill misses nothing. A
// process that has left meanwhile, or whose number is another's by now, gets none. Where some cannot be signalled, all others are, and the errors
// are joined.
func (c Container) Signal(signal unix.Signal) error {
	pids, err := c.Procs()
	if err != nil {
		return err
	}
	const atOnce = 256 // each is an open file
	var failed []error
	for some := range slices.Chunk(pids, atOnce) {
		failed = append(failed, c.signalSome(some, signal)...)
	}
	return errors.Join(failed...)
}

// signalSome sends a signal to those of the processes that are still in the container.
func (c Container) signalSome(pids []int, signal unix.Signal) (failed []error) {
	processes := map[int]int{} // file descriptors by process id
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err == nil {
			defer unix.Close(fd)
			processes[pid] = fd
		} else if err != unix.ESRCH {
			failed = append(failed, fmt.Errorf("cannot signal %d: %w", pid, err))
		}
	}
	// Who is listed now is the process that has been opened, or one that took its number and is in the container itself.
	listed, err := c.Procs()
	if err != nil {
		return append(failed, err)
	}
	for pid, fd := range processes {
		if _, found := slices.BinarySearch(listed, pid); !found {
			continue
		}
		if err := unix.PidfdSendSignal(fd, signal, nil, 0); err != nil && err != unix.ESRCH {
			failed = append(failed, fmt.Errorf("cannot send %s to %d: %w", unix.SignalName(signal), pid, err))
		}
	}
	return failed
}
