//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// burnHelper uses up CPU time when its stdin ends: args are "user" or "system", and how long, as a duration. It prints how much it has used
// in all, in nanoseconds.
//
// Where the kernel knows the kind of time from its ticks, a busy host loses most of them, and the few that are left tell nothing: it goes on
// until the kernel has seen it use mostly that kind.
func burnHelper(args []string) {
	length, err := time.ParseDuration(args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	zeros, err := os.Open("/dev/zero")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// What the Go runtime's threads do beside this one is the user's time, too, and was as much as all: they look for work as soon as this one waits
	// for the kernel, unless they are not told, and have nothing to do.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	fmt.Println("ready")
	awaitStop()
	buffer := make([]byte, 1<<20)
	began, alike := cpuTime(), cpuTimeOf(args[0])
	for all := time.Duration(0); all < length || cpuTimeOf(args[0])-alike < all*2/3; all = cpuTime() - began {
		if args[0] == "system" {
			// To look at the clocks is the user's time, and took as long as one of these.
			for range 16 {
				unix.RawSyscall(unix.SYS_READ, zeros.Fd(), uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)))
			}
			continue
		}
		// To look at the clocks is system time, and with KASAN took longer than two million of these.
		for i := range 20_000_000 {
			buffer[i%len(buffer)]++
		}
	}
	fmt.Println(cpuTime().Nanoseconds())
	unix.Pause() // to end takes time, too, which the test has not been told of
}

// cpuTimeOf is the time of a kind, "user" or "system", that this process has used as far as the kernel knows.
func cpuTimeOf(kind string) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	if kind == "system" {
		return time.Duration(used.Stime.Nano())
	}
	return time.Duration(used.Utime.Nano())
}

// cpuTime is the CPU time that this process has used.
func cpuTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}

// usage reads a file of cpuacct with one number of nanoseconds.
func usage(t testing.TB, c containerfs.Container, file string) time.Duration {
	t.Helper()
	return time.Duration(got(c.ReadUint("cpuacct." + file))(t))
}

// fields reads a file of lines with a word and a number each.
func fields(t testing.TB, c containerfs.Container, file string) map[string]uint64 {
	t.Helper()
	values := map[string]uint64{}
	for line := range strings.Lines(got(c.ReadString("cpuacct." + file))(t)) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		values[name] = got(strconv.ParseUint(number, 10, 64))(t)
	}
	return values
}

// userHZ is the kernel's unit of time towards programs, per second.
const userHZ = 100

// ticks is a number of units of userHZ as a time.
func ticks(n uint64) time.Duration { return time.Duration(n) * time.Second / userHZ }

// burn lets a new process in c use a second of CPU time of one kind, and returns how much exactly it has used there.
func burn(t testing.TB, c containerfs.Container, kind string) time.Duration {
	t.Helper()
	p := start(t, nil, nil, "burn", kind, "1s")
	if line := p.line(t); line != "ready" {
		t.Fatalf("the helper says %q", line)
	}
	pause(t, p.pid)
	before := processTime(t, p.pid)
	must(t, c.AttachProc(p.pid))
	resume(t, p.pid)
	p.stdin.Close()
	p.line(t)
	pause(t, p.pid)
	used := processTime(t, p.pid) - before
	must(t, c.Hierarchy.Root().AttachProc(p.pid))
	p.stop()
	return used
}

// pause stops a child of ours, and waits until none of its threads runs any more.
func pause(t testing.TB, pid int) {
	t.Helper()
	must(t, unix.Kill(pid, unix.SIGSTOP))
	for {
		_, err := unix.Wait4(pid, nil, unix.WUNTRACED|unix.WALL, nil)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			t.Fatalf("wait for child %d to stop: %v", pid, err)
		}
	}
	// A thread says that it has stopped, and leaves its processor a moment later: then the scheduler has counted all that it ran.
	eventually(t, "the process has left its processors", func() bool {
		before := processTime(t, pid)
		time.Sleep(5 * time.Millisecond)
		return processTime(t, pid) == before
	})
}

// resume lets a paused child go on.
func resume(t testing.TB, pid int) {
	t.Helper()
	must(t, unix.Kill(pid, unix.SIGCONT))
}

// processTime is the CPU time that a process has used.
func processTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	// The kernel's clock of a process: its id inverted, with the bits for "process" and "precise".
	clock := int32(^pid<<3 | 2)
	var ts unix.Timespec
	must(t, unix.ClockGettime(clock, &ts))
	return time.Duration(ts.Nano())
}

