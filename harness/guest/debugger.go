package guest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gpc/harness/qemu"
)

// longestSocket is how many bytes the name of a socket may have.
const longestSocket = 107

// debuggerSocket makes a place for a socket at which gdb connects, and returns the socket's path and what removes it.
func debuggerSocket() (path string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "gpc-gdb-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	path = filepath.Join(dir, "socket")
	if len(path) > longestSocket {
		remove()
		return "", nil, fmt.Errorf("%s is too long for the name of a socket: set TMPDIR to another directory", path)
	}
	return path, remove, nil
}

// start starts the machine. One that is to be debugged waits, and Debugger is told.
func (c Config) start(ctx context.Context, options []qemu.Option) (vm *qemu.VM, remove func(), err error) {
	if c.Debugger == nil {
		vm, err := qemu.Start(ctx, c.Kernel.Machine.QEMU, options...)
		return vm, func() {}, err
	}
	socket, remove, err := debuggerSocket()
	if err != nil {
		return nil, nil, err
	}
	vm, err = qemu.Start(ctx, c.Kernel.Machine.QEMU, append(options, qemu.GDB(socket))...)
	if err != nil {
		remove()
		return nil, nil, err
	}
	c.Debugger(socket)
	return vm, remove, nil
}
