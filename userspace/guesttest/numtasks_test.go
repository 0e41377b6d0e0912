//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

const numtasksParameters = "/sys/module/numtasks/parameters/"

func setParameter(t testing.TB, name, value string) {
	t.Helper()
	must(t, writeFile(numtasksParameters+name, value))
}

func parameter(t testing.TB, name string) string {
	t.Helper()
	return strings.TrimSpace(string(got(os.ReadFile(numtasksParameters + name))(t)))
}

// total is how many tasks the tests let the machine have. One share of the root is one task, and is more than the guest ever has.
const total = 10000

// divided mounts a hierarchy of numtasks with a total to be divided.
func divided(t *testing.T, others ...string) containerfs.Hierarchy {
	t.Helper()
	h := mount(t, bound(append([]string{"numtasks"}, others...)...))
	setParameter(t, "total_numtasks", strconv.Itoa(total))
	t.Cleanup(func() { setParameter(t, "total_numtasks", "unlimited") })
	setShares(t, h.Root(), fmt.Sprintf("child_shares_divisor=%d", total))
	return h
}

func setShares(t testing.TB, c containerfs.Container, shares string) {
	t.Helper()
	must(t, c.Write("numtasks.shares", shares))
}

func wantShares(t testing.TB, c containerfs.Container, minimum, maximum, divisor int) {
	t.Helper()
	want := fmt.Sprintf("res=numtasks,min_shares=%d,max_shares=%d,child_shares_divisor=%d", minimum, maximum, divisor)
	if text := got(c.ReadString("numtasks.shares"))(t); text != want {
		t.Errorf("shares of %s: got %q, want %q", c.Path, text, want)
	}
}

// numtasksStats is what numtasks.stats tells.
type numtasksStats struct{ usage, successes, failures, rateFailures int }

func stats(t testing.TB, c containerfs.Container) numtasksStats {
	t.Helper()
	var s numtasksStats
	text := got(c.ReadString("numtasks.stats"))(t)
	const form = "numtasks: Current usage %d\nnumtasks: Number of successes %d\nnumtasks: Number of failures %d\n" +
		"numtasks: Number of forkrate failures %d\n"
	if _, err := fmt.Sscanf(text, form, &s.usage, &s.successes, &s.failures, &s.rateFailures); err != nil {
		t.Fatalf("numtasks.stats is %q: %v", text, err)
	}
	return s
}

func wantUsage(t testing.TB, c containerfs.Container, want int) {
	t.Helper()
	if s := stats(t, c); s.usage != want {
		t.Errorf("%s uses %d tasks, want %d", c.Path, s.usage, want)
	}
}

// forkerIn returns a forker whose forking thread is in c.
func forkerIn(t testing.TB, c containerfs.Container) *process {
	t.Helper()
	p := forker(t)
	must(t, c.Attach(p.pid))
	return p
}

// forks has a forker make that many children, none of which may be refused.
func (p *process) forks(t testing.TB, n int) (children []int) {
	t.Helper()
	for range n {
		children = append(children, got(p.fork(t))(t))
	}
	return children
}

func (p *process) wantRefused(t testing.TB) {
	t.Helper()
	_, err := p.fork(t)
	wantError(t, err, unix.EAGAIN, "a fork too many")
}

// endTask ends a forker's child in c, where nothing else happens, and waits until it is counted no more.
func endTask(t testing.TB, c containerfs.Container, pid int) {
	t.Helper()
	before := stats(t, c).usage
	must(t, unix.Kill(pid, unix.SIGKILL))
	eventually(t, fmt.Sprintf("%d is reaped", pid), func() bool { return stats(t, c).usage == before-1 })
}

