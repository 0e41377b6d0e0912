//go:build guest && debug

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// domains returns, for each CPU, the CPUs of the largest scheduling domain that it is in; 0 stands for none. /proc/schedstat has the
// domains of a CPU in lines after its own, the smallest first, with a mask of their CPUs.
func domains(t testing.TB) map[int]uint64 {
	t.Helper()
	found := map[int]uint64{}
	cpu := -1
	for line := range strings.Lines(string(got(os.ReadFile("/proc/schedstat"))(t))) {
		words := strings.Fields(line)
		if n, isCPU := strings.CutPrefix(words[0], "cpu"); isCPU {
			cpu = got(strconv.Atoi(n))(t)
			found[cpu] = 0
		}
		if strings.HasPrefix(words[0], "domain") {
			found[cpu] = got(strconv.ParseUint(strings.ReplaceAll(words[1], ",", ""), 16, 64))(t)
		}
	}
	return found
}

// wantDomains fails the test unless the machine is divided into these domains, each a list of CPUs such as "012"; CPUs that are in none
// of them are alone.
func wantDomains(t testing.TB, want ...string) {
	t.Helper()
	expected := map[int]uint64{}
	for cpu := range domains(t) {
		expected[cpu] = 0
	}
	for _, domain := range want {
		var mask uint64
		for _, c := range domain {
			mask |= 1 << (c - '0')
		}
		for _, c := range domain {
			if len(domain) > 1 { // one CPU has nobody to balance with
				expected[int(c-'0')] = mask
			}
		}
	}
	found := domains(t)
	for cpu, mask := range expected {
		if found[cpu] != mask {
			t.Errorf("CPU %d is balanced with the CPUs of mask %#x, want %#x: domains %v", cpu, found[cpu], mask, want)
		}
	}
}

func exclusive(t *testing.T, parent containerfs.Container, name, cpus string) containerfs.Container {
	t.Helper()
	c := cpuset(t, parent, name, cpus, allNodes)
	set(t, c, "cpu_exclusive", "1")
	return c
}

func TestCpusetDomainsExclusive(t *testing.T) {
	begin(t)
	h := cpusets(t)
	wantDomains(t, "0123")
	plain := cpuset(t, h.Root(), "plain", "0-1", allNodes)
	wantDomains(t, "0123")
	must(t, plain.Remove())
	a := exclusive(t, h.Root(), "a", "1-3")
	wantDomains(t, "0", "123")
	inner := exclusive(t, a, "inner", "2-3")
	wantDomains(t, "0", "1", "23")
	set(t, inner, "cpus", "3")
	wantDomains(t, "0", "12", "3")
	set(t, inner, "cpu_exclusive", "0")
	wantDomains(t, "0", "123")
	set(t, inner, "cpu_exclusive", "1")
	must(t, inner.Remove())
	wantDomains(t, "0", "123")
	set(t, a, "cpus", "2-3")
	wantDomains(t, "01", "23")
	b := exclusive(t, h.Root(), "b", "0-1")
	wantDomains(t, "01", "23")
	set(t, b, "cpus", "")
	wantDomains(t, "01", "23")
	must(t, a.Remove())
	wantDomains(t, "0123")
	must(t, b.Remove())
	wantDomains(t, "0123")
}

func TestCpusetDomainsUnbalanced(t *testing.T) {
	begin(t)
	h := cpusets(t)
	root := h.Root()
	set(t, root, "sched_load_balance", "0")
	wantDomains(t)
	a := cpuset(t, root, "a", "0-1", allNodes)
	wantDomains(t, "01")
	b := cpuset(t, root, "b", "2-3", allNodes)
	wantDomains(t, "01", "23")
	// What overlaps is one; also by a third.
	c := cpuset(t, root, "c", "1-2", allNodes)
	wantDomains(t, "0123")
	set(t, c, "sched_load_balance", "0")
	wantDomains(t, "01", "23")
	inner := cpuset(t, c, "inner", "1-2", allNodes)
	wantDomains(t, "0123")
	set(t, inner, "cpus", "2")
	wantDomains(t, "01", "23")
	must(t, inner.Remove())
	must(t, c.Remove())
	// Who is below a balanced one is in its domain.
	below := cpuset(t, a, "below", "0", allNodes)
	wantDomains(t, "01", "23")
	set(t, a, "sched_load_balance", "0")
	wantDomains(t, "23")
	set(t, below, "cpus", "0-1")
	wantDomains(t, "01", "23")
	set(t, b, "sched_load_balance", "0")
	wantDomains(t, "01")
	set(t, root, "sched_load_balance", "1")
	wantDomains(t, "0123")
	set(t, root, "sched_load_balance", "0")
	must(t, below.Remove())
	must(t, a.Remove())
	must(t, b.Remove())
	wantDomains(t)
	must(t, h.Unmount())
	wantDomains(t, "0123")
}

