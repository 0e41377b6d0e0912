//go:build guest && debug

package guesttest

import (
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// The kernel's own tests of the arithmetic.
func TestNumtasksSharesInTheKernel(t *testing.T) { runKUnit(t, "container_shares") }

// A fork that another subsystem refuses after numtasks has let it through is returned.
func TestNumtasksReturnsARefusedFork(t *testing.T) {
	begin(t)
	h := divided(t, "debug_a")
	a := mkdir(t, h.Root(), "a")
	setShares(t, a, "max_shares=3")
	p := forkerIn(t, a)
	must(t, a.Write("debug_a.fail_can_fork", strconv.Itoa(int(unix.EDQUOT))))
	for range 10 {
		_, err := p.fork(t)
		wantError(t, err, unix.EDQUOT, "a fork that debug_a refuses")
	}
	if s := stats(t, a); s != (numtasksStats{usage: 1}) {
		t.Errorf("statistics after forks that failed late: %+v", s)
	}
	must(t, a.Write("debug_a.fail_can_fork", "0"))
	p.forks(t, 2)
	p.wantRefused(t)
	p.end()
}

// A group that was made, and its directory then was not, leaves nothing in its parent: the kernel would meet it where it divides anew.
func TestNumtasksForgetsAGroupThatFailed(t *testing.T) {
	begin(t)
	h := divided(t, "debug_a")
	a := mkdir(t, h.Root(), "a")
	must(t, a.Write("debug_a.fail_create", strconv.Itoa(int(unix.ENOSPC))))
	for range 10 {
		wantError(t, a.Child("b").Create(), unix.ENOSPC, "mkdir that debug_a refuses")
	}
	must(t, a.Write("debug_a.fail_create", "0"))
	setShares(t, a, "max_shares=20,child_shares_divisor=10")
	b := mkdir(t, a, "b")
	setShares(t, b, "min_shares=10,max_shares=10")
	wantShares(t, b, 10, 10, 100)
	must(t, b.Remove())
	setShares(t, a, "child_shares_divisor=5")
}

// A fork that is killed once it is charged is returned.
func TestNumtasksReturnsAKilledFork(t *testing.T) {
	begin(t)
	h := divided(t, "debug_a")
	a, p := heldFork(t, h)
	wantUsage(t, a, 2)
	p.stop()
	wantUnused(t, a)
	if s := stats(t, a); s != (numtasksStats{}) {
		t.Errorf("statistics after a fork that was killed: %+v", s)
	}
}

// A success is a fork that can no longer fail, and one that fails takes nobody else's away.
func TestNumtasksSuccessIsCountedLast(t *testing.T) {
	begin(t)
	h := divided(t, "debug_a")
	a, p := heldFork(t, h)
	if s := stats(t, a); s != (numtasksStats{usage: 2}) {
		t.Errorf("statistics while a fork is under way: %+v", s)
	}
	must(t, a.Write("numtasks.stats", "res=numtasks"))
	p.stop()
	wantUnused(t, a)
	must(t, a.Write("debug_a.hold_can_fork", "0"))
	q := forkerIn(t, a)
	q.forks(t, 2)
	if s := stats(t, a); s != (numtasksStats{usage: 3, successes: 2}) {
		t.Errorf("statistics after a fork that began before the reset has failed: %+v", s)
	}
	q.end()
}

// However often a fork is asked for again, as its parent moves meanwhile, it counts once for the rate.
func TestNumtasksRetryPaysOnce(t *testing.T) {
	begin(t)
	h := divided(t, "debug_a")
	limitRate(t, 1, longInterval)
	parent := mkdir(t, h.Root(), "parent")
	a := mkdir(t, parent, "a", "b")
	b := parent.Child("b")
	p := forker(t)
	must(t, a.Attach(p.pid))
	must(t, a.Write("debug_a.hold_can_fork", "1"))
	t.Cleanup(func() { a.Write("debug_a.hold_can_fork", "0") })
	p.say(t, "fork")
	eventually(t, "the fork is counted", func() bool { return callbacks(t, a, "debug_a")["can_fork"] == 1 })
	must(t, b.Attach(p.pid))
	releaseFork(t, a)
	child := got(p.forked(t))(t)
	wantTasks(t, b, p.pid, child)
	p.wantRefused(t)
	if s := stats(t, parent); s != (numtasksStats{usage: 2, rateFailures: 1}) {
		t.Errorf("statistics of the parent: %+v", s)
	}
	p.end()
}

// A fork whose parent moves meanwhile is charged where the child is born, and counts once.
func TestNumtasksChargesWhereTheChildIsBorn(t *testing.T) {
	begin(t)
	h := divided(t, "debug_a")
	a, p := heldFork(t, h)
	b := mkdir(t, h.Root(), "b")
	must(t, b.Attach(p.pid))
	releaseFork(t, a)
	child := got(p.forked(t))(t)
	if s := stats(t, a); s != (numtasksStats{}) {
		t.Errorf("statistics of where the parent was: %+v", s)
	}
	if s := stats(t, b); s != (numtasksStats{usage: 2, successes: 1}) {
		t.Errorf("statistics of where the parent is: %+v", s)
	}
	wantTasks(t, b, p.pid, child)
	p.end()
}

// heldAt has a process moved to c, and waits until the move is held there by debug_a's file; release lets it go on.
func heldAt(t *testing.T, c containerfs.Container, file string, pid int, there func() bool) (release func()) {
	t.Helper()
	must(t, c.Write(file, "1"))
	t.Cleanup(func() { c.Write(file, "0") })
	wait := beside(t, func() error { return c.AttachProc(pid) })
	eventually(t, "the move is held", there)
	return func() {
		t.Helper()
		must(t, c.Write(file, "0"))
		must(t, wait())
	}
}

// However long a move takes, the groups above count its tasks once, and have room for a fork where there is.
func TestNumtasksHeldMoveCountsOnce(t *testing.T) {
	begin(t)
	h := divided(t, "debug_a")
	parent, a, b := familyOf(t, h, 5)
	pid, tids := threaded(t, 1)
	must(t, a.AttachProc(pid))
	p := forkerIn(t, parent)
	for _, held := range []struct {
		file  string
		there func() bool
	}{
		{"debug_a.hold_can_attach", func() bool { return callbacks(t, b, "debug_a")["can_attach"] > 0 }},
		{"debug_a.hold_attach", func() bool { return len(got(a.Tasks())(t)) == 0 }},
	} {
		release := heldAt(t, b, held.file, pid, held.there)
		wantUsage(t, parent, len(tids)+1)
		child := p.forks(t, 1)[0]
		wantUsage(t, parent, len(tids)+2)
		// One more is all that there is room for.
		last := p.forks(t, 1)[0]
		p.wantRefused(t)
		endTask(t, parent, child)
		endTask(t, parent, last)
		release()
		wantUsage(t, parent, len(tids)+1)
		wantUsage(t, a, 0)
		wantUsage(t, b, len(tids))
		must(t, a.AttachProc(pid))
	}
	kill(pid)
	p.end()
	wantUnused(t, parent, a, b)
}

// A task that has moved counts before it can fork there: however late the subsystems hear of the move, there are never more tasks than the
// maximum of where it is.
func TestNumtasksMovedTaskCountsAtOnce(t *testing.T) {
	begin(t)
	h := divided(t, "debug_a")
	parent, a, b := family(t, h)
	setShares(t, b, "max_shares=3")
	pid := cloner(t)
	cloneThread(t, pid)
	eventually(t, "the process has two threads", func() bool { return len(threadsOf(pid)) == 2 })
	awaitStopped(t, pid)
	must(t, a.AttachProc(pid))
	release := heldAt(t, b, "debug_a.hold_attach", pid, func() bool { return len(got(a.Tasks())(t)) == 0 })
	wantUsage(t, a, 0)
	wantUsage(t, b, 2)
	wantUsage(t, parent, 2)
	for range 3 {
		cloneThread(t, pid)
		awaitStopped(t, pid)
	}
	if n := len(threadsOf(pid)); n != 3 {
		t.Errorf("%d threads in a group of at most 3", n)
	}
	release()
	wantUsage(t, b, 3)
	if s := stats(t, b); s.successes != 1 || s.failures == 0 {
		t.Errorf("statistics: %+v", s)
	}
	kill(pid)
	wantUnused(t, parent, a, b)
}

// A task that exits, and is reaped, while it is moved is counted where it was until the subsystems have heard of the move, and nowhere after it.
func TestNumtasksTaskEndsWhileItMoves(t *testing.T) {
	begin(t)
	h := divided(t, "debug_a")
	parent, a, b := familyOf(t, h, 60)
	for name, end := range map[string]func(pid int){
		"reaped":   func(pid int) { kill(pid) },
		"unreaped": func(pid int) { killUnreaped(t, pid) },
	} {
		pid := sleeper(t)
		must(t, a.Attach(pid))
		before := callbacks(t, b, "debug_a")
		release := heldAt(t, b, "debug_a.hold_attach", pid, func() bool { return len(got(a.Tasks())(t)) == 0 })
		end(pid)
		if calls := callbacks(t, b, "debug_a"); calls["exit"] != before["exit"] || calls["reaped"] != before["reaped"] {
			t.Errorf("%s: told before the move: %v", name, calls)
		}
		wantUsage(t, parent, 1)
		release()
		reaped := 0
		if name == "reaped" {
			reaped = 1
		}
		if calls := callbacks(t, b, "debug_a"); calls["exit"] != before["exit"]+1 || calls["reaped"] != before["reaped"]+reaped {
			t.Errorf("%s: callbacks after the move: %v, before: %v", name, calls, before)
		}
		wantUsage(t, a, 0)
		wantUsage(t, b, 1-reaped)
		kill(pid)
		wantUnused(t, parent, a, b)
	}
	wantExactCounts(t, h.Root(), "debug_a")
}
