//go:build guest && debug

package guesttest

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// heldFork returns a new container and a process with one thread there, which is in the middle of a fork: debug_a has counted the child,
// and will let it be born when releaseFork is called, or when the process is killed.
func heldFork(t *testing.T, h containerfs.Hierarchy) (containerfs.Container, *process) {
	t.Helper()
	a := mkdir(t, h.Root(), "a")
	p := forker(t)
	must(t, a.Attach(p.pid))
	holdFork(t, a, p)
	if n := counted(t, a, "debug_a"); n != 2 {
		t.Errorf("debug_a counts %d tasks, want the parent and its child", n)
	}
	wantTasks(t, a, p.pid)
	return a, p
}

// holdFork lets a forker, which is in a, fork, until debug_a has counted the child.
func holdFork(t *testing.T, a containerfs.Container, p *process) {
	t.Helper()
	before := callbacks(t, a, "debug_a")["can_fork"]
	must(t, a.Write("debug_a.hold_can_fork", "1"))
	t.Cleanup(func() { a.Write("debug_a.hold_can_fork", "0") }) // for a test that fails; the container may be gone
	if text := got(a.ReadString("debug_a.hold_can_fork"))(t); text != "1" {
		t.Errorf("debug_a.hold_can_fork is %q", text)
	}
	p.say(t, "fork")
	eventually(t, "the fork is counted", func() bool { return callbacks(t, a, "debug_a")["can_fork"] == before+1 })
}

// movedHeldFork holds a fork that began in a, and moves its parent to b.
func movedHeldFork(t *testing.T, h containerfs.Hierarchy) (a, b containerfs.Container, p *process) {
	t.Helper()
	a, p = heldFork(t, h)
	b = mkdir(t, h.Root(), "b")
	must(t, b.Attach(p.pid))
	return a, b, p
}

func releaseFork(t *testing.T, a containerfs.Container) {
	t.Helper()
	must(t, a.Write("debug_a.hold_can_fork", "0"))
}

func TestHeldForkIsBorn(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a, p := heldFork(t, h)
	releaseFork(t, a)
	child := got(p.forked(t))(t)
	wantTasks(t, a, p.pid, child)
	if calls := callbacks(t, a, "debug_a"); calls["born"] != 1 || calls["fork"] != 1 || calls["cancel_fork"] != 0 {
		t.Errorf("callbacks: %v", calls)
	}
	p.end()
	for _, ss := range debugPair {
		wantExactCounts(t, h.Root(), ss)
	}
}

// A child whose parent moves while it is made is born where the parent is then, and is counted nowhere else.
func TestHeldForkFollowsMove(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a, b, p := movedHeldFork(t, h)
	releaseFork(t, a)
	child := got(p.forked(t))(t)
	wantTasks(t, a)
	wantTasks(t, b, p.pid, child)
	for _, ss := range debugPair {
		if calls := callbacks(t, a, ss); calls["can_fork"] != 1 || calls["cancel_fork"] != 1 || calls["born"] != 0 || calls["fork"] != 0 {
			t.Errorf("callbacks of %s where the parent was: %v", ss, calls)
		}
		if calls := callbacks(t, b, ss); calls["can_fork"] != 1 || calls["cancel_fork"] != 0 || calls["born"] != 1 || calls["fork"] != 1 {
			t.Errorf("callbacks of %s where the parent is: %v", ss, calls)
		}
	}
	p.end()
	for _, ss := range debugPair {
		wantExactCounts(t, h.Root(), ss)
	}
}

// A child may be refused where its parent is then: it is counted nowhere, and nothing is given back twice, which would show when the parent ends.
func TestHeldForkRefusedWhereItFollows(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a, b, p := movedHeldFork(t, h)
	must(t, b.Write("debug_b.fail_can_fork", fmt.Sprint(int(unix.EDQUOT))))
	releaseFork(t, a)
	_, err := p.forked(t)
	wantError(t, err, unix.EDQUOT, "fork")
	for _, ss := range debugPair {
		wantExactCounts(t, h.Root(), ss)
	}
	p.end()
	must(t, b.Remove())
	for _, ss := range debugPair {
		wantExactCounts(t, h.Root(), ss)
	}
}

// A fork that fails after it was counted, here because its process is killed, is uncounted.
func TestHeldForkKilled(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a, p := heldFork(t, h)
	p.stop()
	for _, ss := range debugPair {
		if calls := callbacks(t, a, ss); calls["can_fork"] != 1 || calls["cancel_fork"] != 1 || calls["born"] != 0 || calls["fork"] != 0 {
			t.Errorf("callbacks of %s: %v", ss, calls)
		}
		if n := counted(t, a, ss); n != 0 {
			t.Errorf("%s counts %d tasks in an empty container", ss, n)
		}
	}
}

// What other subsystems have charged for a fork that fails goes back, too.
func TestHeldForkKilledIsNotCharged(t *testing.T) {
	begin(t)
	h := mount(t, bound(append([]string{"bc"}, debugPair...)...))
	a, p := heldFork(t, h)
	p.stop()
	for _, resource := range []string{"numtasks", "numfiles", "privvmpages"} {
		wantSoonHeld(t, a, resource, 0)
	}
}

// wantSoonHeld waits until so much of a resource of bc is held: files and address spaces are freed a little later than their process.
func wantSoonHeld(t *testing.T, c containerfs.Container, resource string, want uint64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s holds %d %s", c.Path, want, resource), func() bool {
		return got(c.ReadUint("bc."+resource+".held"))(t) == want
	})
}

// A container can be removed while a child is made that was to be born there, and its state lasts until that has been uncounted.
func TestHeldForkOutlivesContainer(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a, p := heldFork(t, h)
	must(t, h.Root().Attach(p.pid))
	must(t, a.Remove())
	wantLive(t, h, "debug_a", 1)
	p.stop()
	for _, ss := range debugPair {
		wantLive(t, h, ss, 0)
		wantExactCounts(t, h.Root(), ss)
	}
}
