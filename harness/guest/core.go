package guest

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// mendCore makes the emulator's core of a big-endian machine one that gdb reads, which knows no page tables. All memory is said to be where the kernel
// has it, from base on; each processor gets a number; and the sections, which are in the wrong order of bytes, and no core needs, are taken out.
func mendCore(path string, base uint64) error {
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
	segments := make([]elf.Prog64, header.Phnum)
	at, size := int64(header.Phoff), int64(binary.Size(segments))
	if err := binary.Read(io.NewSectionReader(f, at, size), binary.BigEndian, segments); err != nil {
		return err
	}
	for i, s := range segments {
		switch elf.ProgType(s.Type) {
		case elf.PT_LOAD:
			segments[i].Vaddr = base + s.Paddr
		case elf.PT_NOTE:
			notes := make([]byte, s.Filesz)
			_, err := f.ReadAt(notes, int64(s.Off))
			if err == nil {
				err = numberProcessors(notes)
			}
			if err == nil {
				_, err = f.WriteAt(notes, int64(s.Off))
			}
			if err != nil {
				return err
			}
		}
	}
	return errors.Join(
		binary.Write(io.NewOffsetWriter(f, 0), binary.BigEndian, header),
		binary.Write(io.NewOffsetWriter(f, at), binary.BigEndian, segments),
		f.Close())
}

// A note begins with the sizes of its name and of its content, and its type; each part ends at a multiple of 4 bytes.
const (
	noteHeader = 12
	ntPrStatus = 1  // the type of those that have a processor's registers
	prStatusID = 32 // where such a one has the number of a task
)

// numberProcessors gives the processors among a big-endian core's notes numbers from 1 on: gdb takes those with the same for one.
func numberProcessors(notes []byte) error {
	order := binary.BigEndian
	padded := func(size uint32) int { return int(size+3) &^ 3 }
	for n := uint32(1); len(notes) >= noteHeader; {
		content := noteHeader + padded(order.Uint32(notes))
		next := content + padded(order.Uint32(notes[4:]))
		if next > len(notes) {
			return errors.New("the notes of the emulator's core are cut off")
		}
		if order.Uint32(notes[8:]) == ntPrStatus && next >= content+prStatusID+4 {
			order.PutUint32(notes[content+prStatusID:], n)
			n++
		}
		notes = notes[next:]
	}
	return nil
}
