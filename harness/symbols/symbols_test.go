package symbols

import (
	"os"
	"path/filepath"
	"testing"

	"gpc/harness/kernel"
)

func TestTable(t *testing.T) {
	dir := t.TempDir()
	const text = "0000000000000010 A constant\n0000000000001000 T _text\n0000000000001100 t .first\n0000000000001200 T second\n" +
		"0000000000001300 D _etext\n0000000000002000 D data\n0000000000003000 t late_init\n"
	if err := os.WriteFile(filepath.Join(dir, "System.map"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	table, err := Read(&kernel.Image{Symbols: filepath.Join(dir, "System.map")})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[uint64]string{0x20: "", 0x1100: "first+0x0/0x100", 0x1110: "first+0x10/0x100", 0x1204: "second+0x4/0x1e00"} {
		if got, ok := table.Place(address); got != want || ok != (want != "") {
			t.Errorf("at %#x: %s, %v; want %s", address, got, ok, want)
		}
	}
	if address, ok := table.Address("second"); address != 0x1200 || !ok {
		t.Errorf("second is at %#x, %v", address, ok)
	}
	if address, ok := table.Address("data"); ok {
		t.Errorf("data, no function, is at %#x", address)
	}
	for _, tt := range []struct {
		address uint64
		name    string
		offset  uint64
		inside  bool
	}{
		{0x20, "", 0, false},
		{0x1100, "first", 0, false},
		{0x1110, "first", 0x10, true},
		{0x12ff, "second", 0xff, true},
		{0x3004, "late_init", 4, false},
	} {
		name, offset, ok := table.At(tt.address)
		if name != tt.name || offset != tt.offset || ok != (tt.name != "") {
			t.Errorf("at %#x: %s+%#x, %v; want %s+%#x", tt.address, name, offset, ok, tt.name, tt.offset)
		}
		if inside := table.Inside(tt.address); inside != tt.inside {
			t.Errorf("inside of a function at %#x: %v, want %v", tt.address, inside, tt.inside)
		}
	}
}

func TestVariables(t *testing.T) {
	dir := t.TempDir()
	const text = "0000000000000100 D per_processor\n0000000000001000 T _stext\n0000000000001100 t function\n0000000000001300 D _etext\n" +
		"0000000000002000 D lock\n0000000000002100 b counter\n0000000000003000 B _end\n"
	if err := os.WriteFile(filepath.Join(dir, "System.map"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	table, err := ReadVariables(&kernel.Image{Symbols: filepath.Join(dir, "System.map")})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[uint64]string{0x108: "", 0x1100: "", 0x2000: "lock", 0x20ff: "lock", 0x2fff: "counter", 0x3000: "", 0xffff: ""} {
		if name, _, _ := table.At(address); name != want {
			t.Errorf("at %#x: %q, want %q", address, name, want)
		}
	}
}
