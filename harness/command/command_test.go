package command

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFailedCommandShowsTheReason(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	err := Command{Log: log}.Run(t.Context(), "sh", "-c", "echo noise; echo 'x.c:1: error: no such thing'; exit 2")
	if err == nil || !strings.Contains(err.Error(), "no such thing") || strings.Contains(err.Error(), "noise") || !strings.Contains(err.Error(), log) {
		t.Errorf("run: %v", err)
	}
}

// TestCancelEndsAllProcesses starts a grandchild that keeps the output open: Run returns only when it has ended too.
func TestCancelEndsAllProcesses(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := Command{Log: filepath.Join(t.TempDir(), "log"), Line: func(string) { cancel() }}
	if err := c.Run(ctx, "sh", "-c", "sleep 1000 & echo started; wait"); err != context.Canceled {
		t.Errorf("run: %v, want %v", err, context.Canceled)
	}
}

// TestNothingLeaksIntoPrograms sets what would change a build, and looks for it where programs look.
func TestNothingLeaksIntoPrograms(t *testing.T) {
	for _, name := range []string{"ARCH", "CROSS_COMPILE", "KCFLAGS", "LLVM", "MAKEFLAGS", "W", "CPATH", "KBUILD_OUTPUT", "LANG", "TAR_OPTIONS"} {
		t.Setenv(name, "leaked")
	}
	t.Setenv("CCACHE_DIR", "/a/cache")
	for name, env := range map[string][]string{"by default": nil, "cached": Cached("/root/of/it", "MORE=1")} {
		log := filepath.Join(t.TempDir(), "log")
		if err := (Command{Log: log, Env: env}).Run(t.Context(), "env"); err != nil {
			t.Fatal(err)
		}
		seen, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(seen), "leaked") || !strings.Contains(string(seen), "CCACHE_DIR=/a/cache\n") || !strings.Contains(string(seen), "PATH=") {
			t.Errorf("%s: a program sees\n%s", name, seen)
		}
		if env != nil && (!strings.Contains(string(seen), "CCACHE_BASEDIR=/root/of/it\n") || !strings.Contains(string(seen), "MORE=1\n")) {
			t.Errorf("%s: a program does not see what it was given:\n%s", name, seen)
		}
	}
}

// TestCacheKnowsFolders compiles the same file in two folders: what has debug information names the folder where it was compiled, and what has none is
// the same.
func TestCacheKnowsFolders(t *testing.T) {
	root := t.TempDir()
	t.Setenv("CCACHE_DIR", t.TempDir())
	objects := map[string][]byte{}
	for _, clone := range []string{"one", "two"} {
		dir := filepath.Join(root, clone)
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "x.c"), []byte("int x;\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		for _, debug := range []string{"-g", "-g0"} {
			object := filepath.Join(dir, "x.o"+debug)
			c := Command{Dir: dir, Env: Cached(dir), Log: filepath.Join(root, "log")}
			if err := c.Run(t.Context(), "ccache", "gcc", debug, "-c", "-o", object, "x.c"); err != nil {
				t.Fatal(err)
			}
			var err error
			if objects[clone+debug], err = os.ReadFile(object); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Contains(objects[clone+"-g"], []byte(dir)) {
			t.Errorf("the debug information of %s does not name it", dir)
		}
	}
	if !bytes.Equal(objects["one-g0"], objects["two-g0"]) {
		t.Error("the folder is in objects without debug information")
	}
}
