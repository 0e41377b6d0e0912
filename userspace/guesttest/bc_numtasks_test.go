//go:build guest

package guesttest

import (
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

func TestBCTasks(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	b := mkdir(t, a, "b")
	setBounds(t, a, "numtasks", 3, 4)
	p := puppetIn(t, b)
	p.dropPrivileges(t)
	wantCounter(t, a, "numtasks", counter{1, 2, 0, 3, 4, 0}) // the thread that made it was here, too
	first, second := p.mustFork(t), p.mustFork(t)
	for range 3 {
		_, err := p.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0)
		wantError(t, err, unix.EAGAIN, "a fork too many")
	}
	wantCounter(t, a, "numtasks", counter{3, 3, 0, 3, 4, 3})
	wantCounter(t, b, "numtasks", counter{3, 3, 0, unlimited, unlimited, 0})
	p.mustEnd(t, first)
	wantHeld(t, a, "numtasks", 2)
	first = p.mustFork(t)
	_, err := p.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0)
	wantError(t, err, unix.EAGAIN, "a fork too many again")
	wantCounter(t, a, "numtasks", counter{3, 3, 0, 3, 4, 4})
	p.mustEnd(t, first)
	p.mustEnd(t, second)
	p.Close()
	wantNothingHeld(t, a, b)
}

// Who has CAP_SYS_ADMIN forks up to the limit.
func TestBCTasksUpToTheLimit(t *testing.T) {
	begin(t)
	a := mkdir(t, beancounters(t).Root(), "a")
	p := puppetIn(t, a)
	setBounds(t, a, "numtasks", 0, 3)
	children := []int{p.mustFork(t), p.mustFork(t)}
	_, err := p.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0)
	wantError(t, err, unix.EAGAIN, "a fork beyond the limit")
	for _, child := range children {
		p.mustEnd(t, child)
	}
	wantCounter(t, a, "numtasks", counter{1, 3, 0, 0, 3, 1})
}

// To move tasks in is never refused, and counts; whoever has them before and after notices nothing.
func TestBCTasksMove(t *testing.T) {
	begin(t)
	h := beancounters(t)
	parent := mkdir(t, h.Root(), "parent")
	a, b := mkdir(t, parent, "a"), mkdir(t, parent, "b")
	setBounds(t, a, "numtasks", 1, 1)
	pid, tids := threaded(t, 9)
	n := uint64(len(tids))
	must(t, a.AttachProc(pid))
	wantCounter(t, a, "numtasks", counter{n, n, 0, 1, 1, 0})
	wantHeld(t, parent, "numtasks", n)
	setBounds(t, parent, "numtasks", n, n)
	must(t, b.AttachProc(pid))
	must(t, parent.Attach(tids[0]))
	wantCounter(t, a, "numtasks", counter{0, n, 0, 1, 1, 0})
	wantHeld(t, b, "numtasks", n-1)
	wantCounter(t, parent, "numtasks", counter{n, n, 0, n, n, 0})
	must(t, h.Root().Attach(tids[0]))
	wantHeld(t, parent, "numtasks", n-1)
	must(t, a.Attach(tids[0]))
	wantCounter(t, parent, "numtasks", counter{n, n, 0, n, n, 0})
	kill(pid)
	wantNothingHeld(t, a, b, parent)
}

// All tasks of the machine are counted from the mount on, and nobody is left in the end.
func TestBCTasksOfTheMachine(t *testing.T) {
	begin(t)
	h := beancounters(t)
	eventually(t, "as many tasks are held as there are", func() bool {
		before := len(got(h.Root().Tasks())(t))
		held := bcValue(t, h.Root(), "numtasks", "held")
		return uint64(before) == held && before == len(got(h.Root().Tasks())(t))
	})
}

// A dead task counts until it has been reaped, where it was and above, also when its container is gone.
func TestBCDeadTasksCount(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	b := mkdir(t, a, "b")
	pid := sleeper(t)
	must(t, b.Attach(pid))
	killUnreaped(t, pid)
	wantHeld(t, b, "numtasks", 1)
	must(t, b.Remove())
	wantHeld(t, a, "numtasks", 1)
	p := puppetIn(t, a)
	setBounds(t, a, "numtasks", 2, 2)
	_, err := p.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0)
	wantError(t, err, unix.EAGAIN, "a fork beside a dead task")
	reap(pid)
	p.mustEnd(t, p.mustFork(t))
	wantHeld(t, a, "numtasks", 1)
}

// Several resources beside each other, in one hierarchy with others that count.
func TestBCBesideNumtasks(t *testing.T) {
	begin(t)
	h := divided(t, "bc")
	a := mkdir(t, h.Root(), "a")
	setShares(t, a, "max_shares=3")
	setBounds(t, a, "numtasks", 2, 2)
	p := puppetIn(t, a)
	child := p.mustFork(t)
	refused := func(c containerfs.Container) {
		t.Helper()
		_, err := p.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0)
		wantError(t, err, unix.EAGAIN, "a fork too many")
		wantHeld(t, c, "numtasks", uint64(stats(t, c).usage))
	}
	refused(a)
	setBounds(t, a, "numtasks", 10, 10)
	second := p.mustFork(t)
	refused(a)
	if c := bcCounter(t, a, "numtasks"); c.failcnt != 1 {
		t.Errorf("%d forks were refused here, want 1", c.failcnt)
	}
	p.mustEnd(t, child)
	p.mustEnd(t, second)
	p.Close()
	wantUnused(t, a)
	wantNothingHeld(t, a)
}
