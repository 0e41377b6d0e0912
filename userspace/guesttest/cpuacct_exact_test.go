//go:build guest

package guesttest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// These tests compare what containers are charged with to the scheduler's own count of run time, to the nanosecond.

// busy returns a paused process with a single thread, which lives until the end of the test unless it is killed before.
func busy(t testing.TB, what bare.What) int {
	t.Helper()
	pid := got(bare.Fork(what))(t)
	t.Cleanup(func() { kill(pid) })
	pause(t, pid)
	return pid
}

// runUntilUsed lets a paused process go on until it has used that much time.
func runUntilUsed(t testing.TB, pid int, d time.Duration) {
	t.Helper()
	before := processTime(t, pid)
	resume(t, pid)
	eventually(t, fmt.Sprintf("process %d has used %v", pid, d), func() bool { return processTime(t, pid) >= before+d })
	pause(t, pid)
}

// confined keeps the threads of the test itself on some CPUs until its end.
func confined(t *testing.T, cpus unix.CPUSet) {
	t.Helper()
	var before unix.CPUSet
	must(t, unix.SchedGetaffinity(0, &before))
	confine := func(cpus *unix.CPUSet) {
		for _, tid := range threadsOf(os.Getpid()) {
			if err := unix.SchedSetaffinity(tid, cpus); err != unix.ESRCH {
				must(t, err)
			}
		}
	}
	confine(&cpus)
	t.Cleanup(func() { confine(&before) })
}

// percpu is the sum of usage_percpu.
func percpu(t testing.TB, c containerfs.Container) time.Duration {
	t.Helper()
	var sum time.Duration
	for _, number := range strings.Fields(got(c.ReadString("cpuacct.usage_percpu"))(t)) {
		sum += time.Duration(got(strconv.ParseInt(number, 10, 64))(t))
	}
	return sum
}

// wantUsed fails the test unless all files of a container say that so much has been used in it.
func wantUsed(t testing.TB, c containerfs.Container, want time.Duration) {
	t.Helper()
	if n := usage(t, c, "usage"); n != want {
		t.Errorf("usage of %s is %v, want %v: %v too much", c.Path, n, want, n-want)
	}
	if n := percpu(t, c); n != want {
		t.Errorf("usage_percpu of %s is %v together, want %v", c.Path, n, want)
	}
	stat := fields(t, c, "stat")
	if both := ticks(stat["user"] + stat["system"]); both != want.Truncate(time.Second/userHZ) {
		t.Errorf("stat of %s is %v, together %v, want %v", c.Path, stat, both, want)
	}
	if n := fields(t, c, "load")["accumulated"]; n != uint64(want.Milliseconds()) {
		t.Errorf("%d ms are accumulated in %s, want %v", n, c.Path, want)
	}
}

// Whatever a task does, a container is charged with what it ran there: also one that sleeps whenever the clock ticks.
func TestCpuacctIsExact(t *testing.T) {
	for name, what := range map[string]bare.What{"spins": bare.Spins, "calls": bare.Calls, "naps": bare.Naps} {
		t.Run(name, func(t *testing.T) {
			begin(t)
			h := mount(t, bound("cpuacct"))
			a, b := mkdir(t, h.Root(), "a", "b"), h.Container("/b")
			pid := busy(t, what)
			var used [2]time.Duration
			for range 3 {
				for i, c := range []containerfs.Container{a, b} {
					must(t, c.Attach(pid))
					before := processTime(t, pid)
					runUntilUsed(t, pid, 50*time.Millisecond)
					used[i] += processTime(t, pid) - before
					wantUsed(t, a, used[0])
					wantUsed(t, b, used[1])
				}
			}
			if sum := usage(t, h.Root(), "usage_subtree"); sum < used[0]+used[1] {
				t.Errorf("usage_subtree of the root is %v, below there are %v", sum, used)
			}
		})
	}
}

// spinner is a thread of the test's own process that computes until the end of the test: nobody else may read the clock of a running thread.
type spinner struct{ tid int }

func spin(t testing.TB) spinner {
	t.Helper()
	var stop atomic.Bool
	started, done := make(chan int), make(chan bool)
	var run func()
	run = func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		tid := unix.Gettid()
		if tid == os.Getpid() { // but for the first one, which Go keeps
			go run()
			<-done
			runtime.UnlockOSThread()
			return
		}
		defer close(done)
		started <- tid
		for !stop.Load() {
		}
	}
	go run()
	tid := <-started
	t.Cleanup(func() {
		stop.Store(true)
		<-done
		// The container is to be removed next.
		eventually(t, "the thread has ended", func() bool { return unix.Tgkill(os.Getpid(), tid, 0) == unix.ESRCH })
	})
	return spinner{tid}
}

