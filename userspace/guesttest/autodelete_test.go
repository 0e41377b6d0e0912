//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// selfDeleting makes containers that the kernel removes when they fall empty, and returns the first.
func selfDeleting(t *testing.T, c containerfs.Container, names ...string) containerfs.Container {
	t.Helper()
	mkdir(t, c, names...)
	for _, name := range names {
		must(t, c.Child(name).SetAutoDelete(true))
	}
	return c.Child(names[0])
}

// wantGone waits until the kernel has removed a container.
func wantGone(t testing.TB, c containerfs.Container) {
	t.Helper()
	eventually(t, c.Path+" is gone", func() bool { return !exists(c) })
}

// wantStays fails the test if a container is gone once the kernel has had its chance: it has removed another one of the hierarchy, which
// has fallen empty later.
func wantStays(t *testing.T, c containerfs.Container) {
	t.Helper()
	last := selfDeleting(t, c.Hierarchy.Root(), "last")
	pid := sleeper(t)
	must(t, last.Attach(pid))
	kill(pid)
	wantGone(t, last)
	if !exists(c) {
		t.Errorf("%s has been removed", c.Path)
	}
}

func TestAutoDeleteByExit(t *testing.T) {
	begin(t)
	h := mount(t, named("exit"))
	a := selfDeleting(t, h.Root(), "a")
	wantStays(t, a) // never used
	first, second := sleeper(t), sleeper(t)
	must(t, a.Attach(first))
	must(t, a.Attach(second))
	kill(first)
	wantStays(t, a)
	killUnreaped(t, second)
	wantGone(t, a)
	must(t, mkdir(t, h.Root(), "a").Remove()) // the name is free
	if n := hierarchyStatus(t, "name=exit").Containers; n != 1 {
		t.Errorf("%d containers, want the root", n)
	}
}

func TestAutoDeleteByMove(t *testing.T) {
	begin(t)
	h := mount(t, named("moved"))
	a := selfDeleting(t, h.Root(), "a")
	pid, _ := threaded(t, 3)
	must(t, a.AttachProc(pid))
	must(t, h.Root().AttachProc(pid))
	wantGone(t, a)
}

// The last child takes its parent with it, and so on upwards, as far as that is wanted.
func TestAutoDeleteUpwards(t *testing.T) {
	begin(t)
	h := mount(t, named("upwards"))
	keep := mkdir(t, h.Root(), "keep")
	a := selfDeleting(t, keep, "a", "a/b", "a/b/c", "a/d")
	pid := sleeper(t)
	must(t, a.Child("b/c").Attach(pid))
	kill(pid)
	wantGone(t, a.Child("b"))
	wantStays(t, a) // a/d is left
	must(t, a.Child("d").Remove())
	wantGone(t, a)
	wantStays(t, keep)
}

func TestAutoDeleteIsNotInherited(t *testing.T) {
	begin(t)
	a := selfDeleting(t, mount(t, named("inherit")).Root(), "a")
	child := mkdir(t, a, "child")
	if got(child.AutoDelete())(t) || !got(a.AutoDelete())(t) {
		t.Error("auto_delete of the child is on, or of the parent off")
	}
	must(t, a.SetAutoDelete(false)) // or it would go with its child
	_, err := a.Hierarchy.Root().AutoDelete()
	wantError(t, err, unix.ENOENT, "auto_delete of the root")
}

func TestAutoDeleteTurnedOff(t *testing.T) {
	begin(t)
	h := mount(t, named("off"))
	a := selfDeleting(t, h.Root(), "a")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	must(t, a.SetAutoDelete(false))
	kill(pid)
	wantStays(t, a)
	must(t, a.SetAutoDelete(true)) // empty already: stays until it has been used
	wantStays(t, a)
	must(t, a.Remove())
}

// What is empty when auto_delete is set stays, also if the kernel's workers have not got to its last release yet. They cannot while the only CPU is taken.
func TestAutoDeleteSetTooLate(t *testing.T) {
	begin(t)
	h, agent := withAgent(t, "late")
	agent.listen(t)
	told, again := mkdir(t, h.Root(), "told", "again"), h.Container("/again")
	must(t, told.SetNotifyOnRelease(true))
	must(t, again.SetAutoDelete(true))
	pid, other := sleeper(t), sleeper(t)
	must(t, told.Attach(pid))
	must(t, again.Attach(other))
	withSingleCPU(t, func() {
		onThread(t, func(int) {
			err := errors.Join(realtime(),
				h.Root().Attach(pid), told.SetAutoDelete(true),
				h.Root().Attach(other), again.SetAutoDelete(false), again.SetAutoDelete(true))
			if err != nil {
				t.Error(err)
			}
		})
	})
	wantRuns(t, agent, h, "/told")
	wantStays(t, told)
	wantStays(t, again)
	must(t, told.SetNotifyOnRelease(false))
	for _, c := range []containerfs.Container{told, again} {
		must(t, c.Attach(pid))
		must(t, h.Root().Attach(pid))
		wantGone(t, c)
	}
}

