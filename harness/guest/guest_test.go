package guest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gpc/harness/complaint"
	"gpc/harness/guest"
	"gpc/harness/initramfs"
	"gpc/harness/kernel"
	"gpc/harness/machine"
	"gpc/harness/qemu"
)

// patience is how long a guest of these tests may live at most; a healthy one needs seconds.
const patience = 5 * time.Minute

// eachMachine runs a test on every machine, with a guest that has booted before or will.
func eachMachine(t *testing.T, test func(*testing.T, guest.Config)) {
	for _, m := range machine.All() {
		t.Run(m.Name, func(t *testing.T) { test(t, config(t, m)) })
	}
}

// built holds the kernels and initramfs that the tests of this process share.
var built sync.Map

// config returns a guest of machine m.
func config(t *testing.T, m *machine.Machine) guest.Config {
	t.Helper()
	build, _ := built.LoadOrStore(m, sync.OnceValues(func() (guest.Config, error) { return buildConfig(m) }))
	c, err := build.(func() (guest.Config, error))()
	if err != nil {
		t.Fatal(err)
	}
	c.LogDir = t.TempDir()
	return c
}

func buildConfig(m *machine.Machine) (c guest.Config, err error) {
	ctx := context.Background()
	lab, err := kernel.OpenLab()
	if err != nil {
		return c, err
	}
	c.Timeout = patience
	if c.Kernel, err = lab.Build(ctx, m, kernel.Release); err != nil {
		return c, err
	}
	c.Initramfs, err = initramfs.Build(ctx, lab.Root(), lab.BuildDir(), m)
	return c, err
}

// script is a job for the guest's shell.
func script(commands string) guest.Job { return guest.Job{Argv: []string{"sh", "-c", commands}} }

// run runs a job that a healthy guest ends, and returns its output.
func run(t *testing.T, c guest.Config, job guest.Job) (result guest.Result, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	job.Stdout, job.Stderr = &out, &errOut
	result, err := guest.Run(t.Context(), c, job)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Complaints) > 0 {
		t.Errorf("the kernel complained:\n%s", complaint.Join(result.Complaints))
	}
	return result, out.String(), errOut.String()
}

func TestRun(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		for _, tt := range []struct {
			name           string
			job            guest.Job
			status         int
			stdout, stderr string
		}{
			{name: "streams and status", job: script("echo out; echo err >&2; exit 7"), status: 7, stdout: "out\n", stderr: "err\n"},
			{name: "no such command", job: guest.Job{Argv: []string{"nonesuch"}}, status: 127, stderr: "nonesuch: command not found\n"},
			{name: "not executable", job: guest.Job{Argv: []string{"/etc/passwd"}}, status: 126, stderr: "/etc/passwd: permission denied\n"},
			{name: "killed", job: script("kill -9 $$"), status: 128 + 9},
			{name: "input", job: guest.Job{Argv: []string{"sort"}, Stdin: strings.NewReader("b\na\n")}, stdout: "a\nb\n"},
			{name: "script", job: guest.Job{Stdin: strings.NewReader("cd /proc\npwd\nfalse\n")}, status: 1, stdout: "/proc\n"},
			{name: "environment", job: guest.Job{Argv: []string{"sh", "-c", "echo $GREETING; pwd"}, Env: []string{"GREETING=hello"}, Dir: "/tmp"},
				stdout: "hello\n/tmp\n"},
			{name: "something left running", job: script("sleep 1000 & echo done"), stdout: "done\n"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				result, stdout, stderr := run(t, c, tt.job)
				if result.ExitStatus != tt.status || stdout != tt.stdout || stderr != tt.stderr {
					t.Errorf("status %d, output %q, error output %q; want %d, %q, %q",
						result.ExitStatus, stdout, stderr, tt.status, tt.stdout, tt.stderr)
				}
			})
		}
	})
}

// counter counts the bytes written to it, all of which must be zero.
type counter struct{ n int }

func (c *counter) Write(p []byte) (int, error) {
	if i := bytes.IndexFunc(p, func(r rune) bool { return r != 0 }); i >= 0 {
		return i, errors.New("a byte is not what the guest has sent")
	}
	c.n += len(p)
	return len(p), nil
}

