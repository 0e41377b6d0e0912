package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"gpc/harness/kernel"
	"gpc/harness/qemu"
	"gpc/harness/symbols"
)

// checkDump returns an error if a dump could not be written to the file at path, or would overwrite it.
func checkDump(path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s exists already: a dump needs another name", path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(path)
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("no dump can be written to %s: %w", dir, err)
	}
	return nil
}

// worthDump tells whether a guest has ended in a way that its memory may explain.
func worthDump(end error) bool {
	switch end.(type) {
	case *PanicError, *CorruptError, *StuckError:
		return true
	}
	return false
}

// vmcoreinfo returns the address of the kernel's variable that points to its word on how to read its memory, 0 where that is not known.
func vmcoreinfo(image *kernel.Image) uint64 {
	variables, err := symbols.ReadVariables(image)
	if err != nil {
		return 0 // gdb does without
	}
	address, _ := variables.Address("vmcoreinfo_note")
	return address
}

// dump writes the guest's memory to the file that is to take it: all of it, or there is no file.
func (c Config) dump(vm *qemu.VM) error {
	path := c.Dump
	partial, err := filepath.Abs(path + ".partial")
	if err == nil {
		// The emulator's own would be for reading only.
		err = os.WriteFile(partial, nil, 0o666)
	}
	if err == nil {
		err = vm.Dump(partial)
	}
	if err == nil {
		err = mendCore(partial, c.Kernel.Machine, vmcoreinfo(c.Kernel))
	}
	if err == nil {
		err = os.Rename(partial, path)
	}
	if err != nil {
		os.Remove(partial)
		return fmt.Errorf("the guest's memory could not be dumped to %s: %w", path, err)
	}
	return nil
}
