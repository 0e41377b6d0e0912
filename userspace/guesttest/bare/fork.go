//go:build guest

package bare

import (
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// broadcasts is the kernel's switch that lets a processor invalidate translations of all others with one instruction.
var broadcasts struct {
	sync.Mutex
	file  int // 0 if there is none
	forks int // that want it to be off
}

// GuardForks has each fork of this process wait until no other thread of it uses a translation from before. On ppc64 that is an
// instruction that tells all processors, and an emulator that returns from it early (QEMU 7.2) lets what a thread writes next go to the
// page that is the child's alone by then: it is lost. So while one of this process's threads forks, the kernel is told to interrupt the
// other processors instead and to wait for each. A storm of forks could not afford that, and need not: its processes have one thread each.
//
// A kernel that has no such switch, or does not show it, forks as it can. The switch is a file that stays open: call it before files are counted.
func GuardForks() error {
	if runtime.GOARCH != "ppc64" {
		return nil
	}
	fs, err := unix.Fsopen("debugfs", unix.FSOPEN_CLOEXEC)
	if err == unix.ENODEV {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return err
	}
	top, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(top)
	file, err := unix.Openat(top, "powerpc/tlbie_enabled", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil // with hashed page tables it has no other way
	}
	broadcasts.file = max(file, 0)
	return err
}

// guardFork is called before a fork, and unguardFork after it, in the parent. A switch that cannot be written to, as where the caller's
// allocations fail, leaves the fork as it was without.
func guardFork() {
	if broadcasts.file == 0 {
		return
	}
	broadcasts.Lock()
	defer broadcasts.Unlock()
	if broadcasts.forks++; broadcasts.forks == 1 {
		unix.Pwrite(broadcasts.file, []byte("N"), 0)
	}
}

func unguardFork() {
	if broadcasts.file == 0 {
		return
	}
	broadcasts.Lock()
	defer broadcasts.Unlock()
	if broadcasts.forks--; broadcasts.forks == 0 {
		unix.Pwrite(broadcasts.file, []byte("Y"), 0)
	}
}
