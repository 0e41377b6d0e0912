//go:build guest && debug

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// A container that the kernel makes begins with its parent's settings, whatever clone_children says.
func TestNsSettings(t *testing.T) {
	begin(t)
	h := mountNs(t, "debug_a")
	a := mkdir(t, h.Root(), "a")
	must(t, a.Write("clone_children", "0"))
	must(t, a.Write("debug_a.setting", "7"))
	onThread(t, func(tid int) {
		must(t, a.Attach(tid))
		pid := got(bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps))(t)
		must(t, unix.Unshare(unix.CLONE_NEWUTS))
		for _, id := range []int{pid, tid} {
			if n := got(own(a, id).ReadUint("debug_a.setting"))(t); n != 7 {
				t.Errorf("setting of %s: %d, want its parent's 7", own(a, id).Path, n)
			}
		}
		kill(pid)
		must(t, a.Write("debug_a.fail_clone", strconv.Itoa(int(unix.EDOM))))
	})
	onThread(t, func(tid int) {
		must(t, a.Attach(tid))
		wantError(t, unix.Unshare(unix.CLONE_NEWUTS), unix.EDOM, "unshare where a subsystem refuses")
		_, err := bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps)
		wantError(t, err, unix.EDOM, "clone where a subsystem refuses")
		wantTasks(t, a, tid)
	})
	eventually(t, "nothing is left", func() bool { return hierarchyStatus(t, nsKey(t)).Containers == 2 })
	wantLive(t, h, "debug_a", 1)
}

// An unshare that fails at any point has changed nothing, neither namespaces nor containers.
func TestFailNsUnshare(t *testing.T) {
	begin(t)
	h := mountNs(t, debugPair...)
	above := newApart(t)
	const flags = unix.CLONE_NEWUTS | unix.CLONE_NEWIPC
	var tid int
	before := namespaces(t, os.Getpid(), os.Getpid())
	failEach(t, outOfMemory,
		func() error { tid = unix.Gettid(); return unix.Unshare(flags) },
		func() error {
			// Back to where it came from: from above, as it could not by itself.
			err := above.do(func() error { return h.Root().Attach(tid) })
			before = namespaces(t, os.Getpid(), tid)
			return err
		},
		func() error {
			if after := namespaces(t, os.Getpid(), tid); after != before {
				return fmt.Errorf("namespaces are\n%swere\n%s", after, before)
			}
			return aloneAndIn(h, os.Getpid(), tid)
		})
	for _, ss := range debugPair {
		wantExactCounts(t, h.Root(), ss)
		wantLive(t, h, ss, 0)
	}
}

// aloneAndIn returns an error unless the hierarchy soon has no container but the root, and the thread is there.
func aloneAndIn(h containerfs.Hierarchy, pid, tid int) error {
	if !within(patience, func() bool { children, err := h.Root().Children(); return err == nil && len(children) == 0 }) {
		return errors.New("a container was left behind")
	}
	memberships, err := containerfs.MembershipOfThread(pid, tid)
	if err != nil {
		return err
	}
	for _, m := range memberships {
		if m.Path != "/" {
			return fmt.Errorf("the thread is in %s", m.Path)
		}
	}
	return nil
}

// A clone that fails at any point leaves no container, is counted nowhere, and one that does not, goes.
func TestFailNsClone(t *testing.T) {
	begin(t)
	h := mountNs(t, debugPair...)
	var pid int
	failEach(t, []unix.Errno{unix.ENOMEM, unix.EAGAIN},
		func() (err error) { pid, err = bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps); return err },
		func() error { kill(pid); return nil },
		func() error { return aloneAndIn(h, os.Getpid(), unix.Gettid()) })
	for _, ss := range debugPair {
		wantExactCounts(t, h.Root(), ss)
		wantLive(t, h, ss, 0)
	}
}

// heldServer returns a server in /1 of a hierarchy with ns, whose clone with a namespace of its own waits to be let on in another
// hierarchy.
func heldServer(t *testing.T) (h containerfs.Hierarchy, hold containerfs.Container, s server) {
	t.Helper()
	h = mountNs(t)
	mkdir(t, h.Root(), "1", "2")
	hold = mkdir(t, mount(t, bound("debug_b")).Root(), "hold")
	s = startServer(t, 0)
	must(t, h.Container("/1").AttachProc(s.pid))
	must(t, hold.Attach(s.pid))
	must(t, hold.Write("debug_b.hold_can_fork", "1"))
	s.say(t, fmt.Sprint("clone ", unix.CLONE_NEWUTS))
	eventually(t, "the clone is held", func() bool { return callbacks(t, hold, "debug_b")["can_fork"] == 1 })
	return h, hold, s
}

// While a clone is under way its container is there, but nobody sees it; it follows the parent where that is moved.
func TestNsHeldCloneMoves(t *testing.T) {
	begin(t)
	h, hold, s := heldServer(t)
	one, two := h.Container("/1"), h.Container("/2")
	if children := got(one.Children())(t); len(children) != 0 {
		t.Errorf("before its task is born one can see %v", children)
	}
	if n := hierarchyStatus(t, "ns").Containers; n != 4 {
		t.Errorf("%d containers, want the root, two, and the one being made", n)
	}
	must(t, two.AttachProc(s.pid))
	wantPopulated(t, map[containerfs.Container]bool{two: true})
	wantError(t, one.Remove(), unix.EBUSY, "rmdir of a container below which one is being made")
	must(t, hold.Write("debug_b.hold_can_fork", "0"))
	must(t, s.result(t))
	if children := got(one.Children())(t); len(children) != 0 {
		t.Errorf("left behind where the parent was: %v", children)
	}
	wantPopulated(t, map[containerfs.Container]bool{one: false, two: true})
	must(t, one.Remove())
	children := got(two.Children())(t)
	if len(children) != 1 {
		t.Fatalf("children where the parent is: %v, want one", children)
	}
	wantTasks(t, children[0], got(strconv.Atoi(children[0].Name()))(t))
	must(t, two.Kill())
	wantGone(t, children[0])
}

// A clone that is killed leaves nothing, nor does one whose hierarchy is unmounted meanwhile.
func TestNsHeldCloneKilled(t *testing.T) {
	begin(t)
	h, _, s := heldServer(t)
	must(t, h.Container("/1").SetAutoDelete(true))
	must(t, h.Container("/2").Remove())
	must(t, h.Unmount())
	must(t, unix.Kill(s.pid, unix.SIGKILL))
	eventually(t, "the hierarchy has ended", func() bool { return hierarchyStatus(t, "ns") == nil })
}

// The kill of a subtree is also the end of a clone that is about to make a container below it.
func TestKillHeldClone(t *testing.T) {
	begin(t)
	h, _, s := heldServer(t)
	one := h.Container("/1")
	must(t, one.Kill())
	s.cmd.Wait()
	wantEmptied(t, one)
	eventually(t, "nothing is left below", func() bool { return hierarchyStatus(t, "ns").Containers == 3 })
	must(t, one.Remove())
}