// Balancing is off within one exclusive cpuset, and on beside it.
func TestCpusetDomainsBoth(t *testing.T) {
	begin(t)
	root := cpusets(t).Root()
	a := exclusive(t, root, "a", "0-2")
	set(t, a, "sched_load_balance", "0")
	wantDomains(t, "3")
	b := cpuset(t, a, "b", "0-1", allNodes)
	wantDomains(t, "01")
	set(t, root, "sched_load_balance", "0")
	wantDomains(t, "01")
	c := exclusive(t, a, "c", "2")
	wantDomains(t, "01", "2")
	must(t, b.Remove())
	set(t, c, "cpus", "1-2")
	wantDomains(t, "12")
	must(t, c.Remove())
	must(t, a.Remove())
	wantDomains(t)
}

func TestCpusetDomainsHotplug(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := exclusive(t, h.Root(), "a", "2-3")
	wantDomains(t, "01", "23")
	unplugged(t, func() { wantDomains(t, "01", "2") }, 3)
	wantDomains(t, "01", "23")
	// The scheduler may not give up the last CPU of a domain.
	unplugged(t, func() {
		set(t, a, "cpu_exclusive", "0")
		wantDomains(t, "012")
		unplugged(t, func() { wantDomains(t, "01") }, 2)
		set(t, a, "cpu_exclusive", "1")
	}, 3)
	wantDomains(t, "01", "23")
	unplugged(t, func() { wantDomains(t, "0", "23") }, 1)
	must(t, a.Remove())
	unplugged(t, func() { wantDomains(t, "023") }, 1)
	wantDomains(t, "0123")
}

// How far an idle CPU is searched for is the largest that a balanced cpuset of the domain asks for.
func TestCpusetDomainsRelaxLevel(t *testing.T) {
	begin(t)
	dir := tempDir(t)
	must(t, unix.Mount("debugfs", dir, "debugfs", 0, ""))
	t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
	verbose := dir + "/sched/verbose" // or the domains do not show
	must(t, writeFile(verbose, "Y"))
	t.Cleanup(func() { must(t, writeFile(verbose, "N")) })
	// Balancing is off at and above the level that was asked for.
	waking := func(cpu int) bool {
		t.Helper()
		flags := string(got(os.ReadFile(fmt.Sprintf("%s/sched/domains/cpu%d/domain0/flags", dir, cpu)))(t))
		return slices.Contains(strings.Fields(flags), "SD_BALANCE_NEWIDLE")
	}
	want := func(cpu int, wanted bool) {
		t.Helper()
		if w := waking(cpu); w != wanted {
			t.Errorf("CPU %d balances when it falls idle: %v, want %v", cpu, w, wanted)
		}
	}
	root := cpusets(t).Root()
	a := exclusive(t, root, "a", "2-3")
	want(0, true)
	want(2, true)
	set(t, a, "sched_relax_domain_level", "0")
	want(0, true)
	want(2, false)
	below := cpuset(t, a, "below", "2", allNodes)
	set(t, below, "sched_relax_domain_level", "5")
	want(2, true)
	set(t, below, "sched_load_balance", "0")
	want(2, false)
	must(t, below.Remove())
	set(t, root, "sched_relax_domain_level", "0")
	want(0, false)
	set(t, a, "sched_relax_domain_level", "-1")
	want(2, true)
	must(t, a.Remove())
	want(2, false)
	set(t, root, "sched_relax_domain_level", "-1")
	want(2, true)
}

