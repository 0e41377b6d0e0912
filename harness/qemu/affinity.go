package qemu

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// OneHostProcessor keeps all threads of the emulator on one of the host's processors, so that no two of them run at the same
// time.
func OneHostProcessor() Option {
	return func(s *spec) error {
		s.prepare = append(s.prepare, keepOnOneProcessor)
		return nil
	}
}

// yielding is how nice an emulator is that lets others go first: to each of its threads they have three of their own.
const yielding = 5

// Yielding lets the host's other programs go first, where they all have more to do than the host has processors.
func Yielding() Option {
	return func(s *spec) error {
		s.prepare = append(s.prepare, func(pid int) error {
			return eachThread(pid, func(tid int) error { return unix.Setpriority(unix.PRIO_PROCESS, tid, yielding) })
		})
		return nil
	}
}

// keepOnOneProcessor moves all threads of a process to one of the processors that it may use. Threads to come follow.
func keepOnOneProcessor(pid int) error {
	var allowed, one unix.CPUSet
	if err := unix.SchedGetaffinity(pid, &allowed); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	// Emulators that run beside each other should not all choose the same.
	skip := pid % allowed.Count()
	for cpu := 0; one.Count() == 0; cpu++ {
		if !allowed.IsSet(cpu) {
			continue
		}
		if skip == 0 {
			one.Set(cpu)
		}
		skip--
	}
	return eachThread(pid, func(tid int) error { return unix.SchedSetaffinity(tid, &one) })
}

// eachThread does something to all threads of a process. One that has ended meanwhile needs it no more.
func eachThread(pid int, do func(tid int) error) error {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, thread := range threads {
		tid, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := do(tid); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("thread %d of the emulator: %w", tid, err)
		}
	}
	return nil
}