// clock is the run time of the thread up to now.
func (s spinner) clock(t testing.TB) time.Duration {
	t.Helper()
	clock := int32(^s.tid<<3 | 4 | 2) // its id inverted, with the bits for "thread" and "precise"
	var ts unix.Timespec
	must(t, unix.ClockGettime(clock, &ts))
	return time.Duration(ts.Nano())
}

// A move splits the time of a task that runs, at the moment of the move.
func TestCpuacctMovesSplitTime(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	containers := []containerfs.Container{mkdir(t, h.Root(), "a"), mkdir(t, h.Root(), "b")}
	s := spin(t)
	type bounds struct{ least, most time.Duration }
	used := make([]bounds, len(containers))
	var inBefore, inAfter time.Duration
	for round := range 200 {
		to, from := round%2, (round+1)%2
		before := s.clock(t)
		must(t, containers[to].Attach(s.tid))
		after := s.clock(t)
		if round > 0 {
			used[from].least += before - inAfter
			used[from].most += after - inBefore
			for range 2 {
				if n := usage(t, containers[from], "usage"); n < used[from].least || n > used[from].most {
					t.Fatalf("after move %d usage of %s is %v, not within %v", round, containers[from].Path, n, used[from])
				}
			}
		}
		inBefore, inAfter = before, after
	}
	all := usage(t, containers[0], "usage") + usage(t, containers[1], "usage")
	if now := s.clock(t); all < used[0].least+used[1].least || all > now {
		t.Errorf("charged are %v, not within %v and %v", all, used, now)
	}
}

// A read has what the tasks that run have used up to now: not up to the last tick, or to the last time that they were interrupted.
func TestCpuacctReadsAreOfNow(t *testing.T) {
	for _, file := range []string{"usage", "usage_subtree"} {
		t.Run(file, func(t *testing.T) {
			begin(t)
			h := mount(t, bound("cpuacct"))
			a := mkdir(t, h.Root(), "a")
			pid := busy(t, bare.Spins)
			must(t, a.Attach(pid))
			resume(t, pid)
			eventually(t, "the process runs", func() bool { return usage(t, a, file) > 10*time.Millisecond })
			const rounds = 200
			grown := 0
			for range rounds {
				before := usage(t, a, file)
				// Less than a tick takes, on a machine that has the time.
				for began := time.Now(); time.Since(began) < 100*time.Microsecond; {
				}
				if usage(t, a, file) > before {
					grown++
				}
			}
			// The process may have had to wait now and then.
			if grown < rounds/2 {
				t.Errorf("between two reads %s has grown %d times of %d", file, grown, rounds)
			}
		})
	}
}

// crowdHelper has threads compute and sleep in turns, for different times, until it is killed. None of them ends: what a thread runs once it has
// been taken from its process's count is counted for nobody but its container.
func crowdHelper([]string) {
	for i := range 8 {
		go func() {
			runtime.LockOSThread()
			for {
				for range (i + 1) * 50_000 {
				}
				time.Sleep(time.Duration(i*i) * 100 * time.Microsecond)
			}
		}()
	}
	fmt.Println("ready")
	awaitStop()
}

