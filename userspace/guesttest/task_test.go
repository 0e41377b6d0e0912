//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/guesttest/bare"
)

// sleeper returns a process with a single thread, which lives until the end of the test unless it is killed before.
func sleeper(t testing.TB) int {
	t.Helper()
	pid, err := bare.Spawn(bare.Sleeps)
	must(t, err)
	t.Cleanup(func() { kill(pid) })
	return pid
}

// threaded returns a process with that many sleeping threads beside its first one, and the ids of all. It lives as a sleeper does.
func threaded(t testing.TB, threads int) (pid int, tids []int) {
	t.Helper()
	pid, err := bare.SpawnThreads(threads)
	must(t, err)
	t.Cleanup(func() { kill(pid) })
	eventually(t, "the process has its threads", func() bool { return len(threadsOf(pid)) == threads+1 })
	return pid, threadsOf(pid)
}

// kill ends a child of ours and reaps it. A child that is gone already is no mistake.
func kill(pid int) {
	unix.Kill(pid, unix.SIGKILL)
	reap(pid)
}

// reap waits for the end of a child of ours.
func reap(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err != unix.EINTR {
			return
		}
	}
}

// killUnreaped ends a child of ours and leaves it a zombie.
func killUnreaped(t testing.TB, pid int) {
	t.Helper()
	must(t, unix.Kill(pid, unix.SIGKILL))
	must(t, awaitZombie(pid))
}

// awaitZombie waits until a child of ours is dead, without reaping it.
func awaitZombie(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT|unix.WALL, nil)
		if err != unix.EINTR {
			return err
		}
	}
}

// awaitStopped waits until the first thread of a process has been stopped by a signal.
func awaitStopped(t testing.TB, pid int) {
	t.Helper()
	eventually(t, "the process has stopped", func() bool {
		fields := threadStat(pid, pid)
		return len(fields) > 0 && fields[0] == "T"
	})
}

// onThread runs f on a thread of its own, which has ended when onThread returns: whatever f does to its thread is without consequence.
func onThread(t testing.TB, f func(tid int)) {
	t.Helper()
	done := make(chan int)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		tid := unix.Gettid()
		defer func() { done <- tid }()
		f(tid)
	}()
	tid := <-done
	eventually(t, fmt.Sprintf("thread %d has ended", tid), func() bool {
		return unix.Tgkill(os.Getpid(), tid, 0) == unix.ESRCH
	})
}

// apart runs functions on a thread that stays where it is now, whatever the caller does to its own.
type apart chan func()

func newApart(t testing.TB) apart {
	t.Helper()
	a := make(apart)
	started, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		onThread(t, func(int) {
			close(started)
			for f := range a {
				f()
			}
		})
	}()
	<-started
	t.Cleanup(func() { close(a); <-ended })
	return a
}

func (a apart) do(f func() error) error {
	result := make(chan error)
	a <- func() { result <- f() }
	return <-result
}

// asUser runs f on a thread with other user ids, and so without capabilities unless the effective one is 0.
func asUser(t testing.TB, real, effective, saved int, f func() error) error {
	t.Helper()
	var err error
	onThread(t, func(int) {
		// The raw call changes this thread only.
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(real), uintptr(effective), uintptr(saved))
		if errno != 0 {
			err = os.NewSyscallError("setresuid", errno)
			return
		}
		err = f()
	})
	return err
}

// threadsOf returns the ids of the threads of a process that are not dead.
func threadsOf(pid int) []int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil
	}
	var tids []int
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil && alive(pid, tid) {
			tids = append(tids, tid)
		}
	}
	slices.Sort(tids)
	return tids
}

// alive tells whether a thread exists and is not dead.
func alive(pid, tid int) bool {
	fields := threadStat(pid, tid)
	return len(fields) > 0 && !strings.Contains("ZX", fields[0])
}

// exiting tells whether a thread is on its way out or gone.
func exiting(pid, tid int) bool {
	const flag = 0x4 // the kernel's PF_EXITING
	fields := threadStat(pid, tid)
	if len(fields) < 7 {
		return true
	}
	flags, err := strconv.ParseUint(fields[6], 10, 64)
	return err == nil && flags&flag != 0
}

// threadStat returns what /proc tells of a thread, from its state on; nothing if there is no such thread.
func threadStat(pid, tid int) []string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", pid, tid))
	if err != nil {
		return nil
	}
	text := string(stat)
	return strings.Fields(text[strings.LastIndex(text, ")")+1:])
}

// allThreads returns the ids of all threads of the machine that are not dead, ascending.
func allThreads(t testing.TB) []int {
	t.Helper()
	var tids []int
	for _, e := range got(os.ReadDir("/proc"))(t) {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			tids = append(tids, threadsOf(pid)...)
		}
	}
	slices.Sort(tids)
	return tids
}

// kernelThread returns the id of the kernel thread with that name.
func kernelThread(t testing.TB, name string) int {
	t.Helper()
	for _, e := range got(os.ReadDir("/proc"))(t) {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if strings.TrimSpace(string(comm)) == name {
			return pid
		}
	}
	t.Fatalf("this kernel has no thread %q", name)
	return 0
}
