//go:build guest && debug

package guesttest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// cloner returns a process that makes a sleeping thread each time when cloneThread tells it to.
func cloner(t testing.TB) int {
	t.Helper()
	pid := got(bare.Fork(bare.Clones))(t)
	t.Cleanup(func() { kill(pid) })
	awaitStopped(t, pid)
	return pid
}

func cloneThread(t testing.TB, pid int) {
	t.Helper()
	must(t, unix.Kill(pid, unix.SIGCONT))
}

// heldClone returns containers a and b, and a process in a with one thread, which is about to make another: that is counted in a, and
// will be born when debug_a.hold_can_fork of a is taken away.
func heldClone(t *testing.T, h containerfs.Hierarchy) (a, b containerfs.Container, pid int) {
	t.Helper()
	a, b = mkdir(t, h.Root(), "a", "b"), h.Container("/b")
	pid = cloner(t)
	must(t, a.AttachProc(pid))
	must(t, a.Write("debug_a.hold_can_fork", "1"))
	t.Cleanup(func() { a.Write("debug_a.hold_can_fork", "0") })
	cloneThread(t, pid)
	eventually(t, "the thread is counted", func() bool { return callbacks(t, a, "debug_a")["can_fork"] == 1 })
	return a, b, pid
}

// A move of a whole process does not wait for a thread that is being made, which is then born where the others are.
func TestHeldCloneFollowsMove(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a, b, pid := heldClone(t, h)
	must(t, beside(t, func() error { return b.AttachProc(pid) })())
	wantTasks(t, a)
	wantTasks(t, b, pid)
	releaseFork(t, a)
	awaitStopped(t, pid)
	wantTasks(t, b, threadsOf(pid)...)
	if n := len(threadsOf(pid)); n != 2 {
		t.Errorf("%d threads, want 2", n)
	}
	kill(pid)
	for _, ss := range debugPair {
		wantExactCounts(t, h.Root(), ss)
		wantNoDead(t, h.Root(), ss)
	}
}

// A thread that is born while its process is being moved moves with it.
func TestHeldMoveTakesNewThread(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a, b, pid := heldClone(t, h)
	must(t, b.Write("debug_a.hold_can_attach", "1"))
	t.Cleanup(func() { b.Write("debug_a.hold_can_attach", "0") })
	moved := beside(t, func() error { return b.AttachProc(pid) })
	eventually(t, "the mover has charged for the first thread", func() bool { return callbacks(t, b, "debug_a")["can_attach"] == 1 })

	releaseFork(t, a)
	awaitStopped(t, pid)
	wantTasks(t, a, threadsOf(pid)...)
	if n := len(threadsOf(pid)); n != 2 {
		t.Errorf("%d threads while the mover waits, want 2", n)
	}

	must(t, b.Write("debug_a.hold_can_attach", "0"))
	must(t, moved())
	wantTasks(t, a)
	wantTasks(t, b, threadsOf(pid)...)
	for _, ss := range debugPair {
		if calls := callbacks(t, b, ss); calls["can_attach"] != 2 || calls["attach"] != 2 || calls["post_attach"] != 1 || calls["cancel_attach"] != 0 {
			t.Errorf("callbacks of %s: %v", ss, calls)
		}
		wantExactCounts(t, h.Root(), ss)
	}
	kill(pid)
	for _, ss := range debugPair {
		wantExactCounts(t, h.Root(), ss)
		wantNoDead(t, h.Root(), ss)
	}
}

// A new thread that is refused keeps all threads where they are.
func TestHeldMoveRefusesNewThread(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a, b, pid := heldClone(t, h)
	must(t, b.Write("debug_a.hold_can_attach", "1"))
	t.Cleanup(func() { b.Write("debug_a.hold_can_attach", "0") })
	moved := beside(t, func() error { return b.AttachProc(pid) })
	eventually(t, "the mover has charged for the first thread", func() bool { return callbacks(t, b, "debug_a")["can_attach"] == 1 })
	releaseFork(t, a)
	awaitStopped(t, pid)
	// The first thread goes through debug_b, too, before it fails for the second.
	must(t, b.Write("debug_a.fail_can_attach", "18"))
	must(t, b.Write("debug_a.hold_can_attach", "0"))
	wantError(t, moved(), unix.EXDEV, "move of a process whose new thread is refused")
	wantTasks(t, b)
	wantTasks(t, a, threadsOf(pid)...)
	for _, ss := range debugPair {
		if n := counted(t, b, ss); n != 0 {
			t.Errorf("%s counts %d tasks where nobody is", ss, n)
		}
		wantExactCounts(t, h.Root(), ss)
	}
}

