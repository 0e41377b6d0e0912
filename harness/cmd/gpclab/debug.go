package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"gpc/harness/guest"
	"gpc/harness/kernel"
	"gpc/harness/machine"
)

// debugFlags are the flags by which a guest is looked into, alive or dead.
type debugFlags struct {
	gdb  bool
	dump string
}

// add adds the flags to those of a command.
func (d *debugFlags) add(f *pflag.FlagSet) {
	f.BoolVar(&d.gdb, "gdb", false, "print the command that starts gdb, and wait for that before the guest begins")
	f.StringVar(&d.dump, "dump", "", "write the guest's memory to `FILE` if its kernel panics or the guest hangs or is not done in time")
}

// check returns an error if the debugger that is asked for is missing.
func (d debugFlags) check(m *machine.Machine) error {
	if !d.gdb {
		return nil
	}
	_, err := m.Debugger()
	return err
}

// more adds to a kernel what debuggers want to know.
func (d debugFlags) more(s kernel.Spec) kernel.Spec {
	if d.gdb || d.dump != "" {
		s.More = append(s.More, kernel.DebugInfo)
	}
	return s
}

// prepare completes a guest whose kernel is there.
func (d debugFlags) prepare(config *guest.Config) error {
	if !d.gdb && d.dump == "" {
		return nil
	}
	vmlinux, err := config.Kernel.Linked()
	if err != nil {
		return err
	}
	if !d.gdb {
		return nil
	}
	gdb, err := config.Kernel.Machine.Debugger()
	if err != nil {
		return err
	}
	config.Debugger = func(socket string) {
		// The terminal may be the guest's already, which wants a return, too.
		fmt.Fprintf(os.Stderr, "The guest waits for gdb:\r\n  %s\r\n", gdbCommand(gdb, vmlinux, "-ex 'target remote "+socket+"' "+vmlinux))
	}
	return nil
}

// gdbCommand returns what starts gdb with the kernel's own commands, which lie beside vmlinux and belong to its source, and more arguments.
func gdbCommand(gdb, vmlinux, more string) string {
	safe := filepath.Dir(vmlinux)
	if scripts, err := filepath.EvalSymlinks(filepath.Join(safe, "vmlinux-gdb.py")); err == nil {
		safe += ":" + filepath.Dir(scripts)
	}
	return fmt.Sprintf("%s -iex 'add-auto-load-safe-path %s' %s", gdb, safe, more)
}

// tellOfDump says where a guest's memory is, if it was dumped, and what opens it.
func tellOfDump(image *kernel.Image, result guest.Result) {
	if result.Dump == "" {
		return
	}
	vmlinux, err := image.Linked()
	if err != nil {
		return // it was there before
	}
	fmt.Fprintf(os.Stderr, "The guest's memory is in %s:\n", result.Dump)
	gdb, err := image.Machine.Debugger()
	if err != nil {
		fmt.Fprintf(os.Stderr, "  %v\n", err)
		return
	}
	fmt.Fprintf(os.Stderr, "  %s\n", gdbCommand(gdb, vmlinux, vmlinux+" "+result.Dump))
}
