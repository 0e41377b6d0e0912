//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// withAgent mounts a hierarchy whose releases a is told of.
func withAgent(t *testing.T, name string) (containerfs.Hierarchy, *agent) {
	t.Helper()
	a := newAgent(t)
	o := named(name)
	o.ReleaseAgent = a.program
	return mount(t, o), a
}

// wantRuns fails the test unless the agent has been run for exactly the containers at paths, in that order.
func wantRuns(t testing.TB, a *agent, h containerfs.Hierarchy, paths ...string) {
	t.Helper()
	runs := a.rest(t, h)
	for i, run := range runs {
		if i >= len(paths) || run != runFor(paths[i]) {
			t.Errorf("run %d of the agent: %s", i, run)
		}
	}
	if len(runs) != len(paths) {
		t.Errorf("the agent was run %d times, want %d: %q", len(runs), len(paths), runs)
	}
}

func TestReleaseByExit(t *testing.T) {
	begin(t)
	h, agent := withAgent(t, "exit")
	agent.listen(t)
	mkdir(t, h.Root(), "a")
	released(t, h.Container("/a/b c"))
	wantRuns(t, agent, h, "/a/b c")
}

func TestReleaseByMove(t *testing.T) {
	begin(t)
	h, agent := withAgent(t, "moved")
	agent.listen(t)
	a, b := mkdir(t, h.Root(), "a", "b"), h.Container("/b")
	must(t, a.SetNotifyOnRelease(true))
	first, second := sleeper(t), sleeper(t)
	must(t, a.Attach(first))
	must(t, a.Attach(second))
	must(t, b.Attach(first))
	wantRuns(t, agent, h) // one is left
	must(t, b.Attach(second))
	wantRuns(t, agent, h, "/a") // and /b, which has not asked, is not told of
	must(t, a.Attach(first))
	must(t, b.Attach(first))
	wantRuns(t, agent, h, "/a") // each release anew
	kill(first)
	kill(second)
	wantRuns(t, agent, h)
}

func TestReleaseByMoveOfProcess(t *testing.T) {
	begin(t)
	h, agent := withAgent(t, "group")
	agent.listen(t)
	a := mkdir(t, h.Root(), "a")
	must(t, a.SetNotifyOnRelease(true))
	pid, _ := threaded(t, 5)
	must(t, a.AttachProc(pid))
	must(t, h.Root().AttachProc(pid))
	wantRuns(t, agent, h, "/a") // once for all threads
	must(t, a.AttachProc(pid))
	kill(pid)
	wantRuns(t, agent, h, "/a")
}

func TestReleaseByRemovalOfLastChild(t *testing.T) {
	begin(t)
	h, agent := withAgent(t, "children")
	agent.listen(t)
	a := mkdir(t, h.Root(), "a", "a/b", "a/c")
	must(t, a.SetNotifyOnRelease(true))
	must(t, a.Child("b").Remove())
	wantRuns(t, agent, h) // one is left
	pid := sleeper(t)
	must(t, a.Attach(pid))
	must(t, a.Child("c").Remove())
	wantRuns(t, agent, h) // a task is left
	kill(pid)
	wantRuns(t, agent, h, "/a")
	must(t, mkdir(t, a, "d").Remove())
	wantRuns(t, agent, h, "/a")
}

func TestNoReleaseWithChildren(t *testing.T) {
	begin(t)
	h, agent := withAgent(t, "parent")
	agent.listen(t)
	a := mkdir(t, h.Root(), "a", "a/b")
	must(t, a.SetNotifyOnRelease(true))
	pid := sleeper(t)
	must(t, a.Attach(pid))
	kill(pid)
	wantRuns(t, agent, h)
}

func TestNoReleaseWithoutReason(t *testing.T) {
	begin(t)
	h, agent := withAgent(t, "none")
	agent.listen(t)
	a := mkdir(t, h.Root(), "a", "b")
	must(t, a.SetNotifyOnRelease(true)) // made, never used
	pid := sleeper(t)
	must(t, h.Container("/b").Attach(pid)) // used, not asked
	kill(pid)
	must(t, a.Remove())
	wantRuns(t, agent, h)
}

func TestNoReleaseWithoutAgent(t *testing.T) {
	begin(t)
	h, agent := withAgent(t, "unset")
	agent.listen(t)
	must(t, h.SetReleaseAgent(""))
	released(t, h.Container("/silent"))
	must(t, h.Container("/silent").Remove())
	must(t, h.SetReleaseAgent(agent.program))
	wantRuns(t, agent, h)
}

func TestReleaseWithMissingAgent(t *testing.T) {
	begin(t)
	h := mount(t, named("missing"))
	must(t, h.SetReleaseAgent("/no/such/program"))
	released(t, h.Container("/a"))
	agent := newAgent(t)
	agent.listen(t)
	must(t, h.SetReleaseAgent(agent.program))
	for _, run := range agent.rest(t, h) {
		// The release may have been handled with the new agent.
		if run != runFor("/a") {
			t.Errorf("run %s", run)
		}
	}
}

