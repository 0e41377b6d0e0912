//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gpc/userspace/guesttest/bare"
)

// starvedCPU is where readers are kept from running.
const starvedCPU = 1

// starving binds a thread, 0 for the calling one, to the starved CPU, where it runs before everybody of lower priority.
func starving(tid int, priority uint32) error {
	var set unix.CPUSet
	set.Set(starvedCPU)
	if err := unix.SchedSetaffinity(tid, &set); err != nil {
		return err
	}
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: priority}
	return os.NewSyscallError("sched_setattr", unix.SchedSetAttr(tid, &attr, 0))
}

// readsHelper reads files without end, in turn, on a real-time thread.
func readsHelper(files []string) {
	runtime.LockOSThread()
	buf := make([]byte, 1<<16)
	if err := starving(0, 1); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	for {
		for _, file := range files {
			fd, err := unix.Open(file, unix.O_RDONLY, 0)
			if err != nil {
				continue // a container that comes and goes
			}
			for n := 1; n > 0; {
				n, _ = unix.Read(fd, buf)
			}
			unix.Close(fd)
		}
	}
}

// Whoever reads, and gets no processor in the middle of it, holds up nobody who moves tasks or reads.
// Nobody makes a container here: for that kernfs waits until no path is being looked up, whoever does that.
func TestStarvedReaderHoldsUpNobody(t *testing.T) {
	begin(t)
	if runtime.NumCPU() < 2 {
		t.Fatal("a machine with one CPU cannot starve a reader alone")
	}
	unthrottled(t)
	h := mount(t, named("starve"))
	a, b := mkdir(t, h.Root(), "a", "b"), h.Container("/b")
	crowd, _ := threaded(t, 300)
	must(t, a.AttachProc(crowd))
	pid := sleeper(t)
	reader := start(t, nil, nil, "reads", a.File("tasks"), a.File("procs"), h.Root().File("tasks"), "/proc/self/container", "/proc/containers", a.File("notify_on_release"))
	reader.line(t)
	// No Go program: its runtime would now and then let the reader run.
	hog := got(bare.Fork(bare.Hogs))(t)
	t.Cleanup(func() { kill(hog) })
	awaitStopped(t, hog)
	must(t, starving(hog, 2))
	for round := range 40 {
		time.Sleep(time.Duration(round) * 100 * time.Microsecond) // so that the reader is somewhere else each time
		must(t, unix.Kill(hog, unix.SIGCONT))
		err := beside(t, func() error {
			for _, step := range []func() error{
				func() error { return b.Attach(pid) },
				func() error { return h.Root().Attach(pid) },
				func() error { return b.AttachProc(crowd) },
				func() error { return a.AttachProc(crowd) },
				func() error { _, err := a.Tasks(); return err },
				func() error { _, err := os.ReadFile("/proc/self/container"); return err },
				func() error { _, err := os.ReadFile("/proc/containers"); return err },
			} {
				if err := step(); err != nil {
					return err
				}
			}
			return nil
		})()
		if err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		must(t, unix.Kill(hog, unix.SIGSTOP))
		awaitStopped(t, hog)
	}
}

// unthrottled lets real-time tasks take all of a CPU until the end of the test.
func unthrottled(t *testing.T) {
	t.Helper()
	const file = "/proc/sys/kernel/sched_rt_runtime_us"
	before := strings.TrimSpace(string(got(os.ReadFile(file))(t)))
	must(t, os.WriteFile(file, []byte(strconv.Itoa(-1)), 0))
	t.Cleanup(func() { must(t, os.WriteFile(file, []byte(before), 0)) })
}
