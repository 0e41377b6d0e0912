package guest

import (
	"os"
	"path/filepath"
	"testing"

	"gpc/harness/kernel"
	"gpc/harness/qemu"
	"gpc/harness/symbols"
)

func TestPlace(t *testing.T) {
	dir := t.TempDir()
	const text = "1000 T _text\n1100 t spin\n1200 T caller\n1300 T outer\n1400 D _etext\n"
	if err := os.WriteFile(filepath.Join(dir, "System.map"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	functions, err := symbols.Read(&kernel.Image{Symbols: filepath.Join(dir, "System.map")})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		p    qemu.Processor
		want string
	}{
		{qemu.Processor{PC: 0x400000, User: true, Stack: []uint64{0x1210}}, "a program, at 0x400000"},
		{qemu.Processor{PC: 0x1104, Halted: true}, "spin+0x4/0x100, waiting for an interrupt"},
		{qemu.Processor{PC: 0x1104, Link: 0x1208, Stack: []uint64{7, 0x1210, 0x1200, 0x1304, 0x1500}},
			"spin+0x4/0x100\n    on its stack, some perhaps from earlier:\n    caller+0x8/0x100\n    caller+0x10/0x100\n    outer+0x4/0x100"},
		{qemu.Processor{PC: 0x10}, "0x10, which is not the kernel"},
	} {
		if got := place(tt.p, functions); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.p, got, tt.want)
		}
	}
}
