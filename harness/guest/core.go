package guest

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"gpc/harness/machine"
)

// mendCore makes the emulator's core of a machine's memory, which knows physical addresses only, one that debuggers read: they are told where the
// kernel has all memory, and where itself. Each processor gets a number, for those of a big-endian core are all 1; and the sections, which are in
// the wrong order of bytes there, and no core needs, are taken out.
//
// What the kernel itself says of that is a note, which the emulator has put into the core if it got it through a device. Elsewhere it is found where the
// variable at the address vmcoreinfo leads to.
func mendCore(path string, m *machine.Machine, vmcoreinfo uint64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	c, err := readCore(f)
	if err != nil {
		return err
	}
	physical, known := c.number("phys_base")
	if m.KernelMap == 0 || known && !c.deep() {
		if err := c.mapAll(m.LinearMap); err != nil {
			return err
		}
	}
	if note, ok := c.vmcoreinfo(vmcoreinfo); ok && m.KernelMap == 0 {
		c.add(note)
	}
	if known && m.KernelMap != 0 {
		c.mapKernel(m.KernelMap, physical)
	}
	return errors.Join(c.write(), f.Close())
}

// core is an emulator's core with what begins it.
type core struct {
	file     *os.File
	order    binary.ByteOrder
	header   elf.Header64
	segments []elf.Prog64
}

// readCore reads what a core begins with.
func readCore(f *os.File) (*core, error) {
	var ident [elf.EI_NIDENT]byte
	if _, err := f.ReadAt(ident[:], 0); err != nil {
		return nil, err
	}
	c := &core{file: f, order: binary.LittleEndian}
	if elf.Data(ident[elf.EI_DATA]) == elf.ELFDATA2MSB {
		c.order = binary.BigEndian
	}
	if err := binary.Read(io.NewSectionReader(f, 0, int64(binary.Size(c.header))), c.order, &c.header); err != nil {
		return nil, err
	}
	c.segments = make([]elf.Prog64, c.header.Phnum)
	return c, binary.Read(io.NewSectionReader(f, int64(c.header.Phoff), int64(binary.Size(c.segments))), c.order, c.segments)
}

// add adds a segment. Debuggers want all of them described near the beginning, where the sections have been; an emulator that left no room there gets
// none.
func (c *core) add(segment elf.Prog64) {
	all := append(slices.Clone(c.segments), segment)
	begin := uint64(binary.Size(c.header))
	for _, s := range c.segments {
		if s.Off < begin+uint64(binary.Size(all)) {
			return
		}
	}
	c.segments = all
	c.header.Phoff, c.header.Phnum = begin, uint16(len(all))
}

// write writes what the core begins with, which has no sections any more.
func (c *core) write() error {
	c.header.Ehsize = uint16(binary.Size(c.header))
	c.header.Shoff, c.header.Shentsize, c.header.Shnum, c.header.Shstrndx = 0, 0, 0, 0
	return errors.Join(
		binary.Write(io.NewOffsetWriter(c.file, 0), c.order, c.header),
		binary.Write(io.NewOffsetWriter(c.file, int64(c.header.Phoff)), c.order, c.segments))
}