// Threads run and sleep, the process is moved about, processors come and go, and others read: nothing is lost, nothing is counted twice, and nothing
// that was read runs backwards.
func TestRaceCpuacctIsExact(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	a, b := mkdir(t, h.Root(), "a"), mkdir(t, h.Root(), "b")
	below := mkdir(t, a, "below")
	containers := []containerfs.Container{a, b, below}
	p := start(t, nil, nil, "crowd")
	if line := p.line(t); line != "ready" {
		t.Fatalf("the helper says %q", line)
	}
	pause(t, p.pid)
	before := processTime(t, p.pid)
	must(t, a.AttachProc(p.pid))
	resume(t, p.pid)

	stop := make(chan bool)
	var readers sync.WaitGroup
	for _, c := range containers {
		readers.Go(func() {
			var last, lastSubtree time.Duration
			var lastStat map[string]uint64
			for {
				select {
				case <-stop:
					return
				default:
				}
				now, subtree, stat := usage(t, c, "usage"), usage(t, c, "usage_subtree"), fields(t, c, "stat")
				if now < last || subtree < lastSubtree || stat["user"] < lastStat["user"] || stat["system"] < lastStat["system"] {
					t.Errorf("%s runs backwards: usage from %v to %v, usage_subtree from %v to %v, stat from %v to %v",
						c.Path, last, now, lastSubtree, subtree, lastStat, stat)
				}
				last, lastSubtree, lastStat = now, subtree, stat
			}
		})
	}
	cpus := unpluggable(t)
	for round := range 60 {
		must(t, containers[rand.IntN(len(containers))].AttachProc(p.pid))
		if round%20 == 10 {
			file := cpus[rand.IntN(len(cpus))]
			must(t, setOnline(file, false))
			must(t, containers[rand.IntN(len(containers))].AttachProc(p.pid))
			must(t, setOnline(file, true))
		}
		time.Sleep(time.Duration(rand.IntN(5000)) * time.Microsecond)
	}
	pause(t, p.pid)
	close(stop)
	readers.Wait()
	used := processTime(t, p.pid) - before
	var sum time.Duration
	for _, c := range containers {
		n := usage(t, c, "usage")
		wantUsed(t, c, n)
		sum += n
	}
	if sum != used {
		t.Errorf("charged are %v, the process has used %v: %v too much", sum, used, sum-used)
	}
	if subtree, want := usage(t, a, "usage_subtree"), usage(t, a, "usage")+usage(t, below, "usage"); subtree != want {
		t.Errorf("usage_subtree is %v, the containers have used %v", subtree, want)
	}
}

// What a task has run up to its very end is its container's, which may have been removed when that is charged, and is the parent's subtree's.
func TestCpuacctEndIsCharged(t *testing.T) {
	begin(t)
	var last, others unix.CPUSet
	last.Set(runtime.NumCPU() - 1)
	for cpu := range runtime.NumCPU() - 1 {
		others.Set(cpu)
	}
	confined(t, others)
	subsystems := []string{"cpuacct"}
	if debugFlavor {
		subsystems = append(subsystems, "debug_a") // which can tell when a state has been freed
	}
	h := mount(t, bound(subsystems...))
	a := mkdir(t, h.Root(), "a")
	var used, dying time.Duration
	for range 20 {
		b := mkdir(t, a, "b")
		pid := busy(t, bare.Spins)
		// Where nothing else runs: its processor then idles, and has not told of the end when the container goes.
		must(t, unix.SchedSetaffinity(pid, &last))
		must(t, b.Attach(pid))
		runUntilUsed(t, pid, 5*time.Millisecond)
		before := usage(t, a, "usage_subtree")
		// It dies, and that takes time, too, most often: an interrupt that ends only now is taken from it.
		ran := processTime(t, pid)
		must(t, unix.Kill(pid, unix.SIGKILL))
		must(t, awaitZombie(pid))
		ran = processTime(t, pid) - ran
		dying += ran
		reap(pid)
		eventually(t, "the container can be removed", func() bool { return b.Remove() == nil })
		if debugFlavor {
			wantLive(t, h, "debug_a", 1)
		}
		after := usage(t, a, "usage_subtree")
		if after-before < ran {
			t.Errorf("a process has run %v to its end, usage_subtree was %v and is %v", ran, before, after)
		}
		if after < used {
			t.Errorf("usage_subtree has run backwards from %v to %v", used, after)
		}
		used = after
	}
	if dying == 0 {
		t.Errorf("no death has taken any time")
	}
	if own := usage(t, a, "usage"); own != 0 {
		t.Errorf("usage of the parent is %v", own)
	}
}

// A reset is of one moment for all files, whatever runs meanwhile.
func TestCpuacctResetWhileBusy(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	a := mkdir(t, h.Root(), "a")
	s := spin(t)
	must(t, a.Attach(s.tid))
	dearer := 0
	for range 50 {
		before := s.clock(t)
		must(t, a.Write("cpuacct.usage", "0"))
		load := fields(t, a, "load")
		least := usage(t, a, "usage")
		if most := s.clock(t) - before; least > most {
			t.Fatalf("usage is %v, %v have been used since before the reset", least, most)
		}
		if load["time"] > load["accumulated"] {
			t.Fatalf("after a reset load is %v", load)
		}
		if load["load"] > 101 {
			t.Logf("after a reset load is %v", load)
			dearer++
		}
	}
	// The scheduler may date a switch back to the wake-up that brought it about (rq_clock_skip_update()). On a host that lets the processor
	// wait in between, a task's run time can so begin before the reset. That is rare.
	if dearer > 3 {
		t.Errorf("after %d of 50 resets the load of one thread is that of more", dearer)
	}
}

