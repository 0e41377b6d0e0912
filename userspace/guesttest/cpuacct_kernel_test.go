//go:build guest

package guesttest

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"gpc/userspace/guesttest/bare"
)

// accounted is time by kind.
type accounted struct{ user, system, idle, interrupts time.Duration }

// readAccounted is what the kernel has accounted on all processors, rounded down to units of userHZ.
func readAccounted() (accounted, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return accounted{}, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	var columns []time.Duration
	for _, number := range strings.Fields(first)[1:] {
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return accounted{}, err
		}
		columns = append(columns, ticks(n))
	}
	user, nice, system, idle, iowait, irq, softirq := columns[0], columns[1], columns[2], columns[3], columns[4], columns[5], columns[6]
	return accounted{user: user + nice, system: system, idle: idle + iowait, interrupts: irq + softirq}, nil
}

// kernelAccounted is readAccounted in a test.
func kernelAccounted(t testing.TB) accounted {
	t.Helper()
	return got(readAccounted())(t)
}

// processAccounted is the time of a process by kind, as the kernel accounts it, the interrupts that it took included where those are known.
func processAccounted(t testing.TB, pid int) accounted {
	t.Helper()
	stat := threadStat(pid, pid)
	number := func(i int) time.Duration { return ticks(got(strconv.ParseUint(stat[i], 10, 64))(t)) }
	return accounted{user: number(11), system: number(12)}
}

// interruptStorm interrupts each processor every few microseconds until the test ends, as a profiler would. Timers of a process would not do: the kernel starts
// one again only when somebody has taken notice of it, who then takes more time than the interrupt.
func interruptStorm(t testing.TB) {
	t.Helper()
	clock := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Sample: uint64(50 * time.Microsecond)}
	clock.Size = uint32(unsafe.Sizeof(clock))
	for cpu := range runtime.NumCPU() {
		fd := got(unix.PerfEventOpen(&clock, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC))(t)
		t.Cleanup(func() { unix.Close(fd) })
	}
}

// Interrupts are not what a task has done, neither where the scheduler can tell them apart nor, by kind, where the accounting can.
func TestCpuacctInterruptsAreNobodys(t *testing.T) {
	begin(t)
	native := runtime.GOARCH == "ppc64" // the accounting knows their time, the scheduler does not
	known := native || lockChecking     // elsewhere nobody does, or they are too short for a whole second
	h := mount(t, bound("cpuacct"))
	a := mkdir(t, h.Root(), "a")
	// No processor is idle, so that there is always a task that could be charged with an interrupt.
	var pids []int
	for range runtime.NumCPU() {
		pid := got(bare.Fork(bare.Spins))(t)
		t.Cleanup(func() { kill(pid) })
		must(t, a.Attach(pid))
		pids = append(pids, pid)
	}
	sum := func() (sum accounted) {
		for _, pid := range pids {
			one := processAccounted(t, pid)
			sum.user += one.user
			sum.system += one.system
		}
		return sum
	}
	began, before, own, charged, stat := time.Now(), kernelAccounted(t), sum(), usage(t, h.Root(), "usage_subtree"), fields(t, a, "stat")
	if known && !native { // ticks alone take long enough on the one, and would say nothing on the others
		interruptStorm(t)
	}
	taken := func() time.Duration { return kernelAccounted(t).interrupts - before.interrupts }
	if known {
		eventually(t, "interrupts have taken a second", func() bool { return taken() > time.Second })
	} else {
		time.Sleep(time.Second) // what is measured, not what is waited for
	}
	interrupts := taken()
	charged = usage(t, h.Root(), "usage_subtree") - charged
	all := time.Since(began) * time.Duration(runtime.NumCPU())
	if !native {
		// The kernel's clocks are not one to the last digit.
		margin := all/100 + ticks(2)
		if known && interrupts < 2*margin {
			t.Errorf("interrupts took %v of %v, which is too little to tell from an error", interrupts, all)
		}
		if charged > all-interrupts+margin {
			t.Errorf("of %v %v are charged, and interrupts took %v", all, charged, interrupts)
		}
		return
	}
	now := fields(t, a, "stat")
	user, both := ticks(now["user"]-stat["user"]), ticks(now["user"]+now["system"]-stat["user"]-stat["system"])
	tasks := sum()
	tasks.user -= own.user
	tasks.system -= own.system
	// If the interrupts were system time, the time would be divided as the kernel divides that of the processes, which it books them with.
	booked := both * time.Duration(tasks.user.Milliseconds()) / time.Duration((tasks.user + tasks.system).Milliseconds())
	share := both * time.Duration(interrupts.Milliseconds()) / time.Duration(all.Milliseconds())
	t.Logf("%v of %v are user time, %v of it with interrupts as system time; of %v interrupts took %v", user, both, booked, all, interrupts)
	if user < booked+share/2 {
		t.Errorf("%v of %v are user time; it would be %v if interrupts, which took about %v of it, were system time", user, both, booked, share)
	}
}
