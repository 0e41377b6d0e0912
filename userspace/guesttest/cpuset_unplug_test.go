//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"
)

// failingUnplug lets each attempt to take a CPU away fail, after its tasks have been sent elsewhere: "fail" beside a CPU's state names a
// step that does, once (Documentation/core-api/cpu_hotplug.rst).
type failingUnplug struct {
	cpu  int
	step string
}

func newFailingUnplug(t testing.TB, cpu int) failingUnplug {
	t.Helper()
	const steps = "/sys/devices/system/cpu/hotplug/states"
	step := regexp.MustCompile(`(?m)^ *([0-9]+): workqueue:online$`).FindSubmatch(got(os.ReadFile(steps))(t))
	if step == nil {
		t.Fatalf("%s has no step of workqueues, between those of the scheduler and the end of the CPU", steps)
	}
	return failingUnplug{cpu, string(step[1])}
}

func (u failingUnplug) attempt() error {
	if err := os.WriteFile(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/hotplug/fail", u.cpu), []byte(u.step), 0); err != nil {
		return err
	}
	// Not by the Go library, which tries again when it reads EAGAIN.
	if err := writeOnce(cpuFile(u.cpu), "0"); !errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("unplugging CPU %d: %v, want %v", u.cpu, err, unix.EAGAIN)
	}
	return nil
}

// comesBackTo waits until tasks may use these CPUs and no others: a worker of the kernel's gives them back.
func comesBackTo(t testing.TB, cpus string, tids ...int) {
	t.Helper()
	for _, tid := range tids {
		eventually(t, fmt.Sprintf("thread %d may use CPUs %s", tid, cpus), func() bool {
			have, err := allowed(tid)
			return err == nil && have == allowedText(cpus, allNodes)
		})
	}
}

// A CPU that was about to go and stays: whoever was sent to the parent's CPUs meanwhile comes back, as if nothing had been.
func TestCpusetUnplugThatFails(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "2-3", allNodes)
	b := cpuset(t, a, "b", "3", allNodes)
	bound, boundThreads := spinning(t, 2)
	wishing, wishingThreads := spinning(t, 1)
	must(t, b.AttachProc(bound))
	must(t, a.AttachProc(wishing))
	must(t, wish(wishingThreads[0], 3))
	u := newFailingUnplug(t, 3)
	for range 5 {
		must(t, u.attempt())
		comesBackTo(t, "3", bound, boundThreads[0], boundThreads[1], wishingThreads[0])
		wantOn(t, bound, boundThreads, 3)
		wantOn(t, wishing, wishingThreads, 3)
		wantSet(t, b, "effective_cpus", "3")
	}
	must(t, h.Root().AttachProc(bound))
	must(t, h.Root().AttachProc(wishing))
}

// The same for those who come, and ask for the CPU, while it seems to go.
func TestCpusetRaceUnplugThatFails(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "3", allNodes)
	moved, wishing := sleeper(t), sleeper(t)
	must(t, a.Attach(wishing))
	u := newFailingUnplug(t, 3)
	r := quietRace(t)
	r.worker("unplug", u.attempt)
	r.worker("move", func() error { return errors.Join(h.Root().Attach(moved), a.Attach(moved)) })
	r.worker("wish", func() error {
		// The scheduler asks for the cpuset's CPUs first and then looks whether one is active: none is, if the last went in between.
		for _, cpus := range [][]int{{3}, {0, 1, 2, 3}} {
			if err := wish(wishing, cpus...); err != nil && !errors.Is(err, unix.EINVAL) {
				return err
			}
		}
		return nil
	})
	r.wait()
	comesBackTo(t, "3", moved, wishing)
	kill(moved)
	kill(wishing)
}
