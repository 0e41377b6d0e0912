//go:build guest

package guesttest

import (
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// longInterval is one that does not end while a test runs, unless it began long ago.
const longInterval = 1 << 30

// limitRate lets groups make that many forks in an interval of that many seconds.
func limitRate(t testing.TB, rate, interval int) {
	t.Helper()
	setParameter(t, "forkrate_interval", strconv.Itoa(interval))
	t.Cleanup(func() { setParameter(t, "forkrate_interval", "1") })
	setParameter(t, "forkrate", strconv.Itoa(rate))
	t.Cleanup(func() { setParameter(t, "forkrate", "unlimited") })
}

// forksIn has a thread make children in c, which end at once, until it is refused one or has made that many.
func forksIn(t testing.TB, c containerfs.Container, most int) (forked int) {
	t.Helper()
	onThread(t, func(int) {
		if err := c.Attach(0); err != nil {
			t.Error(err)
			return
		}
		for ; forked < most; forked++ {
			pid, err := bare.Spawn(bare.Exits)
			if err != nil {
				wantError(t, err, unix.EAGAIN, "a fork too soon")
				return
			}
			reap(pid)
		}
	})
	return forked
}

// Of each interval's forks only so many are let through, and of the next as many again.
func TestNumtasksForkRate(t *testing.T) {
	begin(t)
	h := mount(t, bound("numtasks"))
	a := mkdir(t, h.Root(), "a")
	const rate = 10
	limitRate(t, rate, 2)
	// Two intervals have had to begin where there were twice as many forks, and one more where none was refused.
	forked, refused := 0, 0
	eventually(t, "three intervals have been used up", func() bool {
		n := forksIn(t, a, rate+1)
		if n > rate {
			n = 0 // an interval ended meanwhile
		} else {
			refused++
		}
		forked += n
		return forked >= 3*rate
	})
	if s := stats(t, a); s.rateFailures < refused || s.failures != 0 || s.successes < forked {
		t.Errorf("statistics after %d forks and %d refusals: %+v", forked, refused, s)
	}
}

func TestNumtasksForkRateIsExact(t *testing.T) {
	begin(t)
	h := mount(t, bound("numtasks"))
	a := mkdir(t, h.Root(), "a")
	limitRate(t, 5, longInterval)
	if n := forksIn(t, a, 20); n != 5 {
		t.Errorf("%d forks in an interval of 5", n)
	}
	wantUnused(t, a)
	if s := stats(t, a); s != (numtasksStats{successes: 5, rateFailures: 1}) {
		t.Errorf("statistics: %+v", s)
	}
	// What is in the next hierarchy is new.
	must(t, a.Remove())
	must(t, h.Unmount())
	h = mount(t, bound("numtasks"))
	if n := forksIn(t, mkdir(t, h.Root(), "a"), 20); n != 5 {
		t.Errorf("%d forks in the next hierarchy", n)
	}
}

// Intervals are counted from the machine's start, which is not where the kernel's clock of ticks begins: that is about to overflow in 32 bits.
func TestNumtasksForkRateIntervalsBeginAtTheStart(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, bound("numtasks")).Root(), "a")
	limitRate(t, 5, longInterval)
	if n := forksIn(t, a, 20); n != 5 {
		t.Errorf("%d forks in an interval of 5", n)
	}
	for _, hz := range []int{100, 250, 300, 1000} {
		var info unix.Sysinfo_t
		must(t, unix.Sysinfo(&info))
		// An interval that would end now if it were counted by ticks. By seconds it began with the machine, as the first one did.
		setParameter(t, "forkrate_interval", strconv.Itoa((1<<32)/hz-300+int(info.Uptime)+1))
		time.Sleep(1500 * time.Millisecond)
		if n := forksIn(t, a, 20); n != 0 {
			t.Errorf("%d forks in an interval that has been used up, with %d ticks in a second", n, hz)
		}
	}
}

// A fork counts for the groups above, too: who may make containers has no rate of his own in each.
func TestNumtasksForkRateCountsAbove(t *testing.T) {
	begin(t)
	h := mount(t, bound("numtasks"))
	parent := mkdir(t, h.Root(), "parent")
	groups := []containerfs.Container{mkdir(t, parent, "1"), mkdir(t, parent, "2"), mkdir(t, parent, "3")}
	limitRate(t, 5, longInterval)
	for i, want := range []int{3, 2, 0} {
		if n := forksIn(t, groups[i], max(want, 3)); n != want {
			t.Errorf("%d forks in %s, want %d", n, groups[i].Path, want)
		}
	}
	wantUnused(t, parent)
	// The limit is the parent's.
	if s := stats(t, parent); s != (numtasksStats{rateFailures: 2}) {
		t.Errorf("statistics of the parent: %+v", s)
	}
	if s := stats(t, groups[2]); s != (numtasksStats{rateFailures: 1}) {
		t.Errorf("statistics of a child: %+v", s)
	}
	other := mkdir(t, h.Root(), "other")
	if n := forksIn(t, other, 20); n != 5 {
		t.Errorf("%d forks beside the parent", n)
	}
}

// The root, where the machine's own tasks are, has no rate.
func TestNumtasksRootHasNoForkRate(t *testing.T) {
	begin(t)
	h := mount(t, bound("numtasks"))
	limitRate(t, 1, longInterval)
	if n := forksIn(t, h.Root(), 30); n != 30 {
		t.Errorf("only %d forks in the root", n)
	}
	if s := stats(t, h.Root()); s.rateFailures != 0 {
		t.Errorf("statistics of the root: %+v", s)
	}
}

// A fork that is refused for want of tasks is none for the rate.
func TestNumtasksFullGroupUsesNoForkRate(t *testing.T) {
	begin(t)
	h := divided(t)
	a := mkdir(t, h.Root(), "a")
	setShares(t, a, "max_shares=1")
	limitRate(t, 5, longInterval)
	for range 20 {
		if n := forksIn(t, a, 1); n != 0 {
			t.Error("a fork in a full group")
		}
	}
	wantUnused(t, a)
	if s := stats(t, a); s != (numtasksStats{failures: 20}) {
		t.Errorf("statistics: %+v", s)
	}
	setShares(t, a, "max_shares=2")
	if n := forksIn(t, a, 20); n != 5 {
		t.Errorf("%d forks once there is room, want 5", n)
	}
}