// An agent that never finishes holds up neither those who cause releases nor other agents nor any operation.
func TestReleaseIsAsynchronous(t *testing.T) {
	begin(t)
	h, agent := withAgent(t, "async")
	const n = 5
	for i := range n { // nobody listens: each agent blocks
		released(t, h.Container(fmt.Sprint("/", i)))
	}
	eventually(t, "an agent is blocked", func() bool { return running(agentName) })
	must(t, mkdir(t, h.Root(), "new").Remove())
	mount(t, named("another"))
	agent.listen(t)
	runs := map[string]int{}
	for range n {
		runs[agent.next(t)]++
	}
	for i := range n {
		if path := fmt.Sprint("/", i); runs[runFor(path)] != 1 {
			t.Errorf("the agent was run %d times for %s", runs[runFor(path)], path)
		}
	}
}

// A release that is over before the agent starts is none. The kernel's worker cannot come in between while the only CPU is taken.
func TestNoReleaseOfRevivedContainer(t *testing.T) {
	begin(t)
	h, agent := withAgent(t, "revived")
	agent.listen(t)
	a := mkdir(t, h.Root(), "a")
	must(t, a.SetNotifyOnRelease(true))
	pid := sleeper(t)
	must(t, a.Attach(pid))
	in := got(os.OpenFile(a.File("tasks"), os.O_WRONLY, 0))(t)
	defer in.Close()
	out := got(os.OpenFile(h.Root().File("tasks"), os.O_WRONLY, 0))(t)
	defer out.Close()
	child := a.Child("child")

	withSingleCPU(t, func() {
		onThread(t, func(int) {
			if err := realtime(); err != nil {
				t.Error(err)
				return
			}
			for range 3 {
				_, err1 := fmt.Fprint(out, pid)
				_, err2 := fmt.Fprint(in, pid)
				if err1 != nil || err2 != nil {
					t.Error(err1, err2)
				}
			}
			// Empty, and then a parent.
			_, err1 := fmt.Fprint(out, pid)
			err2 := unix.Mkdir(child.Dir(), 0o755)
			if err1 != nil || err2 != nil {
				t.Error(err1, err2)
			}
		})
	})
	wantRuns(t, agent, h)
	must(t, a.Attach(pid))
	must(t, child.Remove())
	kill(pid)
	wantRuns(t, agent, h, "/a")
}

// A release that nobody wants to be told of any more, before the agent starts, is none, though the container stays empty; where it is to be removed then, it is.
func TestNoReleaseOnceTurnedOff(t *testing.T) {
	begin(t)
	h, agent := withAgent(t, "off")
	agent.listen(t)
	a, removed := mkdir(t, h.Root(), "a"), selfDeleting(t, h.Root(), "removed")
	pid, other := sleeper(t), sleeper(t)
	for c, pid := range map[containerfs.Container]int{a: pid, removed: other} {
		must(t, c.SetNotifyOnRelease(true))
		must(t, c.Attach(pid))
	}
	withSingleCPU(t, func() {
		onThread(t, func(int) {
			err := errors.Join(realtime(),
				h.Root().Attach(pid), a.SetNotifyOnRelease(false),
				h.Root().Attach(other), removed.SetNotifyOnRelease(false))
			if err != nil {
				t.Error(err)
			}
		})
	})
	wantRuns(t, agent, h)
	wantGone(t, removed)
	must(t, a.SetNotifyOnRelease(true)) // empty already: that is no release
	wantRuns(t, agent, h)
}

func TestNoReleaseAfterRemoval(t *testing.T) {
	begin(t)
	h, agent := withAgent(t, "removed")
	agent.listen(t)
	a := mkdir(t, h.Root(), "a")
	must(t, a.SetNotifyOnRelease(true))
	pid := sleeper(t)
	must(t, a.Attach(pid))
	withSingleCPU(t, func() {
		onThread(t, func(int) {
			if err := realtime(); err != nil {
				t.Error(err)
				return
			}
			err1 := h.Root().Attach(pid)
			err2 := unix.Rmdir(a.Dir())
			if err1 != nil || err2 != nil {
				t.Error(err1, err2)
			}
		})
	})
	wantRuns(t, agent, h)
}

// Where there may be no task for the agent just now it is run when there may be one.
func TestReleaseAgentIsTriedAgain(t *testing.T) {
	begin(t)
	notified, agent := withAgent(t, "again")
	agent.listen(t)
	a := mkdir(t, notified.Root(), "a", "a/b")
	must(t, a.SetNotifyOnRelease(true))
	// Nine tenths of all tasks are promised to the test, which may go on.
	h := divided(t)
	us := mkdir(t, h.Root(), "us")
	setShares(t, us, "min_shares="+strconv.Itoa(total/10*9))
	must(t, us.AttachProc(os.Getpid()))
	t.Cleanup(func() { must(t, h.Root().AttachProc(os.Getpid())) })
	before := stats(t, h.Root()).failures
	setParameter(t, "total_numtasks", strconv.Itoa(stats(t, h.Root()).usage+300))
	must(t, a.Child("b").Remove())
	eventually(t, "the agent has been refused", func() bool { return stats(t, h.Root()).failures > before })
	setParameter(t, "total_numtasks", strconv.Itoa(total))
	if run := agent.next(t); run != runFor("/a") {
		t.Errorf("the agent ran for %s", run)
	}
	wantRuns(t, agent, notified)
}