// The load of a container with one busy thread is that of the thread, from the first moment of an interval on, and of the container.
func TestCpuacctLoadOfABusyTask(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	root := h.Root()
	a := mkdir(t, root, "a")
	pid := busy(t, bare.Spins)
	must(t, a.Attach(pid))
	resume(t, pid)
	must(t, root.Write("cpuacct.load_interval_ms", "100"))
	const intervals = 20
	begun, loaded := 0, 0
	var last uint64
	for begun < intervals {
		load := fields(t, a, "load")
		if load["load"] > 101 || load["time"] > load["accumulated"] || load["interval"] > 100 {
			t.Fatalf("load of a process with one thread is %v", load)
		}
		if load["interval"] < last {
			begun++ // the first look at a new interval
			if load["load"] >= 50 {
				loaded++
			}
		}
		last = load["interval"]
	}
	// The process may have had to wait now and then.
	if loaded < intervals/2 {
		t.Errorf("of %d intervals that had just begun %d were loaded", intervals, loaded)
	}

	// A young container's load is over its own age, not that of the interval.
	must(t, root.Write("cpuacct.load_interval_ms", "3600000"))
	eventually(t, "the interval is old", func() bool { return fields(t, a, "load")["interval"] > 500 })
	made := time.Now()
	b := mkdir(t, root, "b")
	must(t, b.Attach(pid))
	eventually(t, "it has some load", func() bool { return fields(t, b, "load")["time"] > 20 })
	load := fields(t, b, "load")
	if most := uint64(time.Since(made).Milliseconds()) + 1; load["interval"] > most {
		t.Errorf("a container made %d ms ago has a load of %v", most, load)
	}
	if load["interval"] == 0 || load["load"] > 100*load["time"]/load["interval"]+5 || load["load"]+5 < 100*load["time"]/load["interval"] {
		t.Errorf("load of a young container is %v", load)
	}
	// So is it after a reset.
	must(t, a.Write("cpuacct.usage", "0"))
	if load := fields(t, a, "load"); load["time"] != 0 || load["interval"] > 500 && time.Since(made) < 500*time.Millisecond {
		t.Errorf("load after a reset is %v", load)
	}
}

// What is of an interval is what was used in it, also where nobody looked when it began: neither the task that runs nor a reader.
func TestCpuacctLoadIsOfTheInterval(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	root := h.Root()
	a := mkdir(t, root, "a")
	pid := busy(t, bare.Spins)
	must(t, a.Attach(pid))
	must(t, root.Write("cpuacct.load_interval_ms", "100"))
	resume(t, pid)
	for range 10 {
		time.Sleep(130 * time.Millisecond)
		if load := fields(t, a, "load"); load["load"] > 101 || load["time"] > load["interval"]+1 {
			t.Fatalf("load of a process with one thread is %v", load)
		}
	}
	for range 5 {
		pause(t, pid)
		time.Sleep(110 * time.Millisecond)
		if load := fields(t, a, "load"); load["time"] != 0 || load["load"] != 0 {
			t.Fatalf("load of a process that has slept for longer than an interval is %v", load)
		}
		runUntilUsed(t, pid, 50*time.Millisecond)
		resume(t, pid)
	}
}

// A change of the clock while others read gives no time without an interval.
func TestRaceCpuacctLoadClock(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct"))
	root := h.Root()
	a := mkdir(t, root, "a")
	pid := busy(t, bare.Spins)
	must(t, a.Attach(pid))
	resume(t, pid)
	var stop atomic.Bool
	var setter sync.WaitGroup
	setter.Go(func() {
		for i := 0; !stop.Load(); i++ {
			if err := root.Write("cpuacct.load_interval_ms", fmt.Sprint(100+i%2)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 500 {
		load := fields(t, a, "load")
		if load["load"] > 101 || load["time"] > load["interval"]+1 || load["time"] > load["accumulated"] {
			t.Errorf("load of a process with one thread is %v; by processor %s", load, got(a.ReadString("cpuacct.usage_percpu"))(t))
			break
		}
	}
	stop.Store(true)
	setter.Wait()
}