// What comes to life again before the kernel's worker gets to it stays. The worker cannot come in between while the only CPU is taken.
func TestAutoDeleteOfRevived(t *testing.T) {
	begin(t)
	h := mount(t, named("revived"))
	a := selfDeleting(t, h.Root(), "a", "b", "c")
	b, c := h.Container("/b"), h.Container("/c")
	pid, other, third := sleeper(t), sleeper(t), sleeper(t)
	must(t, a.Attach(pid))
	must(t, b.Attach(other))
	must(t, c.Attach(third))
	withSingleCPU(t, func() {
		onThread(t, func(int) {
			err := errors.Join(realtime(),
				h.Root().Attach(pid), a.Attach(pid), // a task again
				h.Root().Attach(other), b.Child("child").Create(), // a parent
				h.Root().Attach(third), c.Remove(), c.Create()) // another one
			if err != nil {
				t.Error(err)
			}
		})
	})
	for _, stays := range []containerfs.Container{a, b, c} {
		wantStays(t, stays)
	}
	must(t, b.Child("child").Remove())
	wantGone(t, b)
	kill(pid)
	wantGone(t, a)
}

// Where an agent is to be told, it is told first, once, and need not remove anything.
func TestAutoDeleteWithAgent(t *testing.T) {
	begin(t)
	h, agent := withAgent(t, "both")
	a := mkdir(t, h.Root(), "a", "a/b")
	for _, c := range []containerfs.Container{a, a.Child("b")} {
		must(t, c.SetAutoDelete(true))
		must(t, c.SetNotifyOnRelease(true))
	}
	pid := sleeper(t)
	must(t, a.Child("b").Attach(pid))
	kill(pid)
	wantGone(t, a) // though nobody listens to the agents yet
	agent.listen(t)
	runs := agent.rest(t, h)
	slices.Sort(runs) // both have waited to be listened to
	if want := []string{runFor("/a"), runFor("/a/b")}; !slices.Equal(runs, want) {
		t.Errorf("runs of the agent: %q, want %q", runs, want)
	}
}

// An agent that cannot be started changes nothing, nor does one that is not set.
func TestAutoDeleteWithoutAgent(t *testing.T) {
	begin(t)
	h := mount(t, named("missing"))
	for _, agent := range []string{"/no/such/program", ""} {
		must(t, h.SetReleaseAgent(agent))
		a := selfDeleting(t, h.Root(), "a")
		must(t, a.SetNotifyOnRelease(true))
		pid := sleeper(t)
		must(t, a.Attach(pid))
		kill(pid)
		wantGone(t, a)
	}
}

// An open file that is removed with its container says so, and a working directory keeps nothing.
func TestAutoDeleteUnderOpenFile(t *testing.T) {
	begin(t)
	h := mount(t, named("open"))
	a := selfDeleting(t, h.Root(), "a")
	file := got(os.OpenFile(a.File("notify_on_release"), os.O_RDWR, 0))(t)
	defer file.Close()
	w := newWatch(t, a)
	pid := sleeper(t)
	must(t, a.Attach(pid))
	kill(pid)
	wantGone(t, a)
	_, err := file.WriteString("1")
	wantError(t, err, unix.ENODEV, "write")
	if changed := got(w.changed(patience))(t); !changed {
		t.Error("the one who waits for events was not woken")
	}
	_, err = w.read()
	wantError(t, err, unix.ENODEV, "read of events")
}

// Nobody will unmount a hierarchy that is not mounted: when its last container goes, it ends.
func TestAutoDeleteInUnmountedHierarchy(t *testing.T) {
	begin(t)
	h := mount(t, named("unmounted"))
	a := selfDeleting(t, h.Root(), "a", "a/b")
	pid := sleeper(t)
	must(t, a.Child("b").Attach(pid))
	must(t, h.Unmount())
	if hierarchyStatus(t, "name=unmounted") == nil {
		t.Fatal("the hierarchy has ended, and a task was in it")
	}
	kill(pid)
	eventually(t, "the hierarchy has ended", func() bool { return hierarchyStatus(t, "name=unmounted") == nil })
}

