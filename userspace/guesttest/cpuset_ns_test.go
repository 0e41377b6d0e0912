//go:build guest

package guesttest

import (
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/guesttest/bare"
)

// A virtual server begins with its parent's CPUs less those that a sibling has for itself, and runs nowhere else from its first moment.
func TestCpusetOfServer(t *testing.T) {
	begin(t)
	h := mountNs(t, "cpuset")
	first := mkdir(t, h.Root(), "first")
	set(t, first, "cpus", "3")
	set(t, first, "cpu_exclusive", "1")

	pid := got(bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps))(t)
	t.Cleanup(func() { kill(pid) })
	wantAllowed(t, pid, "0-2", allNodes)
	wantSet(t, own(h.Root(), pid), "cpus", "0-2")
	var thread int
	onThread(t, func(tid int) {
		thread = tid
		if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
			t.Error(err)
		}
		wantAllowed(t, tid, "0-2", allNodes)
	})
	wantGone(t, own(h.Root(), thread))
	kill(pid)
	wantGone(t, own(h.Root(), pid))
}

// Where siblings have left nothing there can be no further server.
func TestCpusetLeavesNoServer(t *testing.T) {
	begin(t)
	h := mountNs(t, "cpuset")
	all := mkdir(t, h.Root(), "all")
	set(t, all, "mem_exclusive", "1")
	_, err := bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps)
	wantError(t, err, unix.ENOSPC, "clone")
	wantError(t, unsharesOnce(t), unix.ENOSPC, "unshare")
	wantTwo := func() {
		t.Helper()
		eventually(t, "only the root and its child are left", func() bool { return hierarchyStatus(t, nsKey(t)).Containers == 2 })
	}
	wantTwo()
	set(t, all, "mem_exclusive", "0")
	must(t, unsharesOnce(t))
	wantTwo()
}
