package guest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestConsole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := followConsole(path)
	c.grown = time.Time{}
	for _, step := range []struct {
		written                     string
		grown, complained, panicked bool
	}{
		{"", false, false, false},
		{"[    0.000000] Linux version 6.12\r\n[    0.1000", true, false, false},
		{"", false, false, false},
		{"00] BUG: unable to handle page fault\r\nKernel panic - not syncing: said a program\r\n", true, true, false},
		{"[    0.200000] Kernel panic - not syncing: IO-APIC + timer doesn't work!", true, true, false},
		{"\r\n", true, true, true},
	} {
		if _, err := f.WriteString(step.written); err != nil {
			t.Fatal(err)
		}
		c.grown = time.Time{}
		if err := c.look(); err != nil {
			t.Fatal(err)
		}
		if !c.grown.IsZero() != step.grown || c.complained != step.complained || c.panicked != step.panicked {
			t.Errorf("after %q: %+v, want %+v", step.written, *c, step)
		}
	}
}
