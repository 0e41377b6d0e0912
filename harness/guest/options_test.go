package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gpc/harness/kernel"
	"gpc/harness/machine"
)

// testConfig is the smallest configuration.
func testConfig(t *testing.T) Config {
	t.Helper()
	return Config{Kernel: &kernel.Image{Machine: machine.All()[0], Flavor: kernel.Vanilla, Name: "vanilla+a b/c"}, LogDir: t.TempDir()}
}

func TestCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string // part of the error, none if empty
	}{
		{"nothing said", func(*Config) {}, ""},
		{"everything said", func(c *Config) { c.SMP, c.Memory, c.NUMA, c.Timeout = 8, "2G", 4, time.Minute }, ""},
		{"negative processors", func(c *Config) { c.SMP = -1 }, "-1 processors"},
		{"nonsense for memory", func(c *Config) { c.Memory = "lots" }, "lots"},
		{"negative nodes", func(c *Config) { c.NUMA = -2 }, "-2 NUMA nodes"},
		{"more nodes than processors", func(c *Config) { c.NUMA, c.SMP = 3, 2 }, "3 NUMA nodes need"},
		{"memory that does not divide", func(c *Config) { c.NUMA, c.Memory = 3, "512M" }, "evenly"},
		{"negative timeout", func(c *Config) { c.Timeout = -time.Second }, "timeout"},
		{"disks", func(c *Config) { c.Disks = []string{"64M", "2G"} }, ""},
		{"nonsense for a disk", func(c *Config) { c.Disks = []string{"64M", "big"} }, `a disk: "big"`},
		{"missing directory", func(c *Config) { c.Files = []string{"/nonexistent"} }, "/nonexistent"},
		{"file for a directory", func(c *Config) { c.Files = []string{file} }, "not a directory"},
	} {
		c := testConfig(t)
		tt.change(&c)
		err := errors.Join(c.Check(), c.CheckFiles())
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestLogsArePruned(t *testing.T) {
	c := testConfig(t)
	other := filepath.Join(c.LogDir, "build.log")
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for range keptLogs + 3 {
		if _, err := c.newLog(); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() []string {
		logs, err := filepath.Glob(filepath.Join(c.LogDir, "console-*"))
		if err != nil {
			t.Fatal(err)
		}
		return logs
	}
	if n := len(kept()); n != keptLogs+3 {
		t.Errorf("of today's logs %d are kept, want all %d", n, keptLogs+3)
	}
	for _, path := range kept() {
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-2*keptFor)); err != nil {
			t.Fatal(err)
		}
	}
	newest, err := c.newLog()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(kept()); n != keptLogs {
		t.Errorf("of old logs %d are kept, want %d", n, keptLogs)
	}
	c.Log = filepath.Join(c.LogDir, "console-mine.log")
	if path, err := c.newLog(); path != c.Log || err != nil || len(kept()) != keptLogs+1 {
		t.Errorf("a log with a place of its own: %s, %v, with %d others", path, err, len(kept()))
	}
	for _, path := range []string{newest, other} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// TestKernelIsToldTheTime looks at what a kernel is told that it would else measure. Where the emulator counts instructions it measures
// rightly, and nothing may change.
func TestKernelIsToldTheTime(t *testing.T) {
	line := func(c Config) string {
		args, err := c.commandLine()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(args, " ")
	}
	for _, m := range machine.All() {
		c := testConfig(t)
		c.Kernel.Machine, c.Kernel.Config, c.Append = m, filepath.Join(t.TempDir(), ".config"), "mine last"
		if err := os.WriteFile(c.Kernel.Config, []byte("CONFIG_HZ=250\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		real := line(c)
		if told := strings.Contains(real, "tsc_early_khz=") || strings.Contains(real, "notsc"); told != m.TSC || !strings.HasSuffix(real, " mine last") {
			t.Errorf("%s: %q", m.Name, real)
		}
		c.ExtraArgs = []string{"-accel", "tcg,thread=single", "-icount", "shift=0"}
		if exact := line(c); exact != "console="+m.Console+" mine last" {
			t.Errorf("%s, exact: %q", m.Name, exact)
		}
	}
	if got := fmt.Sprint(tsc(2100000, 250), tsc(2100000, 0), tsc(0, 250)); got != "[tsc_early_khz=2100000 tsc=reliable lpj=8400000] [tsc_early_khz=2100000 tsc=reliable] [notsc]" {
		t.Errorf("got %q", got)
	}
}
