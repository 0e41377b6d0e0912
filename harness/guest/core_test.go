package guest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"gpc/harness/machine"
)

// TestMendCore mends a core of 256 bytes of memory, from the physical address 0x1000 on, in which a kernel at 0xc000 has a pointer at 0xd010 and,
// where that leads to, a note or something else.
func TestMendCore(t *testing.T) {
	order := binary.BigEndian
	const base, variable = 0xc000, 0xd010
	note := append(order.AppendUint32(order.AppendUint32(order.AppendUint32(nil, 11), 6), 0), "VMCOREINFO\x00\x00HZ=100\x00\x00"...)
	for _, tt := range []struct {
		name     string
		pointer  uint64
		variable uint64
		note     []byte
		want     bool
	}{
		{"note", 0xd080, variable, note, true},
		{"no variable", 0xd080, 0, note, false},
		{"not made yet", 0, variable, note, false},
		{"outside", 0xe000, variable, note, false},
		{"at the end", 0xd0f8, variable, nil, false},
		{"another", 0xd080, variable, bytes.ReplaceAll(note, []byte("VM"), []byte("vm")), false},
		{"too long", 0xd080, variable, append(order.AppendUint32(order.AppendUint32(nil, 11), 0xfffffff0), note[8:]...), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			memory := make([]byte, 256)
			order.PutUint64(memory[0x10:], tt.pointer)
			copy(memory[0x80:], tt.note)
			registers := append([]byte{11: ntPrStatus}, make([]byte, 5)...)
			path := filepath.Join(t.TempDir(), "core")
			writeCore(t, path, order, registers, memory)
			if err := mendCore(path, &machine.Machine{LinearMap: base}, tt.variable); err != nil {
				t.Fatal(err)
			}
			core, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer core.Close()
			var notes [][]byte
			for _, p := range core.Progs {
				content := make([]byte, p.Filesz)
				if _, err := p.ReadAt(content, 0); err != nil {
					t.Fatal(err)
				}
				switch {
				case p.Type == elf.PT_NOTE:
					notes = append(notes, content)
				case p.Vaddr != base+0x1000 || !bytes.Equal(content, memory):
					t.Errorf("the memory is mapped at %#x: %x", p.Vaddr, content)
				}
			}
			if tt.want != (len(notes) == 2) || tt.want && !bytes.Equal(notes[1], note) {
				t.Errorf("the core has the notes %q", notes)
			}
		})
	}
}

// TestMapKernel mends cores of a machine whose kernel, as it says, is loaded somewhere.
func TestMapKernel(t *testing.T) {
	const linear, kernel = 0xe0000000, 0xf0000000
	for _, tt := range []struct {
		said     string
		mapped   bool   // all memory is
		physical uint64 // where the kernel is said to be, 0 for nowhere
	}{
		{"NUMBER(phys_base)=4128\nNUMBER(pgtable_l5_enabled)=0\n", true, 0x1020},
		{"NUMBER(phys_base)=4128\n", true, 0x1020},
		{"NUMBER(pgtable_l5_enabled)=1\nNUMBER(phys_base)=4096\n", false, 0x1000},
		{"NUMBER(phys_base)=0\n", true, 0},
		{"NUMBER(phys_base)=41", false, 0},
		{"phys_base\n", false, 0},
	} {
		t.Run(tt.said, func(t *testing.T) {
			memory := make([]byte, 256)
			for i := range memory {
				memory[i] = byte(i)
			}
			path := filepath.Join(t.TempDir(), "core")
			// A note of a processor's registers, and one as the kernel's.
			notes := append([]byte{11: ntPrStatus}, make([]byte, noteHeader)...)
			order := binary.LittleEndian
			order.PutUint32(notes[noteHeader+4:], uint32(len(tt.said)))
			notes = append(notes, tt.said...)
			notes = append(notes, make([]byte, padded(uint32(len(tt.said)))-len(tt.said))...)
			writeCore(t, path, order, notes, memory)
			if err := mendCore(path, &machine.Machine{LinearMap: linear, KernelMap: kernel}, 0); err != nil {
				t.Fatal(err)
			}
			core, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer core.Close()
			if mapped := core.Progs[1].Vaddr == linear+0x1000; mapped != tt.mapped {
				t.Errorf("all memory is said to be at %#x", core.Progs[1].Vaddr)
			}
			if found := len(core.Progs) == 3; found != (tt.physical != 0) {
				t.Fatalf("there are %d segments", len(core.Progs))
			} else if !found {
				return
			}
			p := core.Progs[2]
			content := make([]byte, p.Filesz)
			if _, err := p.ReadAt(content, 0); err != nil || p.Vaddr != kernel || p.Paddr != tt.physical || !bytes.Equal(content, memory[tt.physical-0x1000:]) {
				t.Errorf("the kernel is said to be %+v, %x, %v", p.ProgHeader, content, err)
			}
		})
	}
}

// writeCore writes a core as the emulator makes it, with sections, notes, and the memory.
func writeCore(t *testing.T, path string, order binary.ByteOrder, notes, memory []byte) {
	t.Helper()
	const sections, segment = 2 * 64, 56
	header := elf.Header64{Type: uint16(elf.ET_CORE), Version: 1, Phoff: 64 + sections, Phentsize: segment, Phnum: 2, Shoff: 64, Shentsize: 64, Shnum: 2}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA], header.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	if order == binary.BigEndian {
		header.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
	}
	const end = 64 + sections + 2*segment
	noted := uint64(len(notes))
	var core bytes.Buffer
	for _, part := range []any{header, make([]byte, sections),
		elf.Prog64{Type: uint32(elf.PT_NOTE), Off: end, Filesz: noted},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Off: end + noted, Paddr: 0x1000, Filesz: uint64(len(memory)), Memsz: uint64(len(memory))},
		notes, memory} {
		if err := binary.Write(&core, order, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, core.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestNumberProcessors(t *testing.T) {
	note := func(kind uint32, size int) []byte {
		n := binary.BigEndian.AppendUint32(nil, 5)
		n = binary.BigEndian.AppendUint32(n, uint32(size))
		n = binary.BigEndian.AppendUint32(n, kind)
		n = append(n, "CORE\x00\x00\x00\x00"...)
		return append(n, make([]byte, (size+3)&^3)...)
	}
	first, other, second := note(ntPrStatus, 50), note(2, 41), note(ntPrStatus, 50)
	notes := append(append(append([]byte{}, first...), other...), second...)
	if err := numberProcessors(binary.BigEndian, notes); err != nil {
		t.Fatal(err)
	}
	at := noteHeader + 8 + prStatusID
	if one, two := binary.BigEndian.Uint32(notes[at:]), binary.BigEndian.Uint32(notes[len(first)+len(other)+at:]); one != 1 || two != 2 {
		t.Errorf("the processors have the numbers %d and %d", one, two)
	}
	if got := notes[len(first) : len(first)+len(other)]; string(got) != string(other) {
		t.Errorf("another note has become %x", got)
	}
	if err := numberProcessors(binary.BigEndian, notes[:len(notes)-1]); err == nil {
		t.Error("notes that are cut off were read")
	}
}