// deadline makes a task in a cpuset that is promised so much of a CPU's time, in percent.
func deadline(t testing.TB, c containerfs.Container, percent uint64) (pid int, err error) {
	t.Helper()
	pid = got(bare.Fork(bare.Naps))(t)
	t.Cleanup(func() { kill(pid) })
	must(t, c.Attach(pid))
	return pid, promise(t, pid, percent, got(c.Cpuset().CPUs())(t))
}

// promise has a napping task ask for that part of the time of one CPU, when it has slept on one of cpus: the scheduler goes by the domain of
// that one.
func promise(t testing.TB, pid int, percent uint64, cpus containerfs.CPUSet) error {
	t.Helper()
	const period = 100_000_000
	eventually(t, "it has woken up where it is to", func() bool { return cpus.Contains(ranOn(pid, pid)) })
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_DEADLINE, Runtime: period / 100 * percent, Deadline: period, Period: period}
	return unix.SchedSetAttr(pid, &attr, 0)
}

// What deadline tasks have been promised is kept when they move and when cpusets change, or the move and the change are refused.
func TestCpusetDeadline(t *testing.T) {
	begin(t)
	root := cpusets(t).Root()
	a, b := exclusive(t, root, "a", "0-1"), exclusive(t, root, "b", "2-3")
	promised := func(c containerfs.Container, percent uint64) int {
		t.Helper()
		pid, err := deadline(t, c, percent)
		wantError(t, err, 0, "%d%% in %s", percent, c.Path)
		return pid
	}
	first, second := promised(a, 60), promised(a, 60)
	pid, err := deadline(t, a, 80)
	wantError(t, err, unix.EBUSY, "more than two CPUs have")
	kill(pid)
	wantRefused(t, a, "cpus", "0", unix.EBUSY)

	// The other half has no room, and then it has.
	full := promised(b, 80)
	promised(b, 60)
	wantError(t, b.Attach(first), unix.EBUSY, "a move to where there is no time")
	wantTasks(t, a, first, second)
	wantAllowed(t, first, "0-1", allNodes)
	kill(full)
	eventually(t, "its time is free", func() bool { return b.Attach(first) == nil })
	wantAllowed(t, first, "2-3", allNodes)
	pid, err = deadline(t, b, 80)
	wantError(t, err, unix.EBUSY, "time that has moved in")
	kill(pid)
	// What it has left behind is free, also after the domains have been rebuilt.
	for range 2 {
		pid = promised(a, 80)
		kill(pid)
		unplugged(t, func() {}, 1)
		eventually(t, "the dead task's time is free", func() bool {
			pid, err := deadline(t, a, 80)
			kill(pid)
			return err == nil
		})
	}
	for _, c := range []containerfs.Container{a, b} {
		for _, tid := range got(c.Tasks())(t) {
			kill(tid)
		}
	}
}

// What has been promised counts against the CPUs that are there and that no exclusive cpuset below has for itself.
func TestCpusetDeadlineShrinks(t *testing.T) {
	begin(t)
	a := exclusive(t, cpusets(t).Root(), "a", "1-3")
	inner := exclusive(t, a, "inner", "1")
	domain := got(containerfs.ParseCPUs("2-3"))(t)
	var pids []int
	for range 2 {
		pid := got(bare.Fork(bare.Naps))(t)
		t.Cleanup(func() { kill(pid) })
		must(t, a.Attach(pid))
		must(t, wish(pid, 2, 3))
		wantError(t, promise(t, pid, 60, domain), 0, "60%% of two CPUs")
		pids = append(pids, pid)
	}
	wantRefused(t, a, "cpus", "1-2", unix.EBUSY)
	must(t, inner.Remove())
	unplugged(t, func() {
		wantRefused(t, a, "cpus", "1-2", unix.EBUSY)
		set(t, a, "cpus", "2-3")
	}, 1)
	for _, pid := range pids {
		kill(pid)
	}
	eventually(t, "their time is free", func() bool { return a.Write("cpuset.cpus", "2") == nil })
}

// A task that gives up what it has been promised may go where there is no time.
func TestCpusetDeadlineGivenUp(t *testing.T) {
	begin(t)
	root := cpusets(t).Root()
	a, b := exclusive(t, root, "a", "0-1"), exclusive(t, root, "b", "2-3")
	var pids []int
	for _, c := range []containerfs.Container{a, b, b} {
		pid, err := deadline(t, c, 80)
		must(t, err)
		pids = append(pids, pid)
	}
	wantError(t, b.Attach(pids[0]), unix.EBUSY, "a move to where there is no time")
	must(t, unix.SchedSetAttr(pids[0], &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}, 0))
	must(t, b.Attach(pids[0]))
	wantAllowed(t, pids[0], "2-3", allNodes)
	for _, pid := range pids {
		kill(pid)
	}
}

