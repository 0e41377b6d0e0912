//go:build guest

// Package bare makes tasks that are nothing but tasks: no program, no runtime, a single thread each. Tests make them by the hundred,
// where starting a program would take longer than everything that is to be tested.
package bare

import (
	"os"
	"syscall"
	"unsafe"
)

// What is what a new task does.
type What int

const (
	Sleeps   What = iota // until it is killed
	Exits                // at once
	Explodes             // stops, and when it is continued forks without end, and so do its children; only for Fork
	Hogs                 // stops, and computes when it is continued; only for Fork
	Clones               // stops, and each time when it is continued makes a thread, which sleeps; only for Fork
	Spins                // computes until it is killed; only for Fork
	Calls                // makes system calls until it is killed; only for Fork
	Naps                 // computes for less than a tick of the kernel's clock, sleeps past the tick, and so on; only for Fork
)

// nap is how long Naps sleeps at a time.
var nap = syscall.Timespec{Nsec: 1_000_000}

// littleWork is how much Naps computes in between.
const littleWork = 20_000

// Fork makes a process with a copy of the caller's memory, and returns its id. It starts in the containers of the calling thread, as
// that thread's user.
func Fork(what What) (int, error) {
	guardFork()
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		unguardFork()
		return 0, os.NewSyscallError("clone", errno)
	}
	if pid != 0 {
		unguardFork()
		return int(pid), nil
	}
	// The Go runtime does not exist in the child, which may only make raw system calls.
	if what == Explodes || what == Hogs {
		self, _, _ := syscall.RawSyscall(syscall.SYS_GETPID, 0, 0, 0)
		syscall.RawSyscall(syscall.SYS_KILL, self, uintptr(syscall.SIGSTOP), 0)
	}
	//lint:ignore SA5002 to compute is all that it is for
	for what == Hogs {
	}
	for what == Clones {
		self, _, _ := syscall.RawSyscall(syscall.SYS_GETPID, 0, 0, 0)
		syscall.RawSyscall(syscall.SYS_KILL, self, uintptr(syscall.SIGSTOP), 0)
		clone(syscall.CLONE_VM|syscall.CLONE_FS|syscall.CLONE_FILES|syscall.CLONE_SIGHAND|syscall.CLONE_THREAD, 0)
	}
	for what == Explodes {
		syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	}
	//lint:ignore SA5002 to compute is all that it is for
	for what == Spins {
	}
	for what == Calls {
		syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
	}
	for what == Naps {
		for range littleWork {
		}
		syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&nap)), 0, 0)
	}
	for what == Sleeps {
		syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0) // of nothing, without end
	}
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
}
