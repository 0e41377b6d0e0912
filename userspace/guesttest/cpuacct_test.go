//go:build guest

package guesttest

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// burnHelper uses up CPU time when its stdin ends: args are "user" or "system", and how long, as a duration. It prints how much it has used
// in all, in nanoseconds.
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
	fmt.Println("ready")
	awaitStop()
	buffer := make([]byte, 1<<20)
	for cpuTime() < length {
		if args[0] == "system" {
			io.ReadFull(zeros, buffer)
			continue
		}
		for i := range 2_000_000 {
			buffer[i%len(buffer)]++
		}
	}
	fmt.Println(cpuTime().Nanoseconds())
	unix.Pause() // to end takes time, too, which the test has not been told of
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

// burnt is the CPU time that a process has used as itself sees it, how much of it interrupts may have taken, which is charged to nobody,
// and what the kernel has accounted to all tasks meanwhile: less where a host was so busy that ticks got lost.
type burnt struct{ used, interrupts, accounted time.Duration }

// near tells whether what was charged is as exact as the kernel accounts: within 5 percent where it measures time, as on
// ppc64, and roughly right where it counts ticks, which an emulator that has to wait for its host loses.
func (b burnt) near(charged time.Duration) bool {
	percent := time.Duration(5)
	if runtime.GOARCH == "amd64" {
		percent = 50
	}
	least := min(b.used, b.accounted)
	return charged >= least-b.interrupts-least*percent/100 && charged <= b.used+b.used*percent/100
}

// interruptTime is what all processors have spent on interrupts, and on waiting for their host.
func interruptTime(t testing.TB) time.Duration {
	t.Helper()
	text := string(got(os.ReadFile("/proc/stat"))(t))
	first, _, _ := strings.Cut(text, "\n")
	var ticks int64
	for _, number := range strings.Fields(first)[6:9] { // irq, softirq, steal
		ticks += got(strconv.ParseInt(number, 10, 64))(t)
	}
	return time.Duration(ticks) * time.Second / userHZ
}

// userHZ is the kernel's unit of time towards programs, per second.
const userHZ = 100

// burn lets a new process in c use a second of CPU time of one kind.
func burn(t testing.TB, c containerfs.Container, kind string) burnt {
	t.Helper()
	p := start(t, nil, nil, "burn", kind, "1s")
	if line := p.line(t); line != "ready" {
		t.Fatalf("the helper says %q", line)
	}
	before, interrupts, accounted := processTime(t, p.pid), interruptTime(t), kernelAccounted(t)
	must(t, c.AttachProc(p.pid))
	p.stdin.Close()
	used := time.Duration(got(strconv.ParseInt(p.line(t), 10, 64))(t))
	must(t, c.Hierarchy.Root().AttachProc(p.pid))
	p.stop()
	now := kernelAccounted(t)
	// One unit more for what /proc/stat rounds away.
	return burnt{
		used:       used - before,
		interrupts: interruptTime(t) - interrupts + time.Second/userHZ,
		accounted:  now.user + now.system - accounted.user - accounted.system,
	}
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
			must(t, idles.Attach(sleeper(t)))

			used := burn(t, burns, kind)
			if charged := usage(t, burns, "usage"); !used.near(charged) {
				t.Errorf("usage is %v, the process has used %+v", charged, used)
			}
			if charged := usage(t, idles, "usage"); charged > used.used/50 {
				t.Errorf("a sleeper has been charged %v", charged)
			}
		})
	}
}

func TestCpuacctIdleIsNobodys(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	before := usage(t, h.Root(), "usage_subtree")
	const wait = 2 * time.Second
	time.Sleep(wait) // what is measured, not what is waited for
	charged := usage(t, h.Root(), "usage_subtree") - before
	if most := wait * time.Duration(runtime.NumCPU()) / 50; charged > most {
		t.Errorf("%v of idling on %d processors have been charged with %v, more than %v", wait, runtime.NumCPU(), charged, most)
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
	if own := usage(t, a, "usage"); own > used.used/50 {
		t.Errorf("the parent's own usage is %v", own)
	}
	before := usage(t, a, "usage_subtree")
	if !used.near(before) {
		t.Errorf("usage_subtree of the parent is %v, a process below has used %v", before, used)
	}
	must(t, b.Remove())
	if debugFlavor {
		wantLive(t, h, "debug_a", 1)
	}
	if after := usage(t, a, "usage_subtree"); after < before {
		t.Errorf("usage_subtree has run back from %v to %v with the removal of a child", before, after)
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
	if now := usage(t, a, "usage"); !used.near(now) {
		t.Errorf("a refused write has changed usage to %v", now)
	}
	must(t, a.Write("cpuacct.usage", "0"))
	if now := usage(t, a, "usage"); now > used.used/50 {
		t.Errorf("after a reset usage is %v", now)
	}
	if now := fields(t, a, "stat"); now["user"]+now["system"] > 2 {
		t.Errorf("after a reset stat is %v", now)
	}
	if now := usage(t, a, "usage_subtree"); now < subtree {
		t.Errorf("a reset has made usage_subtree run back from %v to %v", subtree, now)
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
	if _, err := a.ReadUint("cpuacct.load_interval_ms"); !os.IsNotExist(err) {
		t.Errorf("load_interval_ms outside of the root: %v", err)
	}
	// A long interval, begun now, holds all that follows.
	must(t, root.Write("cpuacct.load_interval_ms", "3600000"))
	used := burn(t, a, "user")
	load := fields(t, a, "load")
	inInterval := time.Duration(load["time"]) * time.Millisecond
	if !used.near(inInterval) || !used.near(time.Duration(load["accumulated"])*time.Millisecond) {
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
	if !used.near(time.Duration(load["accumulated"]) * time.Millisecond) {
		t.Errorf("accumulated is %v, want %v", load, used)
	}
	// What is used now is all that counts in the new one.
	before := load["accumulated"]
	burn(t, a, "user")
	load = fields(t, a, "load")
	if since := load["accumulated"] - before; load["time"] == 0 || load["time"] > since+1 || load["time"]+1 < since {
		t.Errorf("load is %v, %d ms have been used in the interval", load, since)
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
