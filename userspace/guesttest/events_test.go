//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// wantPopulated fails the test unless each container says of itself whether it is populated.
func wantPopulated(t testing.TB, want map[containerfs.Container]bool) {
	t.Helper()
	for c, populated := range want {
		if is := got(c.Populated())(t); is != populated {
			t.Errorf("%s: populated is %v, want %v", c.Path, is, populated)
		}
	}
}

func TestEventsPopulated(t *testing.T) {
	begin(t)
	h := mount(t, named("events"))
	a := mkdir(t, h.Root(), "a", "a/b", "a/b/c", "a/d")
	b, c, d := a.Child("b"), a.Child("b/c"), a.Child("d")
	want := map[containerfs.Container]bool{a: false, b: false, c: false, d: false}
	wantPopulated(t, want)
	if text := got(os.ReadFile(a.File("events")))(t); string(text) != "populated 0\n" {
		t.Errorf("events: got %q", text)
	}

	first, second := sleeper(t), sleeper(t)
	must(t, c.Attach(first))
	want[a], want[b], want[c] = true, true, true
	wantPopulated(t, want)
	must(t, b.Attach(second))
	wantPopulated(t, want)
	must(t, d.Attach(first)) // from one branch to another
	want[c], want[d] = false, true
	wantPopulated(t, want)
	must(t, h.Root().Attach(second))
	want[b] = false
	wantPopulated(t, want)
	killUnreaped(t, first) // a dead task is none
	wantPopulated(t, map[containerfs.Container]bool{a: false, b: false, c: false, d: false})
}

// A container has a set of tasks for each combination with the containers of other hierarchies: it is populated while one is left.
func TestEventsOfSeveralSets(t *testing.T) {
	begin(t)
	h, beside := mount(t, named("one")), mount(t, named("two"))
	a := mkdir(t, h.Root(), "a", "a/b")
	b := a.Child("b")
	x := mkdir(t, beside.Root(), "x", "y")
	first, second, third := sleeper(t), sleeper(t), sleeper(t)
	must(t, x.Attach(first))
	must(t, beside.Container("/y").Attach(second))
	for _, pid := range []int{first, second, third} {
		must(t, b.Attach(pid))
	}
	for _, pid := range []int{second, first, third} {
		wantPopulated(t, map[containerfs.Container]bool{a: true, b: true})
		killUnreaped(t, pid)
	}
	wantPopulated(t, map[containerfs.Container]bool{a: false, b: false})
}

// watch is an open events file, which poll can wait on.
type watch struct{ file *os.File }

func newWatch(t testing.TB, c containerfs.Container) watch {
	t.Helper()
	w := watch{got(os.Open(c.File("events")))(t)}
	t.Cleanup(func() { w.file.Close() })
	w.want(t, false)
	return w
}

// read returns what the file says. With that it has taken note of the events so far.
func (w watch) read() (string, error) {
	buf := make([]byte, 100)
	n, err := w.file.ReadAt(buf, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return string(buf[:n]), err
}

// want fails the test unless the file says whether the container is populated.
func (w watch) want(t testing.TB, populated bool) {
	t.Helper()
	want := "populated 0\n"
	if populated {
		want = "populated 1\n"
	}
	if text := got(w.read())(t); text != want {
		t.Errorf("%s: got %q, want %q", w.file.Name(), text, want)
	}
}

// changed tells whether something has happened since the last read, and waits for that if it is to. The kernel looks once more at the end
// of a wait: who finds it only then has not been woken.
func (w watch) changed(wait time.Duration) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(w.file.Fd()), Events: unix.POLLPRI}}
	for end := time.Now().Add(wait); ; {
		n, err := unix.Poll(fds, max(0, int(time.Until(end).Milliseconds())))
		if !errors.Is(err, unix.EINTR) {
			woken := wait == 0 || time.Now().Before(end)
			return n > 0 && woken && fds[0].Revents&unix.POLLPRI != 0, err
		}
	}
}

// wantChange fails the test unless something happens, or has, and the file says what is wanted then.
func (w watch) wantChange(t testing.TB, populated bool) {
	t.Helper()
	if changed := got(w.changed(patience))(t); !changed {
		t.Fatalf("%s: nobody was woken", w.file.Name())
	}
	w.want(t, populated)
}