// A task that dies while it is being moved is moved nowhere, and what was charged for that goes back, also above both containers.
func TestHeldMoveOfTheDead(t *testing.T) {
	begin(t)
	h := mount(t, bound(append([]string{"bc"}, debugPair...)...))
	above := mkdir(t, h.Root(), "above", "above/a", "above/b")
	a, b := above.Child("a"), above.Child("b")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	must(t, b.Write("debug_a.hold_can_attach", "1"))
	t.Cleanup(func() { b.Write("debug_a.hold_can_attach", "0") })
	moved := beside(t, func() error { return b.Attach(pid) })
	eventually(t, "the mover has charged for the task", func() bool { return callbacks(t, b, "debug_a")["can_attach"] == 1 })
	kill(pid)
	must(t, b.Write("debug_a.hold_can_attach", "0"))
	wantError(t, moved(), unix.ESRCH, "move of a task that has died meanwhile")
	for _, c := range []containerfs.Container{above, a, b} {
		wantSoonHeld(t, c, "numtasks", 0)
		wantTasks(t, c)
	}
	for _, ss := range debugPair {
		if calls := callbacks(t, b, ss); calls["can_attach"] != 1 || calls["cancel_attach"] != 1 || calls["attach"] != 0 {
			t.Errorf("callbacks of %s: %v", ss, calls)
		}
		wantExactCounts(t, h.Root(), ss)
	}
}

// A process that is being moved begins no further fork, and while it waits to it holds up nobody else.
func TestHeldMoveKeepsForksWaiting(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	b := mkdir(t, h.Root(), "b")
	p := forker(t)
	must(t, b.Write("debug_a.hold_can_attach", "1"))
	t.Cleanup(func() { b.Write("debug_a.hold_can_attach", "0") })
	moved := beside(t, func() error { return b.AttachProc(p.pid) })
	eventually(t, "the mover has charged for a thread", func() bool { return callbacks(t, b, "debug_a")["can_attach"] == 1 })
	p.say(t, "fork")
	other := sleeper(t) // whoever is not moved forks
	must(t, b.Write("debug_a.hold_can_attach", "0"))
	must(t, moved())
	child := got(p.forked(t))(t)
	wantPath(t, child, "debug_a,debug_b", "/b")
	wantPath(t, other, "debug_a,debug_b", "/")
	p.end()
	for _, ss := range debugPair {
		wantExactCounts(t, h.Root(), ss)
	}
}

// Whoever reads a file of a container keeps up its removal, as the file's handler must be through; but nothing else waits.
func TestHeldReaderKeepsUpRemovalAlone(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	gone, stays := mkdir(t, h.Root(), "gone", "stays"), h.Container("/stays")
	file := got(os.OpenFile(gone.File("tasks"), os.O_WRONLY, 0))(t)
	defer file.Close()
	must(t, h.Root().Write("debug_a.hold_readers", "1"))
	t.Cleanup(func() { h.Root().Write("debug_a.hold_readers", "0") })
	// The removal locks the directory that it is from, so whoever looks up a name there for the first time waits, too.
	for _, c := range []containerfs.Container{stays, h.Root()} {
		got(os.Stat(c.File("tasks")))(t)
	}
	read := beside(t, func() error {
		f, err := os.Open(gone.File("debug_a.reader"))
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.Read(make([]byte, 10))
		return err
	})
	eventually(t, "the reader waits in the kernel", func() bool { return callbacks(t, gone, "debug_a")["reader"] == 1 })
	removed := beside(t, gone.Remove)
	// Nobody has this number; a container that is being removed does not even ask.
	eventually(t, "the container is being removed", func() bool {
		_, err := file.WriteString("4194305")
		return isOneOf(err, []unix.Errno{unix.ENODEV})
	})

	pid := sleeper(t)
	must(t, beside(t, func() error { return stays.Attach(pid) })())
	must(t, beside(t, func() error { return h.Root().Attach(pid) })())
	must(t, beside(t, stays.Child("made").Create)())
	must(t, beside(t, stays.Child("made").Remove)())
	other := mount(t, named("other"))
	if n := len(got(containerfs.ReadStatus())(t).Hierarchies); n != 2 {
		t.Errorf("%d hierarchies, want 2", n)
	}
	must(t, other.Unmount())

	must(t, h.Root().Write("debug_a.hold_readers", "0"))
	must(t, read())
	must(t, removed())
	wantLive(t, h, "debug_a", 1)
}