// A deadline task that leaves the root for an exclusive cpuset is asked whether there is time, and leaves its own behind.
func TestCpusetDeadlineFromTheRoot(t *testing.T) {
	begin(t)
	root := cpusets(t).Root()
	half := exclusive(t, root, "half", "2-3")
	rest := cpuset(t, root, "rest", "0-1", allNodes)
	cpus := got(rest.Cpuset().CPUs())(t)
	inRoot := func(percent uint64) int {
		t.Helper()
		pid := got(bare.Fork(bare.Naps))(t)
		t.Cleanup(func() { kill(pid) })
		must(t, wish(pid, 0, 1))
		wantError(t, promise(t, pid, percent, cpus), 0, "%d%% in the root", percent)
		return pid
	}
	for range 3 { // what is left behind does not add up, nor become less than nothing
		pid := inRoot(60)
		first, err := deadline(t, half, 80)
		must(t, err)
		second, err := deadline(t, half, 80)
		must(t, err)
		wantError(t, half.Attach(pid), unix.EBUSY, "a move to where there is no time")
		kill(first)
		eventually(t, "the dead task's time is free", func() bool { return half.Attach(pid) == nil })
		wantAllowed(t, pid, "2-3", allNodes)
		both := []int{inRoot(80), inRoot(80)} // all that there is
		for _, pid := range append(both, pid, second) {
			kill(pid)
		}
		eventually(t, "all time is free", func() bool {
			pid, err := deadline(t, half, 80)
			kill(pid)
			return err == nil
		})
	}
}

// Within one domain a deadline task keeps what it has been promised, whatever cpusets it moves between.
func TestCpusetDeadlineWithinADomain(t *testing.T) {
	begin(t)
	root := cpusets(t).Root()
	set(t, root, "sched_load_balance", "0")
	a, b := cpuset(t, root, "a", "0-1", allNodes), cpuset(t, root, "b", "2-3", allNodes)
	cpuset(t, root, "between", "1-2", allNodes)
	wantDomains(t, "0123")
	pid, err := deadline(t, root, 60)
	must(t, err)
	for round := range 10 {
		wantError(t, a.Attach(pid), 0, "move there, round %d", round)
		wantError(t, b.Attach(pid), 0, "move back, round %d", round)
	}
	for range 3 { // 330 of 380
		_, err := deadline(t, root, 90)
		must(t, err)
	}
}

// A CPU that has to stay, as deadline tasks have been promised its time, has been out of sight for a moment. Nobody tells the cpusets that it is back, as nobody had
// told them that it went: who was lent the parent's CPUs in that moment comes back all the same.
func TestCpusetRaceUnplugRefused(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "3", allNodes)
	var promised []int
	for range 4 {
		pid, err := deadline(t, h.Root(), 80)
		wantError(t, err, 0, "80%% of a CPU")
		promised = append(promised, pid)
	}
	t.Cleanup(func() { must(t, setOnline(cpuFile(3), true)) })
	pid, lent := sleeper(t), 0
	must(t, a.Attach(pid))
	r := quietRace(t)
	r.worker("unplug", func() error {
		if err := writeOnce(cpuFile(3), "0"); !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("unplugging CPU 3, whose time is promised: %v, want %v", err, unix.EBUSY)
		}
		return nil
	})
	r.worker("wish", func() error {
		for _, cpus := range [][]int{{3}, {0, 1, 2, 3}} { // as in TestCpusetRaceUnplugThatFails
			if err := wish(pid, cpus...); err != nil && !errors.Is(err, unix.EINVAL) {
				return err
			}
		}
		have, err := allowed(pid)
		if err == nil && have != allowedText("3", allNodes) {
			lent++
		}
		return err
	})
	r.wait()
	comesBackTo(t, "3", pid)
	t.Logf("seen on loan %d times", lent)
	for _, pid := range append(promised, pid) {
		kill(pid)
	}
}