func TestMuchOutputArrivesWhole(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		const size = 32 << 20
		var out counter
		job := guest.Job{Argv: []string{"dd", "if=/dev/zero", "bs=1048576", "count=32"}, Stdout: &out}
		if _, err := guest.Run(t.Context(), c, job); err != nil {
			t.Fatal(err)
		}
		if out.n != size {
			t.Errorf("%d bytes arrived, %d were sent", out.n, size)
		}
	})
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/greet"), []byte("#!/bin/sh\necho hello $1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	eachMachine(t, func(t *testing.T, c guest.Config) {
		c.Files = []string{dir}
		if _, stdout, stderr := run(t, c, guest.Job{Argv: []string{"greet", "you"}}); stdout != "hello you\n" {
			t.Errorf("output %q, error output %q", stdout, stderr)
		}
	})
}

func TestProcessorsMemoryAndNodes(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		c.SMP, c.NUMA, c.Memory, c.Append = 3, 2, "1G", "marker"
		_, stdout, _ := run(t, c, script("cat /sys/devices/system/cpu/online /sys/devices/system/node/online /proc/cmdline"))
		if !strings.HasPrefix(stdout, "0-2\n0-1\n") || !strings.Contains(stdout, " marker") {
			t.Errorf("the guest has %q, want processors 0-2, nodes 0-1 and the marker", stdout)
		}
	})
}

func TestPanic(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		c.Append = "init=/nonexistent"
		result, err := guest.Run(t.Context(), c, script("true"))
		var panicked *guest.PanicError
		if !errors.As(err, &panicked) {
			t.Fatalf("error %v, want a PanicError", err)
		}
		for _, want := range []string{"init=/nonexistent", "Kernel panic - not syncing", "Call Trace:"} {
			if !strings.Contains(panicked.Text, want) {
				t.Errorf("the panic's text has no %q:\n%s", want, panicked.Text)
			}
		}
		if len(result.Complaints) == 0 {
			t.Error("the panic is not among the complaints")
		}
		if _, err := os.Stat(result.ConsoleLog); err != nil {
			t.Error(err)
		}
	})
}

func TestComplaints(t *testing.T) {
	const warned = 1 << 9
	eachMachine(t, func(t *testing.T, c guest.Config) {
		for name, command := range map[string]string{
			"on the console":    "echo '<4>WARNING: provoked' >/dev/kmsg",
			"in the taint mask": "echo 512 >/proc/sys/kernel/tainted",
		} {
			result, err := guest.Run(t.Context(), c, script(command))
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Complaints) != 1 {
				t.Errorf("%s: %d complaints, want 1", name, len(result.Complaints))
			}
			if tainted := name == "in the taint mask"; (result.Taint == warned) != tainted {
				t.Errorf("%s: taint %#x", name, result.Taint)
			}
		}
	})
}

func TestGuestThatEndsTooEarly(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		for command, kind := range map[string]qemu.EventKind{"poweroff": qemu.PoweredOff, "shutdown -r now": qemu.WasReset} {
			_, err := guest.Run(t.Context(), c, script(command+"; sleep 1000"))
			var ended *guest.EndedError
			if !errors.As(err, &ended) || ended.Kind != kind {
				t.Errorf("%s: error %v, want one that says the guest %v", command, err, kind)
			}
		}
	})
}

func TestTimeout(t *testing.T) {
	c := config(t, machine.All()[0])
	c.Timeout = 3 * time.Second
	_, err := guest.Run(t.Context(), c, script("sleep 1000"))
	var timeout *guest.TimeoutError
	if !errors.As(err, &timeout) {
		t.Errorf("error %v, want a TimeoutError", err)
	}
}

// canceller ends a context at the first output.
type canceller context.CancelFunc

func (c canceller) Write(p []byte) (int, error) {
	c()
	return len(p), nil
}

func TestCancel(t *testing.T) {
	c := config(t, machine.All()[0])
	ctx, cancel := context.WithCancel(t.Context())
	job := script("echo up; sleep 1000")
	job.Stdout = canceller(cancel)
	if _, err := guest.Run(ctx, c, job); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// broken takes no output.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestOutputNobodyTakes(t *testing.T) {
	job := script("echo up; sleep 1000")
	job.Stdout = broken{}
	if _, err := guest.Run(t.Context(), config(t, machine.All()[0]), job); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v, want io.ErrClosedPipe", err)
	}
}
