//go:build guest && debug

package guesttest

import (
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// heldForkInCpuset returns a cpuset that has everything, and a process in it that is in the middle of a fork: the child has copied what its
// parent may use, and cannot be found yet.
func heldForkInCpuset(t *testing.T) (containerfs.Hierarchy, containerfs.Container, *process) {
	t.Helper()
	h := mount(t, bound("cpuset", "debug_a", "debug_b"))
	a, p := heldFork(t, h)
	wantAllowed(t, p.pid, allCPUs, allNodes)
	return h, a, p
}

// bornAllowed lets the child be born, and fails the test unless it may use these CPUs and nodes.
func bornAllowed(t *testing.T, a containerfs.Container, p *process, cpus, mems string) {
	t.Helper()
	releaseFork(t, a)
	child := got(p.forked(t))(t)
	wantAllowed(t, p.pid, cpus, mems)
	wantAllowed(t, child, cpus, mems)
	p.end()
}

// A change of the cpuset reaches a child that was not to be found while it was made.
func TestCpusetHeldForkFollowsChange(t *testing.T) {
	begin(t)
	_, a, p := heldForkInCpuset(t)
	set(t, a, "cpus", "2")
	set(t, a, "mems", "1")
	bornAllowed(t, a, p, "2", "1")
}

func TestCpusetHeldForkFollowsGrowth(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuset", "debug_a", "debug_b"))
	must(t, h.Root().Write("clone_children", "0"))
	a := cpuset(t, h.Root(), "b", "2", "1")
	p := forker(t)
	must(t, a.AttachProc(p.pid))
	holdFork(t, a, p)
	set(t, a, "cpus", "1-2")
	set(t, a, "mems", allNodes)
	bornAllowed(t, a, p, "1-2", allNodes)
}

func TestCpusetHeldForkFollowsHotplug(t *testing.T) {
	begin(t)
	_, a, p := heldForkInCpuset(t)
	unplugged(t, func() { bornAllowed(t, a, p, "0-2", allNodes) }, 3)
}

// The parent moves, into another cpuset or out of all, while its child is made.
func TestCpusetHeldForkFollowsMove(t *testing.T) {
	begin(t)
	h, a, p := heldForkInCpuset(t)
	b := mkdir(t, h.Root(), "b")
	set(t, b, "cpus", "3")
	set(t, b, "mems", "0")
	must(t, b.AttachProc(p.pid))
	bornAllowed(t, a, p, "3", "0")
}

func TestCpusetHeldForkFollowsMoveToRoot(t *testing.T) {
	begin(t)
	h, a, p := heldForkInCpuset(t)
	set(t, a, "cpus", "3")
	set(t, a, "mems", "0")
	must(t, h.Root().AttachProc(p.pid))
	bornAllowed(t, a, p, allCPUs, allNodes)
}

// A fork may take longer than the cpuset lives that it began in, also if that is the last one.
func TestCpusetHeldForkOutlivesTheLastCpuset(t *testing.T) {
	begin(t)
	held := mkdir(t, mount(t, bound(debugPair...)).Root(), "held")
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "0", "0")
	p := forker(t)
	must(t, held.AttachProc(p.pid))
	must(t, a.AttachProc(p.pid))
	holdFork(t, held, p)
	must(t, h.Root().AttachProc(p.pid))
	must(t, a.Remove())
	bornAllowed(t, held, p, allCPUs, allNodes)
}

// What the thread asked for itself is inherited, and cut like its own.
func TestCpusetHeldForkKeepsWish(t *testing.T) {
	begin(t)
	_, a, p := heldForkInCpuset(t)
	releaseFork(t, a)
	must(t, unix.Kill(got(p.forked(t))(t), unix.SIGKILL))
	for _, tid := range threadsOf(p.pid) {
		must(t, wish(tid, 1, 3))
	}
	holdFork(t, a, p)
	set(t, a, "cpus", "2-3")
	releaseFork(t, a)
	child := got(p.forked(t))(t)
	wantAllowed(t, child, "3", allNodes)
	set(t, a, "cpus", "0-1")
	wantAllowed(t, child, "1", allNodes)
	p.end()
}
