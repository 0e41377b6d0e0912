//go:build guest && debug

package guesttest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"gpc/userspace/containerfs"
)

// The first hierarchy makes the kernel keep lists of tasks, and the end of the last makes it stop. Where static keys are rewritten code,
// QEMU may run the old code on a CPU that is busy with it: once in a hundred times on x86_64 (Oops: int3), once in five on ppc64 (a task
// that has ended is on a list), whose debug kernel therefore has no jump labels; release kernels are spared this test.
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
