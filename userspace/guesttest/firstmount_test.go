//go:build guest && debug

package guesttest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// These tests have a hierarchy begin beside tasks that run. Where static keys are rewritten code, QEMU may run the old code on a CPU that is busy
// with it. So release kernels, which have jump labels, are spared them, and the debug kernels have none.

// The first hierarchy makes the kernel keep lists of tasks, and the end of the last makes it stop. With old code that was an Oops (int3) once in a
// hundred times on x86_64, and a task that has ended on a list once in five on ppc64.
func TestRaceForkAgainstFirstMount(t *testing.T) {
	begin(t)
	dir := tempDir(t)
	r := newRace(t)
	t.Cleanup(r.finish) // if a mount does not come to its end
	stop := r.bornAndDying()
	// Where the walk of all tasks rests, and the task that it was at has gone, it must not forget those that come later.
	_, residents := threaded(t, 20)
	// Each first mount is one chance to meet a birth half way.
	for i := range 40 {
		o := named("first")
		if i%2 == 1 {
			o = bound(debugPair...)
		}
		err := beside(t, func() error {
			h, err := containerfs.Mount("race", dir, o)
			if err != nil {
				return err
			}
			tasks, err := h.Root().Tasks()
			for _, tid := range residents {
				if _, found := slices.BinarySearch(tasks, tid); err == nil && !found {
					err = fmt.Errorf("%d is not among the tasks %v", tid, tasks)
				}
			}
			return errors.Join(err, h.Unmount())
		})()
		if err != nil {
			t.Error(err)
			break
		}
	}
	onThread(t, func(int) {
		for range 5 {
			if err := beginAndEnd(dir, named("first")); err != nil {
				t.Error(err)
				return
			}
		}
	})
	r.finish()
	stop()
	wantEveryTaskOnce(t, mount(t, named("after")), "name=after")
	h := mount(t, bound(debugPair...))
	for _, ss := range debugPair {
		wantExactCounts(t, h.Root(), ss)
		wantNoDead(t, h.Root(), ss)
	}
}

// What a task runs while nothing is mounted is not charged when something is again. With old code, once in some thousand times on ppc64, processors did
// not notice that a switch of tasks was to be charged, and the times of both were taken for one's: -20 s.
func TestCpuacctChargesFromMount(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	pid := busy(t, bare.Naps)
	runUntilUsed(t, pid, 20*time.Millisecond)
	must(t, h.Unmount())
	s := spin(t) // it runs while the next hierarchy begins
	runUntilUsed(t, pid, 20*time.Millisecond)
	for range 5 {
		before := s.clock(t)
		h = mount(t, bound("cpuacct"))
		mounted := s.clock(t)
		time.Sleep(10 * time.Millisecond) // what is measured, not what is waited for
		least := s.clock(t) - mounted
		if n := usage(t, h.Root(), "usage"); n < least {
			t.Errorf("usage is %v, a task that ran when the hierarchy began has used %v since", n, least)
		}
		a := mkdir(t, h.Root(), "a")
		must(t, a.Attach(s.tid))
		must(t, a.Attach(pid))
		napped := processTime(t, pid)
		runUntilUsed(t, pid, 20*time.Millisecond)
		must(t, h.Root().Attach(s.tid))
		most := s.clock(t) - before + processTime(t, pid) - napped
		if n := usage(t, a, "usage"); n > most || n < processTime(t, pid)-napped {
			t.Errorf("usage is %v, not within %v and %v", n, processTime(t, pid)-napped, most)
		}
		must(t, h.Root().Attach(pid))
		must(t, a.Remove())
		must(t, h.Unmount())
	}
}
