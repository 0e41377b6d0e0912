// Package guest boots a kernel in a virtual machine, runs one command in it, and tells how both ended.
package guest

import (
	"context"
	"fmt"
	"io"
	"time"

	"gpc/harness/complaint"
	"gpc/harness/guest/wire"
	"gpc/harness/kernel"
	"gpc/harness/qemu"
)

// Config describes a guest.
type Config struct {
	// Kernel is what to boot, and says on which machine.
	Kernel *kernel.Image
	// Initramfs is the path of the base archive that initramfs.Build has made.
	Initramfs string
	// SMP is the number of processors, 4 if 0.
	SMP int
	// Memory is the size of the memory in QEMU's notation, the machine's default if empty.
	Memory string
	// NUMA is the number of nodes that processors and memory are split over, none if 0 or 1.
	NUMA int
	// Append is added to the kernel's command line.
	Append string
	// Files are directories laid over the initramfs's root, later ones over earlier ones.
	Files []string
	// Shares are directories of the host's that the guest mounts.
	Shares []Share
	// Disks are the sizes, in QEMU's notation, of empty disks, /dev/vda and so on.
	Disks []string
	// Bare leaves the guest without a mounted hierarchy of containers.
	Bare bool
	// Timeout is how long the guest may live, without limit if 0.
	Timeout time.Duration
	// Silence is how long the guest may say nothing, on its console while it comes up and to the host's questions from then on, before it
	// counts as hung. If 0, that is two minutes.
	Silence time.Duration
	// Explain, if there is one, is given what the kernel said about its troubles, and where processors were that hang. It returns the text
	// with what more is known, such as the lines of source.
	Explain func(text string) string
	// Dump is the path of a file, not there yet, that takes the guest's memory if its kernel panics, finds its memory corrupt, or hangs; empty for
	// none.
	Dump string
	// Debugger, if there is one, is called with the path of a socket when gdb may connect there. The guest does not begin before gdb lets it, and
	// never counts as hung.
	Debugger func(socket string)
	// LogDir is where the console's log is kept, until there are many newer ones.
	LogDir string
	// Log is where it is kept instead, if not empty, for whoever asked for it to delete.
	Log string
	// ExtraArgs are added to the emulator's arguments. An -accel among them replaces the choice of an accelerator.
	ExtraArgs []string
	// Yielding lets the host's other programs go first.
	Yielding bool
	// OneHostProcessor keeps the emulator on one of the host's processors.
	OneHostProcessor bool
}

// Job is a command to run in the guest.
type Job struct {
	// Argv is the command, looked up in the guest's PATH, and its arguments. Without it, a shell reads commands from Stdin.
	Argv []string
	// Stdin is read only as far as the command reads its standard input; nil is an empty input.
	Stdin io.Reader
	// Stdout and Stderr receive the command's output as it comes; nil discards it.
	Stdout, Stderr io.Writer
	// Env is added to the command's environment, as NAME=VALUE.
	Env []string
	// Dir is the working directory, "/" if empty.
	Dir string
}

// Result is what is known about a guest that has ended.
type Result struct {
	// ExitStatus is the command's, 128+N if signal N killed it, 127 if it was not found, 126 if it could not be executed.
	ExitStatus int
	// ConsoleLog is the path of a file with everything that the console showed.
	ConsoleLog string
	// Complaints are the kernel's reports of trouble, those about a panic included, and one about a guest's clock that runs wrong. They are
	// from the kernel's own log, which programs cannot write to in its name; where the guest has died, from the console.
	Complaints []complaint.Report
	// Log is what the kernel has said, as its console shows it: its own word, or where the guest has died or has lost a part of it the console's text.
	Log string
	// Dump is the path of a file with the guest's memory, empty if there was no need for one.
	Dump string
	// Taint is the kernel's taint mask when the command had ended.
	Taint uint64
}

// Run boots a guest, runs job in it, and ends it. A guest that does not get that far is an error: *PanicError, *CorruptError,
// *StuckError, or *EndedError; ctx's own if that ended. Complaints of a kernel that went on are no error, but the caller's to judge:
// Result.Complaint makes one of them. In every case the emulator is gone when Run returns, and the result tells what is known. A job that is too large to be told to the guest is
// an error before it boots.
func Run(ctx context.Context, c Config, job Job) (Result, error) {
	spec := wire.Job{Argv: job.Argv, Env: job.Env, Dir: job.Dir, Bare: c.Bare, Stdin: job.Stdin != nil}
	if len(spec.Argv) == 0 {
		spec.Argv = []string{"/bin/sh"}
	}
	spec.Argv = mounting(c.Shares, spec.Argv)
	encoded, err := wire.Encode(spec)
	if err != nil {
		return Result{}, fmt.Errorf("the command with its arguments and its environment is too large: %w", err)
	}
	return live(ctx, c, qemu.ConsoleLog, func(vm *qemu.VM, _ string) (*conversation, error) {
		return &conversation{port: vm.Port(wire.PortName), job: encoded, stdin: job.Stdin,
			stdout: orDiscard(job.Stdout), stderr: orDiscard(job.Stderr)}, nil
	})
}

// orDiscard is w, or where output goes that nobody wants.
func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}
