//go:build guest && debug

package guesttest

import (
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
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
