//go:build guest && debug

package guesttest

import (
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// unreaped returns how many tasks a subsystem has counted in a container that have not been reaped yet, the living among them.
func unreaped(t testing.TB, c containerfs.Container, ss string) int {
	t.Helper()
	return got(strconv.Atoi(got(c.ReadString(ss + ".unreaped"))(t)))(t)
}

// wantDead waits until a subsystem has counted that many tasks in a container which are dead and have not been reaped. In the root the
// machine's own threads come and go between two looks, so it goes by what most looks say.
func wantDead(t testing.TB, c containerfs.Container, ss string, want int) {
	t.Helper()
	var dead []int
	if !within(patience, func() bool {
		dead = dead[:0]
		for range 21 {
			dead = append(dead, unreaped(t, c, ss)-counted(t, c, ss))
		}
		slices.Sort(dead)
		return dead[len(dead)/2] == want
	}) {
		t.Errorf("%s counts %d dead tasks in %s, want %d", ss, dead, c.Path, want)
	}
}

func wantNoDead(t testing.TB, c containerfs.Container, ss string) {
	t.Helper()
	wantDead(t, c, ss, 0)
}

// A dead task counts until it has been reaped, where a subsystem wants to know, and is told of once.
func TestReaped(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a := mkdir(t, h.Root(), "a")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	killUnreaped(t, pid)
	for _, ss := range debugPair {
		if alive, all, calls := counted(t, a, ss), unreaped(t, a, ss), callbacks(t, a, ss); alive != 0 || all != 1 || calls["exit"] != 1 || calls["reaped"] != 0 {
			t.Errorf("%s counts %d tasks and %d unreaped ones of a dead one: %v", ss, alive, all, calls)
		}
	}
	reap(pid)
	for _, ss := range debugPair {
		if all, calls := unreaped(t, a, ss), callbacks(t, a, ss); all != 0 || calls["exit"] != 1 || calls["reaped"] != 1 {
			t.Errorf("%s counts %d unreaped tasks when the only one has been reaped: %v", ss, all, calls)
		}
	}
}

// Threads reap themselves. When one executes a program, the others and the first one among them are gone.
func TestReapedThreads(t *testing.T) {
	begin(t)
	h := mount(t, bound("debug_a"))
	a := mkdir(t, h.Root(), "a")
	p := start(t, nil, nil, "threadexec")
	p.line(t)
	must(t, a.AttachProc(p.pid))
	p.say(t, "exec")
	if line := p.line(t); line != "ready" {
		t.Fatalf("the program says %q", line)
	}
	eventually(t, "only the threads of the new program are left", func() bool {
		return unreaped(t, a, "debug_a") == len(threadsOf(p.pid))
	})
	p.stop()
	wantNoDead(t, a, "debug_a")
	if alive, calls := counted(t, a, "debug_a"), callbacks(t, a, "debug_a"); alive != 0 || calls["reaped"] != calls["exit"] {
		t.Errorf("%d tasks left, callbacks %v", alive, calls)
	}
}

// The dead do not keep a container from being removed, but its state lasts until they have been reaped.
func TestReapedAfterContainer(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a := mkdir(t, h.Root(), "a")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	killUnreaped(t, pid)
	must(t, a.Remove())
	for _, ss := range debugPair {
		wantLive(t, h, ss, 1)
	}
	reap(pid)
	for _, ss := range debugPair {
		wantLive(t, h, ss, 0) // and the kernel warns of a state that goes with tasks in it
		wantNoDead(t, h.Root(), ss)
	}
}

// The dead are forgotten with their hierarchy, that of a removed container too, and count in no later one.
func TestReapedAfterHierarchy(t *testing.T) {
	begin(t)
	before := sleeper(t)
	killUnreaped(t, before)
	h := mount(t, bound(debugPair...))
	removed, root := sleeper(t), sleeper(t)
	a := mkdir(t, h.Root(), "a")
	must(t, a.Attach(removed))
	killUnreaped(t, removed)
	killUnreaped(t, root)
	must(t, a.Remove())
	must(t, h.Unmount())

	h = mount(t, bound(debugPair...))
	after := sleeper(t)
	killUnreaped(t, after)
	for _, ss := range debugPair {
		wantDead(t, h.Root(), ss, 1)
	}
	for _, pid := range []int{before, removed, root, after} {
		reap(pid)
	}
	for _, ss := range debugPair {
		wantNoDead(t, h.Root(), ss)
		wantLive(t, h, ss, 0)
	}
}

// A task that dies unreaped while it is on its way elsewhere, or is moved to and fro before, is told of where it died.
func TestReapedWhereItDied(t *testing.T) {
	begin(t)
	h := mount(t, bound("debug_a"))
	a, b := mkdir(t, h.Root(), "a"), mkdir(t, h.Root(), "b")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	must(t, b.Attach(pid))
	killUnreaped(t, pid)
	wantError(t, a.Attach(pid), unix.ESRCH, "attach of a dead task")
	if n, m := unreaped(t, a, "debug_a"), unreaped(t, b, "debug_a"); n != 0 || m != 1 {
		t.Errorf("unreaped where it was: %d, where it died: %d", n, m)
	}
	reap(pid)
	if calls := callbacks(t, b, "debug_a"); calls["reaped"] != 1 {
		t.Errorf("callbacks: %v", calls)
	}
}

// A fork that fails has nobody to be reaped.
func TestReapedNotAfterFailedFork(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a, p := heldFork(t, h)
	p.stop()
	for _, ss := range debugPair {
		wantNoDead(t, a, ss)
		if calls := callbacks(t, a, ss); calls["reaped"] != calls["exit"] || calls["cancel_fork"] != 1 {
			t.Errorf("callbacks of %s: %v", ss, calls)
		}
	}
}
