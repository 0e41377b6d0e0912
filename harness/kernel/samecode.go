package kernel

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// sameCode compares the machine code of two builds, object file by object file: the bytes of every executable
// section, and what each place in them that the linker fills in refers to. What is not code may differ: line numbers
// in the table behind WARN(), for one, where an edit has moved lines.
func sameCode(one, two string) error {
	objects, err := objectFiles(one)
	if err != nil {
		return err
	}
	others, err := objectFiles(two)
	if err != nil {
		return err
	}
	if a, b := strings.Join(objects, " "), strings.Join(others, " "); a != b {
		return fmt.Errorf("the builds do not have the same object files:\n%s\n%s", a, b)
	}
	if len(objects) == 0 {
		return fmt.Errorf("%s has no object files", one)
	}
	var differ error
	for _, o := range objects {
		a, err := code(filepath.Join(one, o))
		if err != nil {
			return err
		}
		b, err := code(filepath.Join(two, o))
		if err != nil {
			return err
		}
		for _, section := range differingSections(a, b) {
			differ = errors.Join(differ, fmt.Errorf("%s: section %s differs", o, section))
		}
	}
	return differ
}

// objectFiles lists the compiled files of a build, relative to it. What is linked from others, or depends on where
// and when the kernel was linked, is left out.
func objectFiles(dir string) ([]string, error) {
	var list []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if d.IsDir() && (rel == "scripts" || rel == "tools" || rel == "usr") {
			return filepath.SkipDir
		}
		name := filepath.Base(rel)
		if filepath.Ext(rel) == ".o" && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "vmlinux") &&
			name != "built-in.o" {
			list = append(list, rel)
		}
		return nil
	})
	sort.Strings(list)
	return list, err
}

// counted matches the number that the compiler puts behind a static symbol's name: it counts declarations.
var counted = regexp.MustCompile(`\.\d+$`)

// code returns the executable sections of an object file by name: their bytes, then a line per relocation.
func code(file string) (map[string][]byte, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	sections := map[string][]byte{}
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_EXECINSTR == 0 || s.Type != elf.SHT_PROGBITS {
			continue
		}
		data, err := s.Data()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		sections[s.Name] = append(sections[s.Name], data...)
	}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA || int(s.Info) >= len(f.Sections) {
			continue
		}
		target := f.Sections[s.Info]
		if _, ok := sections[target.Name]; !ok {
			continue
		}
		data, err := s.Data()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		sections[target.Name] = append(sections[target.Name], relocations(f, symbols, data)...)
	}
	return sections, nil
}

// relocations writes 64-bit relocations with addends as text in which symbols have their names.
func relocations(f *elf.File, symbols []elf.Symbol, data []byte) []byte {
	var out bytes.Buffer
	for ; len(data) >= 24; data = data[24:] {
		offset, info, addend := f.ByteOrder.Uint64(data), f.ByteOrder.Uint64(data[8:]), f.ByteOrder.Uint64(data[16:])
		name := ""
		if n := int(info >> 32); n > 0 && n <= len(symbols) {
			sym := symbols[n-1]
			name = sym.Name
			if elf.ST_TYPE(sym.Info) == elf.STT_SECTION && int(sym.Section) < len(f.Sections) {
				name = f.Sections[sym.Section].Name
			}
		}
		fmt.Fprintf(&out, "%x %x %s %x\n", offset, uint32(info), counted.ReplaceAllString(name, ""), addend)
	}
	return out.Bytes()
}

func differingSections(a, b map[string][]byte) []string {
	names := map[string]bool{}
	for n := range a {
		names[n] = true
	}
	for n := range b {
		names[n] = true
	}
	var differ []string
	for n := range names {
		if !bytes.Equal(a[n], b[n]) {
			differ = append(differ, n)
		}
	}
	sort.Strings(differ)
	return differ
}
