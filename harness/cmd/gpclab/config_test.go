package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOptionsThatCannotBe gives all commands that build kernels options that no kernel can be built with. The source is a makefile that takes all
// but one.
func TestOptionsThatCannotBe(t *testing.T) {
	dir := laboratory(t, "")
	userspace, err := filepath.Abs("../../../userspace")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(userspace, filepath.Join(dir, "userspace")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"linux/Makefile": "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\nallnoconfig:\n\t@grep -v -e DROPPED -e UNKNOWN $(KCONFIG_ALLCONFIG) >$(O)/.config\n",
		"linux/Kconfig":  "config DROPPED\n\tdepends on WHAT_IS_OFF\n",
		"dropped.config": "CONFIG_DROPPED=y\n",
		"unknown.config": "CONFIG_UNKNOWN=y\n",
		"words.config":   "CONFIG_DROPPED please\n",
		"off.config":     "# CONFIG_VIRTIO_CONSOLE is not set\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range []string{"boot --arch x86_64 %s -- true", "build --arch x86_64 %s", "test --arch x86_64 --flavor release %s", "bench --arch x86_64 %s",
		"bench --arch x86_64 --kernel release --against cgroup %s"} {
		for options, want := range map[string]string{
			"--config dropped.config":                         "CONFIG_DROPPED is n, not y, as dropped.config asks: see Kconfig:1\n",
			"--config unknown.config":                         "CONFIG_UNKNOWN, of which unknown.config speaks, is no option of this kernel source on x86_64\n",
			"--config words.config":                           "words.config:1: this gives no option a value: write CONFIG_NAME=y, or # CONFIG_NAME is not set\n",
			"--config nonesuch":                               "there is no file nonesuch with options, nor has images/config any of that name\n",
			"--config sub/nonesuch":                           "there is no file sub/nonesuch with options\n",
			"--config linux":                                  "linux is a directory, and not a file with options\n",
			"--config off.config":                             "no guest comes up without CONFIG_VIRTIO_CONSOLE=y, and the options that were asked for leave that out\n",
			"--config words.config --config ./dropped.config": "words.config:1: ",
		} {
			args := strings.Fields(strings.Replace(command, "%s", options, 1))
			cmd, _ := gpclab(t, args...)
			cmd.Dir = dir
			cmd.Env = append(cmd.Env, "LINUX_SRC="+filepath.Join(dir, "linux"))
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != statusNotTested || !bytes.Contains(out, []byte(want)) {
				t.Errorf("gpclab %q: %v, want exit status %d; it said\n%s\nwant %q in it", args, err, statusNotTested, out, want)
			}
		}
	}
}

// TestEmptyConfig is what a script types whose variable is empty.
func TestEmptyConfig(t *testing.T) {
	for _, args := range [][]string{{"boot"}, {"build"}, {"test"}, {"bench"}, {"watch", "--run", "TestX"}} {
		cmd, _ := gpclab(t, append(args, "--config", "")...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != statusUsage || !bytes.Contains(out, []byte("--config needs the name of a file")) {
			t.Errorf("gpclab %q --config '': %v, want exit status %d; it said\n%s", args, err, statusUsage, out)
		}
	}
}
