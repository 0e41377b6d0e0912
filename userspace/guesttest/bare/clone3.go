//go:build guest

package bare

import (
	"os"
	"syscall"
	"unsafe"
)

const sysClone3 = 435 // the same on every architecture

// cloneArgs is the kernel's struct clone_args.
type cloneArgs struct {
	flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls, setTID, setTIDSize uint64
}

// ForkAs is Fork with further flags, and with an id that the caller chooses: EEXIST where that is in use.
func ForkAs(pid int32, flags uint64) (int, error) {
	ids := [1]int32{pid}
	args := cloneArgs{flags: flags, exitSignal: uint64(syscall.SIGCHLD), setTID: uint64(uintptr(unsafe.Pointer(&ids))), setTIDSize: 1}
	guardFork()
	child, _, errno := syscall.RawSyscall(sysClone3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	if errno != 0 {
		unguardFork()
		return 0, os.NewSyscallError("clone3", errno)
	}
	if child != 0 {
		unguardFork()
		return int(child), nil
	}
	for {
		syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0) // of nothing, without end
	}
}