func TestCpuacctChargesWhoBurns(t *testing.T) {
	for _, kind := range []string{"user", "system"} {
		t.Run(kind, func(t *testing.T) {
			begin(t)
			h := mount(t, bound("cpuacct"))
			burns := mkdir(t, h.Root(), "burns")
			idles := mkdir(t, h.Root(), "idles")
			sleeps := sleeper(t)
			must(t, idles.Attach(sleeps))

			used := burn(t, burns, kind)
			if charged := usage(t, burns, "usage"); charged != used {
				t.Errorf("usage is %v, the process has used %v", charged, used)
			}
			// To fall asleep takes time, too, and on a busy host not little.
			if charged, all := usage(t, idles, "usage"), processTime(t, sleeps); charged > all {
				t.Errorf("a sleeper has been charged %v, and has used %v in all its life", charged, all)
			}
			stat := fields(t, burns, "stat")
			if both := ticks(stat["user"] + stat["system"]); both != used.Truncate(time.Second/userHZ) {
				t.Errorf("stat is %v, together %v, the process has used %v", stat, both, used)
			}
			if ticks(stat[kind]) < used/2 {
				t.Errorf("stat of a process that uses %s time is %v", kind, stat)
			}
		})
	}
}

// What is charged and what processors have idled cannot be more than there is.
func TestCpuacctIdleIsNobodys(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	began, idle, before := time.Now(), kernelAccounted(t).idle, usage(t, h.Root(), "usage_subtree")
	time.Sleep(2 * time.Second) // what is measured, not what is waited for
	charged := usage(t, h.Root(), "usage_subtree") - before
	idle = kernelAccounted(t).idle - idle
	all := time.Since(began) * time.Duration(runtime.NumCPU())
	if idle == 0 {
		t.Fatal("no processor has idled")
	}
	// The kernel's clocks are not one to the last digit.
	if most := all + all/100 + ticks(2); charged+idle > most {
		t.Errorf("%v have been charged and %v were idle, of %v", charged, idle, all)
	}
}

func TestCpuacctSubtree(t *testing.T) {
	begin(t)
	subsystems := []string{"cpuacct"}
	if debugFlavor {
		subsystems = append(subsystems, "debug_a") // which can tell when a state has been freed
	}
	h := mount(t, bound(subsystems...))
	a := mkdir(t, h.Root(), "a")
	b := mkdir(t, a, "b")
	used := burn(t, b, "user")
	if own := usage(t, a, "usage"); own != 0 {
		t.Errorf("the parent's own usage is %v", own)
	}
	before := usage(t, a, "usage_subtree")
	if before != used {
		t.Errorf("usage_subtree of the parent is %v, a process below has used %v", before, used)
	}
	must(t, b.Remove())
	if debugFlavor {
		wantLive(t, h, "debug_a", 1)
	}
	if after := usage(t, a, "usage_subtree"); after != before {
		t.Errorf("usage_subtree has gone from %v to %v with the removal of a child", before, after)
	}
	if root := usage(t, h.Root(), "usage_subtree"); root < before {
		t.Errorf("usage_subtree of the root is %v, below there was %v", root, before)
	}
}

func TestCpuacctReset(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	a := mkdir(t, h.Root(), "a")
	used := burn(t, a, "user")
	subtree := usage(t, a, "usage_subtree")
	for _, text := range []string{"1", "-1", "x", "0 0"} {
		wantError(t, a.Write("cpuacct.usage", text), unix.EINVAL, "write %q to usage", text)
	}
	if now := usage(t, a, "usage"); now != used {
		t.Errorf("a refused write has changed usage from %v to %v", used, now)
	}
	fields(t, a, "stat") // what has been shown must not be kept up
	must(t, a.Write("cpuacct.usage", "0"))
	if now := usage(t, a, "usage"); now != 0 {
		t.Errorf("after a reset usage is %v", now)
	}
	if now := fields(t, a, "stat"); now["user"]+now["system"] != 0 {
		t.Errorf("after a reset stat is %v", now)
	}
	if now := fields(t, a, "load"); now["time"]+now["accumulated"] != 0 {
		t.Errorf("after a reset load is %v", now)
	}
	if now := usage(t, a, "usage_subtree"); now != subtree {
		t.Errorf("a reset has made usage_subtree go from %v to %v", subtree, now)
	}
	used = burn(t, a, "system")
	if now := usage(t, a, "usage"); now != used {
		t.Errorf("since the reset usage is %v, a process has used %v", now, used)
	}
	if now := fields(t, a, "stat"); ticks(now["system"]) < used/2 || ticks(now["user"]+now["system"]) != used.Truncate(time.Second/userHZ) {
		t.Errorf("since the reset stat is %v, a process has used %v, most of it in the kernel", now, used)
	}
}

func TestCpuacctPerCPU(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	a := mkdir(t, h.Root(), "a")
	burn(t, a, "user")
	var sum time.Duration
	list := strings.Fields(got(a.ReadString("cpuacct.usage_percpu"))(t))
	for _, number := range list {
		sum += time.Duration(got(strconv.ParseInt(number, 10, 64))(t))
	}
	if all := usage(t, a, "usage"); sum != all {
		t.Errorf("the processors' sum is %v, usage %v", sum, all)
	}
	possible := strings.TrimSpace(string(got(os.ReadFile("/sys/devices/system/cpu/possible"))(t)))
	if want := countList(t, possible); len(list) != want {
		t.Errorf("%d numbers for the %d possible processors %s", len(list), want, possible)
	}
}

