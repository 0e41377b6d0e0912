//go:build guest

package guesttest

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// accounted is CPU time by kind.
type accounted struct{ user, system, interrupts time.Duration }

// kernelAccounted is what the kernel has accounted on all processors, rounded down to units of userHZ.
func kernelAccounted(t testing.TB) accounted {
	t.Helper()
	text := string(got(os.ReadFile("/proc/stat"))(t))
	first, _, _ := strings.Cut(text, "\n")
	var columns []time.Duration
	for _, number := range strings.Fields(first)[1:] {
		columns = append(columns, ticks(got(strconv.ParseUint(number, 10, 64))(t)))
	}
	user, nice, system, irq, softirq := columns[0], columns[1], columns[2], columns[5], columns[6]
	return accounted{user: user + nice, system: system, interrupts: irq + softirq}
}

// charged is what the containers of a hierarchy have been charged with, rounded down to units of userHZ in each.
func charged(t testing.TB, h containerfs.Hierarchy) accounted {
	t.Helper()
	var sum accounted
	must(t, h.Root().Walk(func(c containerfs.Container) error {
		stat := fields(t, c, "stat")
		sum.user += ticks(stat["user"])
		sum.system += ticks(stat["system"])
		return nil
	}))
	return sum
}

// ticks is a number of units of userHZ as a time.
func ticks(n uint64) time.Duration { return time.Duration(n) * time.Second / userHZ }

// interruptStorm has timers interrupt the machine thousands of times a second until the test ends.
func interruptStorm(t testing.TB) {
	t.Helper()
	const timers, period = 8, 250 * time.Microsecond
	for range timers {
		fd := got(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC))(t)
		t.Cleanup(func() { unix.Close(fd) })
		every := unix.NsecToTimespec(period.Nanoseconds())
		must(t, unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil))
	}
}

// What all containers are charged with is what the kernel accounts to tasks: all of it, by kind, and nothing of the time of interrupts.
// That holds whether lost ticks made the kernel account too little or not.
func TestCpuacctAgreesWithKernel(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	containers := []containerfs.Container{mkdir(t, h.Root(), "user"), mkdir(t, h.Root(), "system")}
	// What is charged is read between two looks at what the kernel has accounted, so its true value at that time is between them.
	before1, charged1, after1 := kernelAccounted(t), charged(t, h), kernelAccounted(t)
	// No processor is idle, so that there is always a task that could be charged with an interrupt.
	interruptStorm(t)
	for cpu := range runtime.NumCPU() {
		c := containers[cpu%len(containers)]
		p := start(t, nil, nil, "burn", c.Path[1:], "1h")
		if line := p.line(t); line != "ready" {
			t.Fatalf("the helper says %q", line)
		}
		must(t, c.AttachProc(p.pid))
		p.stdin.Close()
	}
	interrupts := func() time.Duration { return kernelAccounted(t).interrupts - after1.interrupts }
	// Where ticks are counted they see next to nothing of interrupts. Everywhere else there must be enough to be noticed.
	if measured := runtime.GOARCH == "ppc64" || debugFlavor; measured {
		eventually(t, "interrupts have taken 300 ms", func() bool { return interrupts() > 300*time.Millisecond })
	}
	for _, c := range containers {
		eventually(t, c.Path+" is charged with a second", func() bool { return usage(t, c, "usage") > time.Second })
	}
	before2, charged2, after2 := kernelAccounted(t), charged(t, h), kernelAccounted(t)

	// The kernel shows time that a running task has not been charged with yet, a tick on each processor at most; the rest is for rounding.
	slack := ticks(uint64(runtime.NumCPU() + len(containers) + 2))
	check := func(kind string, charged, least, most time.Duration) {
		t.Logf("%s: charged %v of %v to %v", kind, charged, least, most)
		if charged < least-slack || charged > most+slack {
			t.Errorf("charged are %v of %s time, the kernel has accounted %v to %v, and %v to interrupts", charged, kind, least, most, interrupts())
		}
	}
	check("user", charged2.user-charged1.user, before2.user-after1.user, after2.user-before1.user)
	check("system", charged2.system-charged1.system, before2.system-after1.system, after2.system-before1.system)
}
