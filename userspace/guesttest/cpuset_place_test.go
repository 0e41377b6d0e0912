//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// cpuFile is the file that plugs a CPU.
func cpuFile(cpu int) string { return fmt.Sprintf("/sys/devices/system/cpu/cpu%d/online", cpu) }

// unplugged runs f while some CPUs are away.
func unplugged(t testing.TB, f func(), cpus ...int) {
	t.Helper()
	for _, cpu := range cpus {
		must(t, setOnline(cpuFile(cpu), false))
		defer func() { must(t, setOnline(cpuFile(cpu), true)) }()
	}
	f()
}

// wish lets a task ask for CPUs.
func wish(pid int, cpus ...int) error {
	var mask unix.CPUSet
	for _, cpu := range cpus {
		mask.Set(cpu)
	}
	return os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(pid, &mask))
}

// ranOn returns the CPU that a thread ran on last.
func ranOn(pid, tid int) int {
	fields := threadStat(pid, tid)
	if len(fields) < 37 {
		return -1
	}
	cpu, err := strconv.Atoi(fields[36]) // field 39 of the file
	if err != nil {
		return -1
	}
	return cpu
}

// spinning starts a process with that many threads that never sleep, and returns it with their ids.
func spinning(t testing.TB, threads int) (pid int, tids []int) {
	t.Helper()
	p := start(t, nil, nil, "spin", strconv.Itoa(threads))
	for range threads {
		tids = append(tids, got(strconv.Atoi(p.line(t)))(t))
	}
	return p.pid, tids
}

// spinHelper makes threads that never sleep, and says a line for each.
func spinHelper(args []string) {
	threads, err := strconv.Atoi(args[0])
	if err != nil {
		panic(err)
	}
	// Threads that the runtime could preempt would sleep each time until it lets them go on, and a thread that sleeps changes its CPU when
	// it wakes up.
	runtime.GOMAXPROCS(threads + 2)
	var preempts unix.Sigset_t
	preempts.Val[0] = 1 << (unix.SIGURG - 1)
	for range threads {
		go func() {
			runtime.LockOSThread()
			if err := unix.PthreadSigmask(unix.SIG_BLOCK, &preempts, nil); err != nil {
				panic(err)
			}
			fmt.Println(unix.Gettid())
			//lint:ignore SA5002 to compute is all that it is for
			for {
			}
		}()
	}
	awaitStop()
}

func wantOn(t testing.TB, pid int, tids []int, cpus ...int) {
	t.Helper()
	for _, tid := range tids {
		if cpu := ranOn(pid, tid); !slices.Contains(cpus, cpu) {
			t.Errorf("thread %d of %d is on CPU %d, want one of %v", tid, pid, cpu, cpus)
		}
	}
}

// A change reaches tasks at once, running and sleeping ones, threads and children alike.
func TestCpusetBindsAtOnce(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "1", allNodes)
	running, threads := spinning(t, 3)
	sleeping := sleeper(t)
	must(t, a.AttachProc(running))
	wantOn(t, running, threads, 1)
	must(t, a.Attach(sleeping))
	wantAllowed(t, sleeping, "1", allNodes)
	for _, cpus := range []string{"2", "3", "0", "2-3", "1"} {
		set(t, a, "cpus", cpus)
		wantAllowed(t, running, cpus, allNodes)
		wantAllowed(t, sleeping, cpus, allNodes)
		if len(cpus) == 1 {
			wantOn(t, running, threads, int(cpus[0]-'0'))
		}
	}
	must(t, h.Root().AttachProc(running))
	wantAllowed(t, running, allCPUs, allNodes)
	kill(sleeping)
}

// In the root a wish is forgotten if none of its CPUs is there, also by a task that comes there with it.
func TestCpusetRootForgetsWish(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "0", allNodes)
	pid := sleeper(t)
	must(t, wish(pid, 3))
	must(t, a.Attach(pid))
	wantAllowed(t, pid, "0", allNodes)
	unplugged(t, func() {
		must(t, h.Root().Attach(pid))
		wantAllowed(t, pid, allCPUs, allNodes)
	}, 3)
	wantAllowed(t, pid, allCPUs, allNodes)
}

// Cpusets in one hierarchy with others are no different.
func TestCpusetAmongOthers(t *testing.T) {
	begin(t)
	h := cpusets(t, "cpuacct", "numtasks")
	a := cpuset(t, h.Root(), "a", "2", "1")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	wantAllowed(t, pid, "2", "1")
	kill(pid)
}

