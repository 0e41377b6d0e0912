package machine

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bzImage makes what is looked at of a compressed kernel of x86.
func bzImage(flags byte) []byte {
	image := make([]byte, 0x400)
	copy(image[setupMagic:], "HdrS")
	binary.LittleEndian.PutUint16(image[setupVersion:], 0x80)
	image[setupFlags] = flags
	copy(image[0x280:], "6.12.1-mine (me@here) #1\x00")
	return image
}

// linked makes an executable with one section, which says what the kernel says of itself.
func linked(t *testing.T, machine elf.Machine, order binary.ByteOrder, text string) []byte {
	t.Helper()
	data := elf.ELFDATA2MSB
	if order == binary.LittleEndian {
		data = elf.ELFDATA2LSB
	}
	const sections, headerSize, sectionSize = 3, 64, 64
	names := "\x00.rodata\x00.shstrtab\x00"
	header := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Shoff: headerSize, Ehsize: headerSize,
		Shentsize: sectionSize, Shnum: sections, Shstrndx: 2}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA], header.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(data), 1
	at := uint64(headerSize + sections*sectionSize)
	var out bytes.Buffer
	for _, part := range []any{header, elf.Section64{},
		elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC), Off: at, Size: uint64(len(text))},
		elf.Section64{Name: 9, Type: uint32(elf.SHT_STRTAB), Off: at + uint64(len(text)), Size: uint64(len(names))},
		[]byte(text + names)} {
		if err := binary.Write(&out, order, part); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func TestRecognizeImage(t *testing.T) {
	const said = "Linux version %s (%s)\x00Linux version 6.12.2-big (me@here)\x00"
	big, little := binary.BigEndian, binary.LittleEndian
	for _, tt := range []struct {
		name    string
		machine *Machine
		content []byte
		release string
		want    string // part of the error
	}{
		{"bzImage", &x86_64, bzImage(longMode), "6.12.1-mine", ""},
		{"bzImage for the other", &ppc64, bzImage(longMode), "", "is a kernel for x86_64: use --arch x86_64"},
		{"32-bit bzImage", &x86_64, bzImage(0), "", "32-bit"},
		{"vmlinux", &ppc64, linked(t, elf.EM_PPC64, big, said), "6.12.2-big", ""},
		{"vmlinux for the other", &x86_64, linked(t, elf.EM_PPC64, big, said), "", "is a kernel for ppc64: use --arch ppc64"},
		{"little-endian vmlinux", &ppc64, linked(t, elf.EM_PPC64, little, said), "", "little-endian"},
		{"vmlinux without a version", &ppc64, linked(t, elf.EM_PPC64, big, "nothing"), "", "no version of Linux"},
		{"vmlinux of x86_64", &x86_64, linked(t, elf.EM_X86_64, little, said), "", "boots arch/x86/boot/bzImage"},
		{"vmlinux of a third", &x86_64, linked(t, elf.EM_AARCH64, little, said), "", "EM_AARCH64"},
		{"compressed", &x86_64, []byte("\x1f\x8b\x08 and so on"), "", "compressed with gzip: unpack it first"},
		{"text", &x86_64, []byte("hello"), "", "neither a bzImage"},
		{"empty", &x86_64, nil, "", "neither a bzImage"},
	} {
		path := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(path, tt.content, 0o644); err != nil {
			t.Fatal(err)
		}
		release, err := tt.machine.RecognizeImage(path)
		if tt.want == "" && (err != nil || release != tt.release) {
			t.Errorf("%s: %q, %v, want %q", tt.name, release, err, tt.release)
		}
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}
