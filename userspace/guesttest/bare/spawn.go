//go:build guest

package bare

import (
	"os"
	"syscall"
)

// Spawn is Fork without the copying: the process shares memory and open files with the caller's, and never touches them. It is many
// times faster, and keeps no file open that the caller has closed.
func Spawn(what What) (int, error) {
	if what == Exits {
		return spawn(-1)
	}
	return spawn(0)
}

// SpawnThreads makes a process as Spawn does, which sleeps with that many threads beside its first one. They appear shortly after.
func SpawnThreads(threads int) (int, error) { return spawn(threads) }

// SpawnNew is Spawn with further flags, CLONE_NEW...: the process has namespaces of its own.
func SpawnNew(flags uintptr, what What) (int, error) {
	threads := 0
	if what == Exits {
		threads = -1
	}
	return spawnWith(flags|syscall.CLONE_VM|syscall.CLONE_FILES, threads)
}

func spawn(threads int) (int, error) {
	return spawnWith(syscall.CLONE_VM|syscall.CLONE_FS|syscall.CLONE_FILES, threads)
}

func spawnWith(flags uintptr, threads int) (int, error) {
	pid := clone(flags|uintptr(syscall.SIGCHLD), threads)
	if pid < 0 {
		return 0, os.NewSyscallError("clone", syscall.Errno(-pid))
	}
	return pid, nil
}

// clone is the system call, in assembly language for each architecture as the child must not touch the stack, which is the caller's.
// The child does not return: with a negative number of threads it exits, otherwise it makes so many and sleeps. clone returns the
// child's id or a negative errno.
func clone(flags uintptr, threads int) (pid int)
