//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/guesttest/bare"
)

// timeNamespace names the time namespace that a thread is in, or with "_for_children" the one that its children will be in.
func timeNamespace(t testing.TB, pid, tid int, which string) string {
	t.Helper()
	return got(os.Readlink(fmt.Sprintf("/proc/%d/task/%d/ns/time%s", pid, tid, which)))(t)
}

// Who unshares time stays in the old time, and moves; the children are born in the container, in the new time, which is what the
// container shows when they alone are left.
func TestNsUnshareTime(t *testing.T) {
	begin(t)
	h := mountNs(t)
	var pid int
	var theirs string
	onThread(t, func(tid int) {
		old := timeNamespace(t, os.Getpid(), tid, "")
		if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
			t.Error(err)
			return
		}
		theirs = timeNamespace(t, os.Getpid(), tid, "_for_children")
		if now := timeNamespace(t, os.Getpid(), tid, ""); now != old || theirs == old {
			t.Errorf("the thread was in %s, is in %s, and its children will be in %s", old, now, theirs)
		}
		c := own(h.Root(), tid)
		wantTasks(t, c, tid)
		pid = got(bare.Fork(bare.Sleeps))(t)
		wantTasks(t, c, tid, pid)
		if text, want := got(os.ReadFile(c.File("ns.proxy")))(t), namespaces(t, os.Getpid(), tid); string(text) != want {
			t.Errorf("ns.proxy beside the one it was made for:\n%swant\n%s", text, want)
		}
	})
	if pid == 0 {
		return
	}
	t.Cleanup(func() { kill(pid) })
	c := h.Container(pathOf(t, pid, pid, "ns"))
	eventually(t, "the child is alone", func() bool { return len(got(c.Tasks())(t)) == 1 })
	if now := timeNamespace(t, pid, pid, ""); now != theirs {
		t.Errorf("the child is in %s, want %s", now, theirs)
	}
	if text, want := got(os.ReadFile(c.File("ns.proxy")))(t), namespaces(t, pid, pid); string(text) != want {
		t.Errorf("ns.proxy of the child's:\n%swant\n%s", text, want)
	}
	kill(pid)
	wantGone(t, c)
}

// Only clone3 can clone into a new time: the flag is among the bits of the old call's signal.
func TestNsCloneTime(t *testing.T) {
	begin(t)
	h := mountNs(t)
	const free = 31313
	pid := got(bare.ForkAs(free, unix.CLONE_NEWTIME))(t)
	t.Cleanup(func() { kill(pid) })
	c := own(h.Root(), pid)
	wantPath(t, pid, "ns", c.Path)
	wantTasks(t, c, pid)
	if mine, its := timeNamespace(t, os.Getpid(), os.Getpid(), ""), timeNamespace(t, pid, pid, ""); mine == its {
		t.Errorf("parent and child are both in %s", its)
	}
	wantPath(t, os.Getpid(), "ns", "/")
	kill(pid)
	wantGone(t, c)
}
