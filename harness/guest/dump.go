package guest

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"gpc/harness/qemu"
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
	if base := c.Kernel.Machine.LinearMap; err == nil && base != 0 {
		err = mapLinearly(partial, base)
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

// mapLinearly says in a big-endian core at which addresses the kernel has the memory, for debuggers that know no page tables: all of it from base
// on. The emulator's sections, which it writes in its own order of bytes, and which no core needs, are taken out.
func mapLinearly(path string, base uint64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var header elf.Header64
	if err := binary.Read(f, binary.BigEndian, &header); err != nil {
		return err
	}
	header.Ehsize = uint16(binary.Size(header))
	header.Shoff, header.Shentsize, header.Shnum, header.Shstrndx = 0, 0, 0, 0
	if err := binary.Write(io.NewOffsetWriter(f, 0), binary.BigEndian, header); err != nil {
		return err
	}
	segments := make([]elf.Prog64, header.Phnum)
	at, size := int64(header.Phoff), int64(binary.Size(segments))
	if err := binary.Read(io.NewSectionReader(f, at, size), binary.BigEndian, segments); err != nil {
		return err
	}
	for i, s := range segments {
		if elf.ProgType(s.Type) == elf.PT_LOAD {
			segments[i].Vaddr = base + s.Paddr
		}
	}
	if err := binary.Write(io.NewOffsetWriter(f, at), binary.BigEndian, segments); err != nil {
		return err
	}
	return f.Close()
}
