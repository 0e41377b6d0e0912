package guest_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gpc/harness/guest"
	"gpc/harness/machine"
	"gpc/harness/qemu"
)

// checkDump looks whether a guest's dump is its whole memory with its processors' registers, and nothing else is left beside it.
func checkDump(t *testing.T, c guest.Config) {
	t.Helper()
	path := c.Dump
	core, err := elf.Open(path)
	if err != nil {
		t.Fatalf("the dump %q: %v", path, err)
	}
	defer core.Close()
	if core.Type != elf.ET_CORE || core.Data != dataOf(c.Kernel.Machine) {
		t.Errorf("the dump is %v, %v", core.Type, core.Data)
	}
	size, err := qemu.ParseSize(c.Kernel.Machine.Memory)
	if err != nil {
		t.Fatal(err)
	}
	var memory uint64
	registers, banner := 0, false
	for _, p := range core.Progs {
		content, err := io.ReadAll(p.Open())
		if err != nil {
			t.Fatal(err)
		}
		switch p.Type {
		case elf.PT_LOAD:
			memory += p.Filesz
			// The kernels that say how to read their memory are others.
			if base := c.Kernel.Machine.LinearMap; c.Kernel.Machine.KernelMap == 0 && p.Vaddr != base+p.Paddr {
				t.Errorf("the memory at %#x is said to be mapped at %#x", p.Paddr, p.Vaddr)
			}
			banner = banner || bytes.Contains(content, []byte("Linux version "+c.Kernel.Release))
		case elf.PT_NOTE:
			registers += countNotes(core.ByteOrder, content, prStatus)
		}
	}
	if memory < uint64(size)<<20 || registers != 4 || !banner {
		t.Errorf("the dump has %d bytes of memory, registers of %d processors, the kernel's banner: %v", memory, registers, banner)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("beside the dump there are %v, %v", files, err)
	}
}

// dataOf returns the order of a machine's bytes.
func dataOf(m *machine.Machine) elf.Data {
	if m.GOARCH == "ppc64" {
		return elf.ELFDATA2MSB
	}
	return elf.ELFDATA2LSB
}

// prStatus is the type of the note that has a processor's registers.
const prStatus = 1

// countNotes counts the notes of a type.
func countNotes(order binary.ByteOrder, notes []byte, kind uint32) (n int) {
	pad := func(size uint32) int { return int(size+3) &^ 3 }
	for len(notes) >= 12 {
		name, description := order.Uint32(notes), order.Uint32(notes[4:])
		if order.Uint32(notes[8:]) == kind {
			n++
		}
		next := 12 + pad(name) + pad(description)
		if next > len(notes) {
			return n
		}
		notes = notes[next:]
	}
	return n
}

// TestDumpOfTheLiving asks for a dump of a guest that comes to its end.
func TestDumpOfTheLiving(t *testing.T) {
	c := config(t, machine.All()[0])
	dir := t.TempDir()
	c.Dump = filepath.Join(dir, "core")
	result, stdout, _ := run(t, c, script("echo well"))
	if result.Dump != "" || stdout != "well\n" {
		t.Errorf("output %q, a dump %q", stdout, result.Dump)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("there are %v, %v", files, err)
	}
}

// TestDumpThatCannotBeWritten has no directory any more, by the time when the kernel panics, for the dump. The panic is told all the same.
func TestDumpThatCannotBeWritten(t *testing.T) {
	c := config(t, machine.All()[0])
	dir := filepath.Join(t.TempDir(), "dumps")
	c.Dump, c.Append = filepath.Join(dir, "core"), "init=/nonexistent"
	result, err := guest.Run(t.Context(), c, script("true"))
	if err == nil || !strings.Contains(err.Error(), "Attempted to kill init") || !strings.Contains(err.Error(), "could not be dumped") || result.Dump != "" {
		t.Errorf("error %v, a dump %q", err, result.Dump)
	}
}

// TestDebugger lets gdb stop a guest where a task is moved to a container, and go on.
func TestDebugger(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		gdb, err := c.Kernel.Machine.Debugger()
		if err != nil {
			t.Fatal(err)
		}
		vmlinux, err := c.Kernel.Linked()
		if err != nil {
			t.Fatal(err)
		}
		commands := filepath.Join(t.TempDir(), "commands")
		said := make(chan string, 1)
		var socket string
		c.Debugger = func(path string) {
			socket = path
			writeFile(t, commands, fmt.Sprintf("set pagination off\ntarget remote %s\nbreak container_attach\ncontinue\n"+
				"delete\ndetach\n", path))
			go func() {
				out, err := exec.CommandContext(t.Context(), gdb, "-nx", "-batch", "-x", commands, vmlinux).CombinedOutput()
				said <- fmt.Sprintf("%s%v", out, err)
			}()
		}
		result, stdout, stderr := run(t, c, script("cd /dev/container && mkdir a && echo $$ >a/tasks && grep -c ^$$'$' a/tasks"))
		if text := <-said; !strings.Contains(text, "Breakpoint 1, ") || !strings.HasSuffix(text, "<nil>") {
			t.Errorf("gdb said\n%s", text)
		}
		if result.ExitStatus != 0 || stdout != "1\n" {
			t.Errorf("status %d, output %q, error output %q", result.ExitStatus, stdout, stderr)
		}
		if _, err := os.Stat(filepath.Dir(socket)); !os.IsNotExist(err) {
			t.Errorf("the place of the socket: %v, want that it is gone", err)
		}
	})
}