func TestCpusetInherited(t *testing.T) {
	begin(t)
	a := cpuset(t, cpusets(t).Root(), "a", "2", "1")
	onThread(t, func(tid int) {
		if err := a.Attach(0); err != nil {
			t.Error(err)
			return
		}
		for name, fork := range map[string]func(bare.What) (int, error){"fork": bare.Fork, "vfork": bare.Spawn} {
			pid, err := fork(bare.Sleeps)
			if err != nil {
				t.Error(name, err)
				continue
			}
			wantAllowed(t, pid, "2", "1")
			wantOn(t, pid, []int{pid}, 2)
			kill(pid)
		}
	})
}

// A thread can be in another cpuset than the rest of its process.
func TestCpusetOfThread(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "3", "1")
	pid, tids := threaded(t, 2)
	must(t, a.Attach(tids[1]))
	for i, want := range []string{allCPUs, "3", allCPUs} {
		wantAllowed(t, tids[i], want, map[bool]string{true: "1", false: allNodes}[i == 1])
	}
	must(t, a.AttachProc(pid))
	for _, tid := range tids {
		wantAllowed(t, tid, "3", "1")
	}
	kill(pid)
}

// What a task asks for stays its wish: cut to the cpuset, all of the cpuset where nothing is left of it, and back when it grows.
func TestCpusetWish(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "0-2", allNodes)
	pid := sleeper(t)
	must(t, wish(pid, 1, 3))
	wantAllowed(t, pid, "1,3", allNodes)
	must(t, a.Attach(pid))
	wantAllowed(t, pid, "1", allNodes)
	for _, step := range []struct{ cpus, want string }{
		{"0-3", "1,3"}, {"3", "3"}, {"0,2", "0,2"}, {"2", "2"}, {"2-3", "3"}, {"0-1", "1"}, {"0", "0"}, {"0-3", "1,3"},
	} {
		set(t, a, "cpus", step.cpus)
		wantAllowed(t, pid, step.want, allNodes)
	}
	set(t, a, "cpus", "0-1")
	wantError(t, wish(pid, 2, 3), unix.EINVAL, "a wish for nothing that the cpuset has")
	wantAllowed(t, pid, "1", allNodes)
	must(t, wish(pid, 0, 2))
	wantAllowed(t, pid, "0", allNodes)
	must(t, h.Root().Attach(pid))
	wantAllowed(t, pid, "0,2", allNodes)
	kill(pid)
}

// The wish is inherited, and outlives a move to where it cannot be fulfilled.
func TestCpusetWishInherited(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "0-1", allNodes)
	onThread(t, func(tid int) {
		if err := errors.Join(wish(0, 3), a.Attach(0)); err != nil {
			t.Error(err)
			return
		}
		pid, err := bare.Spawn(bare.Sleeps)
		if err != nil {
			t.Error(err)
			return
		}
		defer kill(pid)
		wantAllowed(t, pid, "0-1", allNodes)
		if err := h.Root().Attach(pid); err != nil {
			t.Error(err)
		}
		wantAllowed(t, pid, "3", allNodes)
	})
}

// The parent's change reaches those below whose part of it changes, and no others.
func TestCpusetHotplugNested(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "1-3", allNodes)
	b := cpuset(t, a, "b", "2-3", allNodes)
	c := cpuset(t, b, "c", "3", allNodes)
	inB, inC := sleeper(t), sleeper(t)
	must(t, b.Attach(inB))
	must(t, c.Attach(inC))
	check := func(effA, effB, effC string) {
		t.Helper()
		wantSet(t, a, "effective_cpus", effA)
		wantSet(t, b, "effective_cpus", effB)
		wantSet(t, c, "effective_cpus", effC)
		wantAllowed(t, inB, effB, allNodes)
		wantAllowed(t, inC, effC, allNodes)
		wantSet(t, a, "cpus", "1-3")
		wantSet(t, b, "cpus", "2-3")
		wantSet(t, c, "cpus", "3")
	}
	check("1-3", "2-3", "3")
	unplugged(t, func() {
		wantSet(t, h.Root(), "cpus", "0-2")
		check("1-2", "2", "2")
		unplugged(t, func() {
			check("1", "1", "1")
			unplugged(t, func() { check("0", "0", "0") }, 1)
			check("1", "1", "1")
		}, 2)
		check("1-2", "2", "2")
	}, 3)
	check("1-3", "2-3", "3")
	wantSet(t, h.Root(), "cpus", allCPUs)
	kill(inB)
	kill(inC)
}