// countList counts the members of a list such as 0-3,8.
func countList(t testing.TB, list string) int {
	t.Helper()
	n := 0
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		n += got(strconv.Atoi(last))(t) - got(strconv.Atoi(first))(t) + 1
	}
	return n
}

func TestCpuacctLoad(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	a := mkdir(t, h.Root(), "a")
	root := h.Root()
	for _, text := range []string{"99", "3600001", "0", "-1", "x"} {
		wantError(t, root.Write("cpuacct.load_interval_ms", text), unix.EINVAL, "write %q to load_interval_ms", text)
	}
	if _, err := a.ReadUint("cpuacct.load_interval_ms"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("load_interval_ms outside of the root: %v", err)
	}
	// A long interval, begun now, holds all that follows.
	must(t, root.Write("cpuacct.load_interval_ms", "3600000"))
	used := burn(t, a, "user")
	load := fields(t, a, "load")
	if want := uint64(used.Milliseconds()); load["time"] != want || load["accumulated"] != want {
		t.Errorf("load is %v, a process has used %v", load, used)
	}
	if want := 100 * load["time"] / max(load["interval"], 1); load["load"] > want+1 || load["load"]+1 < want {
		t.Errorf("load is %v, want %d percent", load, want)
	}
	// A new interval for all: nothing has been used in it, and what was used before is still known.
	must(t, root.Write("cpuacct.load_interval_ms", "3600000"))
	load = fields(t, a, "load")
	if load["time"] != 0 || load["load"] != 0 {
		t.Errorf("an idle container's load in a new interval is %v", load)
	}
	if want := uint64(used.Milliseconds()); load["accumulated"] != want {
		t.Errorf("accumulated is %v, want %v", load, used)
	}
	// What is used now is all that counts in the new one.
	more := burn(t, a, "user")
	load = fields(t, a, "load")
	if load["time"] != uint64(more.Milliseconds()) || load["accumulated"] != uint64((used+more).Milliseconds()) {
		t.Errorf("load is %v, %v have been used in the interval, %v before", load, more, used)
	}
	must(t, root.Write("cpuacct.load_interval_ms", "100"))
	eventually(t, "the interval's age begins anew", func() bool { return fields(t, a, "load")["interval"] < 100 })
}

// Each hierarchy begins with nothing used, in a new interval of the default length.
func TestCpuacctBeginsAnew(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	must(t, h.Root().Write("cpuacct.load_interval_ms", "3600000"))
	burn(t, h.Root(), "user")
	must(t, h.Unmount())
	h = mount(t, bound("cpuacct"))
	if interval := got(h.Root().ReadUint("cpuacct.load_interval_ms"))(t); interval != 10000 {
		t.Errorf("load_interval_ms is %d", interval)
	}
	load := fields(t, h.Root(), "load")
	if load["time"] > load["accumulated"]+1 {
		t.Errorf("load of a new hierarchy is %v", load)
	}
}

// The load of a container that uses no more time falls to nothing by itself.
func TestCpuacctLoadFalls(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	a := mkdir(t, h.Root(), "a")
	must(t, h.Root().Write("cpuacct.load_interval_ms", "1000"))
	p := start(t, nil, nil, "burn", "user", "1h")
	if line := p.line(t); line != "ready" {
		t.Fatalf("the helper says %q", line)
	}
	must(t, a.AttachProc(p.pid))
	p.stdin.Close()
	eventually(t, "there is load", func() bool { load := fields(t, a, "load"); return load["time"] > 0 && load["load"] > 0 })
	p.stop()
	eventually(t, "the load falls to 0", func() bool { load := fields(t, a, "load"); return load["time"] == 0 && load["load"] == 0 })
}

// TestCpuacctMountsUnderLoad mounts everything while processors go idle and busy, take interrupts, come and go: in January 2007 that was a panic.
func TestCpuacctMountsUnderLoad(t *testing.T) {
	begin(t)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				// Bursts of work with pauses between them, on all processors in turn.
				for range 200_000 {
				}
				time.Sleep(time.Millisecond)
			}
		}
	}()
	defer func() { close(stop); <-done }()
	for round := range 20 {
		dir := tempDir(t)
		must(t, unix.Mount("guesttest", dir, "container", 0, "all"))
		if round%5 == 4 {
			file := unpluggable(t)[0]
			must(t, setOnline(file, false))
			must(t, setOnline(file, true))
		}
		must(t, unix.Unmount(dir, 0))
	}
}