// mapAll says of all memory that the kernel has it from base on, and numbers the processors.
func (c *core) mapAll(base uint64) error {
	for i, s := range c.segments {
		switch elf.ProgType(s.Type) {
		case elf.PT_LOAD:
			c.segments[i].Vaddr = base + s.Paddr
		case elf.PT_NOTE:
			notes := make([]byte, s.Filesz)
			_, err := c.file.ReadAt(notes, int64(s.Off))
			if err == nil {
				err = numberProcessors(c.order, notes)
			}
			if err == nil {
				_, err = c.file.WriteAt(notes, int64(s.Off))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// longestKernel is what the kernel's own addresses reach, on machines where they are not those of all memory.
const longestKernel = 512 << 20

// mapKernel adds the memory from a physical address on once more, as what the kernel has from base on: itself.
func (c *core) mapKernel(base, physical uint64) {
	for _, s := range c.segments {
		if elf.ProgType(s.Type) == elf.PT_LOAD && physical >= s.Paddr && physical-s.Paddr < s.Filesz {
			into := physical - s.Paddr
			size := min(s.Filesz-into, longestKernel)
			s.Vaddr, s.Paddr, s.Off, s.Filesz, s.Memsz = base, physical, s.Off+into, size, size
			c.add(s)
			return
		}
	}
}

// deep tells whether the kernel says that its page tables have five levels: then it has all memory somewhere else.
func (c *core) deep() bool {
	levels, ok := c.number("pgtable_l5_enabled")
	return ok && levels != 0
}

// number returns a number that the kernel says among the notes. There is none, and ok false, where it has not said that.
func (c *core) number(name string) (n uint64, ok bool) {
	for _, s := range c.segments {
		if elf.ProgType(s.Type) != elf.PT_NOTE {
			continue
		}
		notes := make([]byte, s.Filesz)
		if _, err := c.file.ReadAt(notes, int64(s.Off)); err != nil {
			return 0, false
		}
		_, after, found := strings.Cut(string(notes), "NUMBER("+name+")=")
		text, _, whole := strings.Cut(after, "\n")
		if n, err := strconv.ParseUint(text, 10, 64); found && whole && err == nil {
			return n, true
		}
	}
	return 0, false
}

// at returns where in the core a piece of memory of that many bytes is that the kernel has at an address.
func (c *core) at(address, size uint64) (offset int64, ok bool) {
	for _, p := range c.segments {
		if elf.ProgType(p.Type) == elf.PT_LOAD && address >= p.Vaddr && address-p.Vaddr <= p.Filesz && size <= p.Filesz-(address-p.Vaddr) {
			return int64(p.Off + address - p.Vaddr), true
		}
	}
	return 0, false
}

// vmcoreinfoName is the name of the note with which a kernel says how to read its memory: where its variables and its members of structures are.
const vmcoreinfoName = "VMCOREINFO\x00"

// longestVmcoreinfo is more than any kernel says there.
const longestVmcoreinfo = 1 << 16

// vmcoreinfo returns the kernel's note on how to read its memory, which lies in that, as a segment. The variable at an address points to it. There is
// none, and ok false, where no note is there: the kernel may have died before it made one.
func (c *core) vmcoreinfo(variable uint64) (note elf.Prog64, ok bool) {
	read := func(address, size uint64) []byte {
		offset, ok := c.at(address, size)
		if !ok {
			return nil
		}
		data := make([]byte, size)
		if _, err := c.file.ReadAt(data, offset); err != nil {
			return nil
		}
		return data
	}
	pointer := read(variable, 8)
	if pointer == nil {
		return note, false
	}
	address := c.order.Uint64(pointer)
	head := read(address, noteHeader+uint64(len(vmcoreinfoName)))
	if head == nil || c.order.Uint32(head) != uint32(len(vmcoreinfoName)) || string(head[noteHeader:]) != vmcoreinfoName {
		return note, false
	}
	content := c.order.Uint32(head[4:])
	size := uint64(noteHeader + padded(uint32(len(vmcoreinfoName))) + padded(content))
	offset, ok := c.at(address, size)
	if !ok || content > longestVmcoreinfo {
		return note, false
	}
	return elf.Prog64{Type: uint32(elf.PT_NOTE), Off: uint64(offset), Filesz: size, Align: noteAlign}, true
}

// A note begins with the sizes of its name and of its content, and its type; each part ends at a multiple of 4 bytes.
const (
	noteHeader = 12
	noteAlign  = 4
	ntPrStatus = 1  // the type of those that have a processor's registers
	prStatusID = 32 // where such a one has the number of a task
)

// padded returns the size of a part of a note with what follows it to a multiple.
func padded(size uint32) int { return int(size+noteAlign-1) &^ (noteAlign - 1) }

// numberProcessors gives the processors among a core's notes numbers from 1 on: gdb takes those with the same for one.
func numberProcessors(order binary.ByteOrder, notes []byte) error {
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
