//go:build guest && debug

package guesttest

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// inotify is a set of watched files.
type inotify int

func newInotify(t testing.TB) inotify {
	t.Helper()
	fd := got(unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK))(t)
	t.Cleanup(func() { unix.Close(fd) })
	return inotify(fd)
}

// watch adds a container's events, and returns the watch's number.
func (n inotify) watch(t testing.TB, c containerfs.Container) int {
	t.Helper()
	return got(unix.InotifyAddWatch(int(n), c.File("events"), unix.IN_MODIFY))(t)
}

// heard tells which watches have had events since it was last asked.
func (n inotify) heard(t testing.TB) map[int]bool {
	t.Helper()
	heard := map[int]bool{}
	buf := make([]byte, 4096)
	for {
		length, err := unix.Read(int(n), buf)
		if errors.Is(err, unix.EAGAIN) {
			return heard
		}
		must(t, err)
		for at := 0; at < length; at += unix.SizeofInotifyEvent { // none has a name: files are watched, not directories
			heard[int(int32(binary.NativeEndian.Uint32(buf[at:])))] = true
		}
	}
}

// One inotify watches many containers, and hears which of them have changed, and of no other thing.
func TestEventsInotify(t *testing.T) {
	begin(t)
	h := mount(t, named("inotify"))
	a := mkdir(t, h.Root(), "a", "a/b", "a/c")
	b, c := a.Child("b"), a.Child("c")
	n := newInotify(t)
	above, below, beside := n.watch(t, a), n.watch(t, b), n.watch(t, c)
	want := func(when string, want ...int) {
		t.Helper()
		heard := map[int]bool{}
		eventually(t, when+" is heard of", func() bool {
			for wd := range n.heard(t) {
				heard[wd] = true
			}
			return len(heard) >= len(want)
		})
		for _, wd := range want {
			if !heard[wd] {
				t.Errorf("%s: watch %d has heard nothing", when, wd)
			}
			delete(heard, wd)
		}
		if len(heard) > 0 {
			t.Errorf("%s: %v have heard, too", when, heard)
		}
	}
	first, second := sleeper(t), sleeper(t)
	must(t, b.Attach(first))
	want("the first task", above, below)
	must(t, b.Attach(second))
	must(t, c.Attach(second))
	want("a task that moves below one container", beside)
	kill(first)
	want("the last task of one", below)
	kill(second)
	want("the last task of all", above, beside)
}

// A hierarchy that is mounted nowhere has no watches. Mounted again, it has a superblock that nobody has watched yet.
func TestEventsInotifyMountedAgain(t *testing.T) {
	begin(t)
	before := mount(t, named("again"))
	a := mkdir(t, before.Root(), "a")
	newInotify(t).watch(t, a)
	first := sleeper(t)
	must(t, a.Attach(first))
	must(t, before.Unmount())
	kill(first)

	h := mount(t, named("again"))
	a = h.Container("a")
	n := newInotify(t)
	wd := n.watch(t, a)
	must(t, a.Attach(sleeper(t)))
	eventually(t, "the second task is heard of", func() bool { return n.heard(t)[wd] })
}

// A hierarchy that is mounted as both types has a superblock of each. Who watches through one hears of changes made through the other,
// and still does when that is unmounted.
func TestEventsInotifyBothTypes(t *testing.T) {
	asCpuset := func(t *testing.T) containerfs.Hierarchy { return legacy(t).Hierarchy }
	asContainer := func(t *testing.T) containerfs.Hierarchy {
		o := bound("cpuset")
		o.NoPrefix = true
		return mount(t, o)
	}
	for name, mounts := range map[string][2]func(*testing.T) containerfs.Hierarchy{
		"cpuset first":    {asCpuset, asContainer},
		"container first": {asContainer, asCpuset},
	} {
		t.Run(name, func(t *testing.T) {
			begin(t)
			h := mounts[0](t)
			a := mkdir(t, h.Root(), "a")
			must(t, a.Write("cpus", "0"))
			must(t, a.Write("mems", "0"))
			n := newInotify(t)
			wd := n.watch(t, a)
			other := mounts[1](t)
			task := sleeper(t)
			must(t, other.Container("a").Attach(task))
			eventually(t, "a task that comes the other way is heard of", func() bool { return n.heard(t)[wd] })
			must(t, other.Unmount())
			kill(task)
			eventually(t, "its end is heard of when there is no other way", func() bool { return n.heard(t)[wd] })
		})
	}
}