// Containers are removed once, by whoever comes first, and never with something in them.
func TestRaceAutoDelete(t *testing.T) {
	begin(t)
	trees := raceTrees(t)
	r := newRace(t)
	for i, tr := range trees {
		c := tr.Root().Child("made")
		r.worker("in "+tr.key, func() error { return liveAndBeDeleted(c) })
		if i == 0 {
			r.worker("mkdir below", func() error {
				return errors.Join(unless(c.Child("below").Create()), unless(c.Child("below").Remove()))
			})
		}
		if i == 1 {
			r.worker("rmdir", func() error { return unless(c.Remove()) })
		}
	}
	dir := tempDir(t)
	r.worker("unmounter", func() error { return abandon(dir) })
	r.wait()
	for _, tr := range trees {
		if c := tr.Root().Child("made"); exists(c) {
			must(t, unless(c.Remove()))
		}
	}
	eventually(t, "what was abandoned has ended", func() bool { return hierarchyStatus(t, "name=abandoned") == nil })
	wantQuiet(t, trees)
	for _, tr := range trees {
		if tr.ss != "" {
			wantLive(t, tr.Hierarchy, tr.ss, 2)
		}
	}
}

// unless returns an error unless it is one of those that come from others having been faster.
func unless(err error) error {
	if err == nil || isOneOf(err, []unix.Errno{unix.ENOENT, unix.ENODEV, unix.EBUSY, unix.EEXIST}) {
		return nil
	}
	return err
}

// liveAndBeDeleted makes a container that others try to remove, too, lets a task live and die in it, and waits until it is gone.
func liveAndBeDeleted(c containerfs.Container) error {
	if err := unless(c.Create()); err != nil {
		return err
	}
	if err := unless(c.SetAutoDelete(true)); err != nil {
		return err
	}
	pid, err := bare.Spawn(bare.Sleeps)
	if err != nil {
		return err
	}
	defer kill(pid)
	if err := c.Attach(pid); err != nil {
		return unless(err)
	}
	if err := c.Remove(); !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("removal of a container with a task: %v", err)
	}
	if !exists(c) {
		return errors.New("a container with a task has been removed")
	}
	kill(pid)
	if !within(patience, func() bool { return !exists(c) }) {
		return errors.New("an empty container has not been removed")
	}
	return nil
}

// abandon unmounts a hierarchy with a task in it, and ends the task.
func abandon(dir string) error {
	h, err := containerfs.Mount("race", dir, named("abandoned"))
	if err != nil {
		return err
	}
	c := h.Root().Child("a")
	if err := unless(c.Create()); err != nil {
		return err
	}
	pid, err := bare.Spawn(bare.Sleeps)
	if err != nil {
		return err
	}
	defer kill(pid)
	// The container may be one of a hierarchy that was about to end.
	if err := unless(errors.Join(c.SetAutoDelete(true), c.Attach(pid))); err != nil {
		return err
	}
	return h.Unmount()
}

// A container that falls empty while a child is being made in it stays for the child; if none comes of that, it goes then.
func TestRaceAutoDeleteAgainstMkdir(t *testing.T) {
	begin(t)
	h := mount(t, bound("bc", "cpuacct", "numtasks")) // many files, which take a while to make
	pid := sleeper(t)
	for round := range 40 {
		a := selfDeleting(t, h.Root(), fmt.Sprint(round)) // for a moment a name is taken that shows no more
		refused := round%2 == 1
		if refused {
			must(t, a.SetMaxDescendants(0))
		}
		must(t, a.Attach(pid))
		asks := make(chan bool, 1)
		made := beside(t, func() error {
			for { // who is refused asks on, so that the container falls empty while he does
				err := a.Child("b").Create()
				select {
				case asks <- true:
				default:
				}
				if !refused || !errors.Is(err, unix.EAGAIN) {
					return err
				}
			}
		})
		if refused {
			<-asks
		}
		must(t, h.Root().Attach(pid))
		err := made()
		switch {
		case err == nil && refused:
			t.Fatal("more containers than there may be")
		case err == nil:
			if !exists(a.Child("b")) {
				t.Fatal("a container that has just been made is gone with its parent")
			}
			must(t, a.Child("b").Remove())
		case !isOneOf(err, []unix.Errno{unix.ENOENT, unix.ENODEV}):
			t.Fatal(err)
		}
		wantGone(t, a)
	}
}
