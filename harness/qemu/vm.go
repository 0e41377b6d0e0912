// Package qemu runs virtual machines: a VM is described by options, started stopped, connected to over QMP, and only
// then set going, so that no event of its life is missed. It ends with the program that started it, however that one
// ends, and leaves no file behind.
package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/digitalocean/go-qemu/qmp"
)

// VM is a virtual machine that has been started.
type VM struct {
	cmd     *exec.Cmd
	monitor *qmp.SocketMonitor
	events  chan Event
	ports   map[string]net.Conn
	console net.Conn

	stderr bytes.Buffer  // to be read when done is closed
	done   chan struct{} // closed when the process has ended
	err    error         // what the process ended with; to be read when done is closed
	killed atomic.Bool
	closed sync.Once
}

// Start starts the emulator called program as options say, and the guest in it. The machine lives until Kill, until ctx ends, or
// until the emulator fails. With GDB among the options the guest waits. A guest that powers off or resets is stopped and stays, one that panics goes on, for Kill to end.
func Start(ctx context.Context, program string, options ...Option) (*VM, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("%s is not installed: on Debian, run `apt-get install %s`", program, debianPackage(program))
	}
	s := newSpec()
	defer s.closeInherited()
	for _, option := range append([]Option{basics}, options...) {
		if err := option(s); err != nil {
			s.closeOwn()
			return nil, err
		}
	}
	monitor, err := s.addMonitor()
	if err != nil {
		s.closeOwn()
		return nil, err
	}

	vm := &VM{monitor: monitor, events: make(chan Event, 16), ports: s.ports, console: s.console, done: make(chan struct{})}
	vm.cmd = exec.CommandContext(ctx, path, s.args...)
	vm.cmd.ExtraFiles = s.inherited
	vm.cmd.Stderr = &vm.stderr
	// Its own process group keeps a Ctrl-C of the terminal away from it: that one is for us.
	vm.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}

	started := make(chan error)
	go vm.run(started)
	if err := <-started; err != nil {
		vm.disconnect()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	// QEMU has its ends of all connections now. Ours see an end of file when QEMU dies only if nobody else has them.
	s.closeInherited()
	if err := vm.connect(s); err != nil {
		vm.Kill()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if said := vm.complaint(); said != nil {
			err = said
		}
		return nil, fmt.Errorf("%s did not start: %w", program, err)
	}
	return vm, nil
}

// run is the life of the process. The kernel sends the signal of Pdeathsig when the thread that forked ends, which
// may be long before the program does; so this goroutine has its thread for itself as long as the process lives.
func (vm *VM) run(started chan<- error) {
	runtime.LockOSThread()
	err := vm.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	vm.err = vm.cmd.Wait()
	close(vm.done)
}

// connect takes up the QMP connection, starts listening to events, and lets the guest run unless a debugger will. To the emulator, which has all
// its threads by then, is first done what there is to do to it.
func (vm *VM) connect(s *spec) error {
	if err := vm.monitor.Connect(); err != nil {
		close(vm.events)
		return err
	}
	raw, err := vm.monitor.Events(context.Background())
	if err != nil {
		close(vm.events)
		return err
	}
	go vm.translate(raw)
	for _, do := range s.prepare {
		if err := do(vm.cmd.Process.Pid); err != nil {
			return err
		}
	}
	if s.held {
		return nil
	}
	_, err = vm.monitor.Run([]byte(`{"execute": "cont"}`))
	return err
}

// complaint is what the ended emulator has written to its standard error.
func (vm *VM) complaint() error {
	if text := strings.TrimSpace(vm.stderr.String()); text != "" {
		return errors.New(text)
	}
	return nil
}

// Events returns what happens to the guest, in order. The channel is closed when the emulator has ended. It must be
// read, or the emulator's monitor comes to a stop.
func (vm *VM) Events() <-chan Event { return vm.events }

// Port returns the host's end of the virtio-serial port with that name.
func (vm *VM) Port(name string) net.Conn { return vm.ports[name] }

// Console returns the host's end of the guest's serial console, nil if the console only goes to its log.
func (vm *VM) Console() net.Conn { return vm.console }

// Done is closed when the emulator has ended.
func (vm *VM) Done() <-chan struct{} { return vm.done }

// Wait waits until the emulator has ended. The error says why, and is nil if Kill ended it.
func (vm *VM) Wait() error {
	<-vm.done
	if vm.killed.Load() {
		return nil
	}
	return fmt.Errorf("%s ended: %w", filepath.Base(vm.cmd.Path), errors.Join(vm.err, vm.complaint()))
}

// Kill ends the emulator at once and waits until it is gone. It may be called more than once.
func (vm *VM) Kill() {
	select {
	case <-vm.done:
	default:
		vm.killed.Store(true)
		vm.cmd.Process.Kill()
		<-vm.done
	}
	vm.closed.Do(vm.disconnect)
}

// disconnect closes our ends of all connections.
func (vm *VM) disconnect() {
	vm.monitor.Disconnect()
	for _, conn := range vm.ports {
		conn.Close()
	}
	if vm.console != nil {
		vm.console.Close()
	}
}

// debianPackage names the Debian package of an emulator: qemu-system-x86 has qemu-system-x86_64, qemu-system-ppc has
// qemu-system-ppc64.
func debianPackage(program string) string {
	return strings.TrimSuffix(strings.TrimSuffix(program, "_64"), "64")
}
