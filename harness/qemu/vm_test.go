package qemu

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// emulator is the one that these tests start, with a machine that has nothing to boot.
const emulator = "qemu-system-x86_64"

var empty = Args("-M", "q35", "-accel", "tcg")

// start starts an empty machine.
func start(t *testing.T, ctx context.Context, options ...Option) *VM {
	t.Helper()
	vm, err := Start(ctx, emulator, append([]Option{empty}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(vm.Kill)
	return vm
}

// ended fails the test unless the machine has ended or soon does.
func ended(t *testing.T, vm *VM) {
	t.Helper()
	select {
	case <-vm.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("the emulator still runs")
	}
}

func TestKillEndsTheEmulator(t *testing.T) {
	vm := start(t, t.Context())
	vm.Kill()
	ended(t, vm)
	if err := vm.Wait(); err != nil {
		t.Errorf("Wait after Kill: %v", err)
	}
	if _, open := <-vm.Events(); open {
		t.Error("an event of a machine that has never done anything")
	}
	vm.Kill()
}

func TestContextEndsTheEmulator(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	vm := start(t, ctx)
	cancel()
	ended(t, vm)
}

func TestEmulatorThatDiesByItselfIsAnError(t *testing.T) {
	vm := start(t, t.Context())
	if _, err := vm.monitor.Run([]byte(`{"execute": "quit"}`)); err != nil {
		t.Fatal(err)
	}
	ended(t, vm)
	if err := vm.Wait(); err == nil {
		t.Error("an emulator that ended without being asked to is no error")
	}
}

func TestStartErrorsSayWhy(t *testing.T) {
	for _, tt := range []struct{ name, program, option, want string }{
		{"no such emulator", "qemu-system-nonesuch64", "-S", "apt-get install qemu-system-nonesuch"},
		{"wrong argument", emulator, "-nonsense", "-nonsense"},
	} {
		vm, err := Start(t.Context(), tt.program, empty, Args(tt.option))
		if err == nil {
			vm.Kill()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
}

// TestNothingIsLeft starts machines that run, fail, and are killed, and looks for what they leave in the directory of temporary files.
func TestNothingIsLeft(t *testing.T) {
	// Longer than the name of a socket may be.
	dir := filepath.Join(t.TempDir(), strings.Repeat("x", 120))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	running := start(t, t.Context(), Port("agent"), Console())
	if vm, err := Start(t.Context(), emulator, empty, Args("-nonsense")); err == nil {
		vm.Kill()
	}
	check := func(when string) {
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("%s there is %v", when, left)
		}
	}
	check("while a machine runs")
	running.Kill()
	check("after its end")
}

func TestDescriptorsAreClosed(t *testing.T) {
	count := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	start(t, t.Context()).Kill() // what the first start opens for good does not count
	before := count()
	start(t, t.Context(), Port("agent"), Console()).Kill()
	if after := count(); after > before {
		t.Errorf("%d descriptors are open after a machine's life, %d were before", after, before)
	}
}