// A busy task whose only CPU goes runs on the parent's, and comes back with it; so does one that wished for just this CPU.
func TestCpusetHotplugUnderLoad(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "2-3", allNodes)
	b := cpuset(t, a, "b", "3", allNodes)
	bound, boundThreads := spinning(t, 2)
	wishing, wishingThreads := spinning(t, 2)
	must(t, b.AttachProc(bound))
	must(t, a.AttachProc(wishing))
	for _, tid := range wishingThreads {
		must(t, wish(tid, 3))
	}
	for range 3 {
		wantOn(t, bound, boundThreads, 3)
		wantAllowed(t, wishingThreads[0], "3", allNodes)
		unplugged(t, func() {
			wantOn(t, bound, boundThreads, 2)
			wantOn(t, wishing, wishingThreads, 2)
			wantAllowed(t, bound, "2", allNodes)
			wantAllowed(t, wishingThreads[0], "2", allNodes)
		}, 3)
		wantAllowed(t, bound, "3", allNodes)
		wantAllowed(t, wishingThreads[0], "3", allNodes)
	}
	must(t, h.Root().AttachProc(bound))
	must(t, h.Root().AttachProc(wishing))
}

// CPUs that are away cannot be had, and what is set meanwhile is what was asked for of those that are there.
func TestCpusetOfflineInList(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "2-3", allNodes)
	unplugged(t, func() {
		wantRefused(t, a, "cpus", "3", unix.ENOSPC)
		set(t, a, "cpus", "1,3")
		wantSet(t, a, "cpus", "1")
		set(t, a, "cpus", "0-3")
		wantSet(t, a, "cpus", "0-2")
		// Rules go by what was asked for.
		set(t, a, "cpu_exclusive", "1")
	}, 3)
	wantSet(t, a, "cpus", "0-2")
	wantSet(t, a, "effective_cpus", "0-2")
	set(t, a, "cpus", "2-3")
	unplugged(t, func() {
		set(t, a, "cpu_exclusive", "0")
		set(t, a, "cpu_exclusive", "1")
		wantSet(t, a, "cpus", "2-3")
		b := mkdir(t, h.Root(), "b")
		wantRefused(t, b, "cpus", "2", unix.EINVAL)
		must(t, b.Remove())
	}, 3)
}

// The whole machine less one CPU goes and comes, and with it all the cpusets.
func TestCpusetHotplugAll(t *testing.T) {
	begin(t)
	h := cpusets(t)
	var pids []int
	var sets []containerfs.Container
	for cpu := range 4 {
		c := cpuset(t, h.Root(), fmt.Sprint("c", cpu), fmt.Sprint(cpu), allNodes)
		pid := sleeper(t)
		must(t, c.Attach(pid))
		pids, sets = append(pids, pid), append(sets, c)
	}
	unplugged(t, func() {
		for i, c := range sets {
			wantSet(t, c, "effective_cpus", "0")
			wantAllowed(t, pids[i], "0", allNodes)
		}
	}, 1, 2, 3)
	for i, c := range sets {
		wantSet(t, c, "effective_cpus", fmt.Sprint(i))
		wantAllowed(t, pids[i], fmt.Sprint(i), allNodes)
		kill(pids[i])
	}
}

// Kernel threads that serve a CPU stay; others can be moved.
func TestCpusetKernelThreads(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "1", allNodes)
	for _, name := range []string{"migration/2", "ksoftirqd/2", "kthreadd"} {
		tid := kernelThread(t, name)
		before := got(allowed(tid))(t)
		wantError(t, a.Attach(tid), unix.EINVAL, "attach %s", name)
		if after := got(allowed(tid))(t); after != before {
			t.Errorf("%s had %s, and has %s now", name, before, after)
		}
	}
	unbound := kernelThread(t, "kdevtmpfs")
	must(t, a.Attach(unbound))
	wantAllowed(t, unbound, "1", allNodes)
	must(t, h.Root().Attach(unbound))
	wantAllowed(t, unbound, allCPUs, allNodes)
}

// A move that is refused for one thread leaves all where they were.
func TestCpusetMoveAllOrNothing(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "1", "0")
	empty := mkdir(t, a, "empty")
	pid, tids := threaded(t, 3)
	must(t, a.AttachProc(pid))
	wantError(t, empty.AttachProc(pid), unix.ENOSPC, "move into an empty cpuset")
	wantTasks(t, a, tids...)
	for _, tid := range tids {
		wantAllowed(t, tid, "1", "0")
	}
	kill(pid)
	// Nothing is on its way any more, so the list can be emptied.
	must(t, empty.Remove())
	set(t, a, "cpus", "")
}

// The end of the hierarchy is the end of cpusets: whoever was in one has been moved out of it, and may use everything.
func TestCpusetAfterTheEnd(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "1", "1")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	must(t, h.Root().Attach(pid))
	must(t, a.Remove())
	must(t, h.Unmount())
	wantAllowed(t, pid, allCPUs, allNodes)
	must(t, wish(pid, 2))
	wantAllowed(t, pid, "2", allNodes)
	kill(pid)
}