func TestNumtasksDefaults(t *testing.T) {
	begin(t)
	h := mount(t, bound("numtasks"))
	a := mkdir(t, h.Root(), "a")
	wantShares(t, h.Root(), -2, -2, 100)
	wantShares(t, a, -3, -3, 100)
	if s := stats(t, a); s != (numtasksStats{}) {
		t.Errorf("a new group's statistics: %+v", s)
	}
	for name, want := range map[string]string{"total_numtasks": "unlimited", "forkrate": "unlimited", "forkrate_interval": "1"} {
		if value := parameter(t, name); value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	for _, name := range []string{"shares", "stats"} {
		if m := got(os.Stat(a.File("numtasks." + name)))(t).Mode(); m != 0o644 {
			t.Errorf("mode of %s is %o", name, m)
		}
		if text := string(got(os.ReadFile(a.File("numtasks." + name)))(t)); !strings.HasSuffix(text, "\n") {
			t.Errorf("%s does not end in a newline: %q", name, text)
		}
	}
}

func TestNumtasksWritesShares(t *testing.T) {
	begin(t)
	h := divided(t)
	a := mkdir(t, h.Root(), "a")
	b := mkdir(t, h.Root(), "b")
	setShares(t, a, "res=numtasks,min_shares=3000,max_shares=6000,child_shares_divisor=50")
	wantShares(t, a, 3000, 6000, 50)
	setShares(t, a, "max_shares=-3")
	wantShares(t, a, 3000, -3, 50)
	setShares(t, a, "min_shares=-1,max_shares=4000")
	wantShares(t, a, 3000, 4000, 50)

	for _, text := range []string{"", "x", "min_shares", "min_shares=", "min_shares=-2", "min_shares=-4", "max_shares=1x", "res=other",
		"res=other,min_shares=1", "min_shares=1,min_shares=1", "child_shares_divisor=0", "child_shares_divisor=-3",
		"max_shares=10001", "min_shares=1\n,max_shares=2", "min_shares=+1", "min_shares= 1", "max_shares=2999", "min_shares=4001", "max_shares=99999999999999999999", "min_shares=1,,max_shares=2"} {
		wantError(t, a.Write("numtasks.shares", text), unix.EINVAL, "shares %q", text)
	}
	wantError(t, a.Write("numtasks.shares", "max_shares="+strings.Repeat("0", 200)), unix.E2BIG, "a long line")
	wantError(t, b.Write("numtasks.shares", "min_shares=7001"), unix.EINVAL, "more than the sibling has left")
	wantError(t, h.Root().Write("numtasks.shares", "child_shares_divisor=3999"), unix.EINVAL, "less than a child holds")
	wantError(t, h.Root().Write("numtasks.shares", "max_shares=1"), unix.EINVAL, "a share for the root")
	wantShares(t, a, 3000, 4000, 50)
	wantShares(t, b, -3, -3, 100)
	wantShares(t, h.Root(), -2, -2, total)

	setShares(t, b, "min_shares=7000")
	must(t, a.Remove())
	setShares(t, b, "min_shares=10000")
}

// fork fails at the maximum, and succeeds again when a task has exited.
func TestNumtasksMaximum(t *testing.T) {
	begin(t)
	a := mkdir(t, divided(t).Root(), "a")
	setShares(t, a, "max_shares=5")
	p := forkerIn(t, a)
	children := p.forks(t, 4)
	p.wantRefused(t)
	p.wantRefused(t)
	if s := stats(t, a); s != (numtasksStats{usage: 5, successes: 4, failures: 2}) {
		t.Errorf("statistics: %+v", s)
	}
	endTask(t, a, children[0])
	wantUsage(t, a, 4)
	p.forks(t, 1)
	p.wantRefused(t)

	must(t, a.Write("numtasks.stats", "res=numtasks"))
	if s := stats(t, a); s != (numtasksStats{usage: 5}) {
		t.Errorf("statistics after a reset: %+v", s)
	}
	for _, text := range []string{"", "res", "res=", "res=other", "res=numtasks,x", "0"} {
		wantError(t, a.Write("numtasks.stats", text), unix.EINVAL, "%q to stats", text)
	}
	p.end()
	wantUnused(t, a)
}

// family is a group with 60 tasks, and two groups below it.
func family(t *testing.T, h containerfs.Hierarchy) (parent, a, b containerfs.Container) {
	t.Helper()
	return familyOf(t, h, 60)
}

// familyOf is a family with that many tasks. One share of the parent is one task.
func familyOf(t *testing.T, h containerfs.Hierarchy, tasks int) (parent, a, b containerfs.Container) {
	t.Helper()
	parent = mkdir(t, h.Root(), "parent")
	setShares(t, parent, fmt.Sprintf("min_shares=%d,max_shares=%d,child_shares_divisor=%d", tasks, tasks, tasks))
	return parent, mkdir(t, parent, "a"), mkdir(t, parent, "b")
}

// A failure counts where the fork was tried and where the limit is, and nowhere else.
func TestNumtasksFailuresCountAtTheLimit(t *testing.T) {
	begin(t)
	parent, a, b := familyOf(t, divided(t), 5)
	leaf := mkdir(t, a, "leaf")
	p := forkerIn(t, leaf)
	p.forks(t, 4)
	p.wantRefused(t)
	p.wantRefused(t)
	for c, want := range map[containerfs.Container]numtasksStats{
		leaf: {usage: 5, successes: 4, failures: 2}, a: {usage: 5}, b: {}, parent: {usage: 5, failures: 2},
	} {
		if s := stats(t, c); s != want {
			t.Errorf("statistics of %s: %+v, want %+v", c.Path, s, want)
		}
	}
	p.end()
}

// A task has its number until it is reaped, and counts until then.
func TestNumtasksCountsTheUnreaped(t *testing.T) {
	begin(t)
	parent, a, b := family(t, divided(t))
	setShares(t, a, "max_shares=10")
	onThread(t, func(int) {
		if err := a.Attach(0); err != nil {
			t.Error(err)
			return
		}
		var dead []int
		for range 9 {
			pid, err := bare.Spawn(bare.Exits)
			if err != nil {
				t.Error(err)
				break
			}
			if err := awaitZombie(pid); err != nil {
				t.Error(err)
			}
			dead = append(dead, pid)
		}
		wantUsage(t, a, 10)
		_, err := bare.Spawn(bare.Exits)
		wantError(t, err, unix.EAGAIN, "a fork beside nine that nobody has reaped")
		// The dead are not moved: nine of them are left where they died.
		if err := b.Attach(0); err != nil {
			t.Error(err)
		}
		if err := a.Remove(); err != nil {
			t.Errorf("rmdir waits for the dead: %v", err)
		}
		wantUsage(t, parent, 10)
		for i, pid := range dead {
			reap(pid)
			wantUsage(t, parent, 9-i)
		}
		wantUsage(t, b, 1)
	})
	wantUnused(t, parent)
}

// A hierarchy that ends forgets the dead, too, and they find out by themselves.
func TestNumtasksEndsBeforeTheDeadAreReaped(t *testing.T) {
	begin(t)
	h := mount(t, bound("numtasks"))
	dead := sleeper(t)
	killUnreaped(t, dead)
	must(t, h.Unmount())
	h = mount(t, bound("numtasks"))
	reap(dead)
	eventually(t, "the root counts the living", func() bool {
		return stats(t, h.Root()).usage == len(got(h.Root().Tasks())(t))
	})
}

// A guaranteed minimum can be reached, however greedy the siblings are.
func TestNumtasksGuarantee(t *testing.T) {
	begin(t)
	parent, a, b := family(t, divided(t))
	setShares(t, a, "min_shares=20")
	greedy := forkerIn(t, b)
	children := greedy.forks(t, 39)
	greedy.wantRefused(t)
	wantUsage(t, b, 40)
	wantUsage(t, parent, 40)

	p := forkerIn(t, a)
	p.forks(t, 19)
	p.wantRefused(t)
	greedy.wantRefused(t)
	wantUsage(t, parent, 60)

	// What is not guaranteed is for whoever comes first.
	endTask(t, b, children[0])
	p.forks(t, 1)
	p.wantRefused(t)
	wantUsage(t, a, 21)
	p.end()
	wantUnused(t, a)
}

// What a removed group was guaranteed is there for others again.
func TestNumtasksRemovalReturnsTheGuarantee(t *testing.T) {
	begin(t)
	parent, a, b := family(t, divided(t))
	setShares(t, a, "min_shares=50")
	p := forkerIn(t, b)
	p.forks(t, 9)
	p.wantRefused(t)
	// A dead task keeps the removed group's memory, and its number, but nothing else.
	dead := sleeper(t)
	must(t, a.Attach(dead))
	killUnreaped(t, dead)
	must(t, a.Remove())
	p.forks(t, 49)
	p.wantRefused(t)
	wantUsage(t, parent, 60)
	reap(dead)
	wantUsage(t, parent, 59)
	p.forks(t, 1)
	p.wantRefused(t)
	p.end()
}

// New shares count at once, down the tree.
func TestNumtasksDividesAnew(t *testing.T) {
	begin(t)
	h := divided(t)
	parent, a, b := family(t, h)
	setShares(t, a, "min_shares=20,max_shares=30")
	leaf := mkdir(t, a, "leaf")
	setShares(t, leaf, "max_shares=50") // of a's 100: 15 tasks
	p := forkerIn(t, leaf)
	p.forks(t, 14)
	p.wantRefused(t)
	setShares(t, parent, "min_shares=120,max_shares=120")
	p.forks(t, 15)
	p.wantRefused(t)
	setShares(t, a, "child_shares_divisor=50")
	p.forks(t, 30)
	p.wantRefused(t)
	wantUsage(t, h.Container("/parent/a/leaf"), 60)
	setParameter(t, "total_numtasks", strconv.Itoa(2*total))
	p.forks(t, 60)
	p.wantRefused(t)

	greedy := forkerIn(t, b)
	greedy.forks(t, 240-120-1)
	greedy.wantRefused(t)
	p.end()
	greedy.end()
}

// A maximum below what is in use lets no fork through until enough tasks have exited.
func TestNumtasksLoweredMaximum(t *testing.T) {
	begin(t)
	a := mkdir(t, divided(t).Root(), "a")
	setShares(t, a, "max_shares=20")
	p := forkerIn(t, a)
	children := p.forks(t, 19)
	setShares(t, a, "max_shares=10")
	wantUsage(t, a, 20)
	for _, child := range children[:10] {
		p.wantRefused(t)
		endTask(t, a, child)
	}
	p.wantRefused(t)
	endTask(t, a, children[10])
	p.forks(t, 1)
	p.wantRefused(t)
	p.end()
}

// Moving a task in is never refused, and counts.
func TestNumtasksMoveIn(t *testing.T) {
	begin(t)
	h := divided(t)
	parent, a, b := family(t, h)
	setShares(t, a, "max_shares=2")
	p := forkerIn(t, a)
	p.forks(t, 1)
	pid, tids := threaded(t, 9)
	must(t, a.AttachProc(pid))
	wantUsage(t, a, 2+len(tids))
	wantUsage(t, parent, 2+len(tids))
	p.wantRefused(t)
	must(t, b.AttachProc(pid))
	wantUsage(t, a, 2)
	wantUsage(t, b, len(tids))
	wantUsage(t, parent, 2+len(tids))
	kill(pid)
	p.end()
	wantUnused(t, parent)
}

func TestNumtasksParameters(t *testing.T) {
	begin(t)
	h := divided(t)
	for name, old := range map[string]string{"total_numtasks": strconv.Itoa(total), "forkrate": "unlimited", "forkrate_interval": "1"} {
		for _, text := range []string{"0", "-1", "x", "", "1.5", "99999999999"} {
			wantError(t, writeFile(numtasksParameters+name, text+"\n"), unix.EINVAL, "%q to %s", text, name)
		}
		if value := parameter(t, name); value != old {
			t.Errorf("%s is %q, want %q", name, value, old)
		}
	}
	usage := stats(t, h.Root()).usage
	wantError(t, writeFile(numtasksParameters+"total_numtasks", strconv.Itoa(usage/2)), unix.EINVAL, "half of what is in use")
	if value := parameter(t, "total_numtasks"); value != strconv.Itoa(total) {
		t.Errorf("total_numtasks is %q after a refused write", value)
	}
}

// A bomb in a group with a maximum leaves the rest of the machine usable, and ends when its tasks are killed.
func TestNumtasksForkBomb(t *testing.T) {
	begin(t)
	h := divided(t)
	a := mkdir(t, h.Root(), "a")
	const most = 50
	setShares(t, a, "max_shares="+strconv.Itoa(most))
	bomb, err := bare.Fork(bare.Explodes)
	must(t, err)
	t.Cleanup(func() { kill(bomb) })
	_, err = unix.Wait4(bomb, nil, unix.WUNTRACED, nil)
	must(t, err)
	must(t, a.Attach(bomb))
	must(t, unix.Kill(bomb, unix.SIGCONT))
	eventually(t, "the bomb has gone off", func() bool {
		s := stats(t, a)
		if s.usage > most {
			t.Fatalf("%d tasks in a group of at most %d", s.usage, most)
		}
		return s.usage == most && s.failures > 100
	})

	out, err := exec.Command("/bin/sh", "-c", "echo still here").CombinedOutput()
	if err != nil || string(out) != "still here\n" {
		t.Errorf("a command outside: %v, %q", err, out)
	}

	eventually(t, "the bomb is killed", func() bool {
		tasks := got(a.Tasks())(t)
		for _, pid := range tasks {
			unix.Kill(pid, unix.SIGKILL)
		}
		return len(tasks) == 0
	})
	kill(bomb)
	wantUnused(t, a)
	must(t, a.Remove())
}
