package guest

import (
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
	return Config{Kernel: &kernel.Image{Machine: machine.All()[0], Flavor: kernel.Vanilla}, LogDir: t.TempDir()}
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
		{"missing directory", func(c *Config) { c.Files = []string{"/nonexistent"} }, "/nonexistent"},
		{"file for a directory", func(c *Config) { c.Files = []string{file} }, "not a directory"},
	} {
		c := testConfig(t)
		tt.change(&c)
		err := c.Check()
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
	var newest string
	for range keptLogs + 3 {
		var err error
		if newest, err = newLog(c); err != nil {
			t.Fatal(err)
		}
	}
	logs, err := filepath.Glob(filepath.Join(c.LogDir, "console-*"))
	if err != nil || len(logs) != keptLogs {
		t.Errorf("%d logs are kept, want %d (%v)", len(logs), keptLogs, err)
	}
	for _, path := range []string{newest, other} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}