// wantNoChange fails the test if something has happened.
func (w watch) wantNoChange(t testing.TB) {
	t.Helper()
	if changed := got(w.changed(0))(t); changed {
		t.Errorf("%s: an event, and nothing has changed", w.file.Name())
	}
}

func TestEventsPoll(t *testing.T) {
	begin(t)
	h := mount(t, named("poll"))
	a := mkdir(t, h.Root(), "a", "a/b", "a/c")
	above, below, beside := newWatch(t, a), newWatch(t, a.Child("b")), newWatch(t, a.Child("c"))
	first, second := sleeper(t), sleeper(t)
	must(t, a.Child("b").Attach(first))
	above.wantChange(t, true)
	below.wantChange(t, true)
	beside.wantNoChange(t)

	must(t, a.Child("b").Attach(second)) // one more
	below.wantNoChange(t)
	must(t, a.Attach(second))
	below.wantNoChange(t)
	above.wantNoChange(t)

	go func() { // while somebody waits
		time.Sleep(20 * time.Millisecond)
		unix.Kill(first, unix.SIGKILL)
	}()
	below.wantChange(t, false)
	above.wantNoChange(t)
	kill(second)
	above.wantChange(t, false)
	beside.wantNoChange(t)
}

// Whoever waits for a container's events is woken by its removal, too, and then finds it gone.
func TestEventsOfRemoved(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("removed")).Root(), "a")
	w := newWatch(t, a)
	go func() {
		time.Sleep(20 * time.Millisecond)
		unix.Rmdir(a.Dir())
	}()
	if changed := got(w.changed(patience))(t); !changed {
		t.Error("nobody was woken")
	}
	eventually(t, "the file is gone", func() bool { _, err := w.read(); return errors.Is(err, unix.ENODEV) })
}

// While tasks come, go, and die in several branches at once, whoever has put a task somewhere reads 1 there and above, whoever has
// seen the last one of a container die reads 0, and who waits for events has in the end heard of the last.
func TestRaceEvents(t *testing.T) {
	begin(t)
	trees := raceTrees(t)
	top := trees[0].Container("1")
	branches := []containerfs.Container{top.Child("x"), top.Child("y"), top.Child("y/z")}
	for _, c := range branches {
		must(t, c.Create())
	}
	w := newWatch(t, top)
	r := newRace(t)
	for i, c := range branches {
		other := trees[1].Container([]string{"1", "2"}[i%2])
		r.worker("in "+c.Path, func() error { return populateOnce(c, top, other) })
	}
	heard := 0
	r.worker("watcher", func() error {
		changed, err := w.changed(time.Millisecond)
		if changed {
			heard++
			_, err = w.read()
		}
		return err
	})
	r.wait()
	if heard == 0 {
		t.Error("the watcher has heard of nothing")
	}
	wantPopulated(t, map[containerfs.Container]bool{top: false, branches[0]: false, branches[1]: false, branches[2]: false})
	w.want(t, false)
	w.wantNoChange(t)
	for i := range branches {
		must(t, branches[len(branches)-1-i].Remove())
	}
	wantQuiet(t, trees)
}

// populateOnce lets two tasks live and die in a container below top, one of them in another container of another hierarchy.
func populateOnce(c, top, other containerfs.Container) error {
	for _, elsewhere := range []bool{true, false} {
		pid, err := bare.Spawn(bare.Sleeps)
		if err != nil {
			return err
		}
		defer kill(pid)
		if elsewhere {
			if err := other.Attach(pid); err != nil {
				return err
			}
		}
		if err := c.Attach(pid); err != nil {
			return err
		}
		for _, p := range []containerfs.Container{c, top} {
			if populated, err := p.Populated(); err != nil || !populated {
				return fmt.Errorf("a task has just come, and %s is not populated (%v)", p.Path, err)
			}
		}
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			return err
		}
		if err := awaitZombie(pid); err != nil {
			return err
		}
		// Of two containers one above the other only the lower one is nobody else's.
		if c.Name() != "y" {
			if populated, err := c.Populated(); err != nil || populated {
				return fmt.Errorf("the only task is dead, and %s is populated (%v)", c.Path, err)
			}
		}
	}
	return nil
}
