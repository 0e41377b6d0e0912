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
		s.oneHostProcessor = true
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
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, thread := range threads {
		tid, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(tid, &one); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("sched_setaffinity: %w", err)
		}
	}
	return nil
}
