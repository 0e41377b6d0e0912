package guest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"gpc/harness/complaint"
	"gpc/harness/guest"
	"gpc/harness/initramfs"
	"gpc/harness/kernel"
	"gpc/harness/lines"
	"gpc/harness/machine"
	"gpc/harness/qemu"
)

// patience is how long a guest of these tests may live at most; a healthy one needs seconds.
const patience = 5 * time.Minute

// eachMachine runs a test on every machine, with a guest that has booted before or will.
func eachMachine(t *testing.T, test func(*testing.T, guest.Config)) {
	eachFlavored(t, kernel.Release, test)
}

// eachFlavored is eachMachine with a flavor of kernel.
func eachFlavored(t *testing.T, f kernel.Flavor, test func(*testing.T, guest.Config)) {
	for _, m := range machine.All() {
		t.Run(m.Name, func(t *testing.T) { test(t, flavored(t, m, f)) })
	}
}

// kernelOf is a kernel of one machine, by its name.
type kernelOf struct {
	machine *machine.Machine
	name    string
}

// built holds the kernels and initramfs that the tests of this process share.
var built sync.Map

// config returns a guest of machine m.
func config(t *testing.T, m *machine.Machine) guest.Config {
	t.Helper()
	return flavored(t, m, kernel.Release)
}

// flavored returns a guest of machine m with a kernel of flavor f.
func flavored(t *testing.T, m *machine.Machine, f kernel.Flavor) guest.Config {
	t.Helper()
	return specified(t, m, kernel.Spec{Flavor: f})
}

// specified returns a guest of machine m with the kernel that a spec describes.
func specified(t *testing.T, m *machine.Machine, s kernel.Spec) guest.Config {
	t.Helper()
	build, _ := built.LoadOrStore(kernelOf{m, s.Name()}, sync.OnceValues(func() (guest.Config, error) { return buildConfig(m, s) }))
	c, err := build.(func() (guest.Config, error))()
	if err != nil {
		t.Fatal(err)
	}
	c.LogDir = t.TempDir()
	return c
}

func buildConfig(m *machine.Machine, s kernel.Spec) (c guest.Config, err error) {
	ctx := context.Background()
	lab, err := kernel.OpenLab()
	if err != nil {
		return c, err
	}
	c.Timeout = patience
	if c.Kernel, err = lab.Kernel(ctx, m, s); err != nil {
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

// put writes a file below dir.
func put(t *testing.T, dir, name, content string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "bin/greet", "#!/bin/sh -e\necho hello $1\n", 0o755)
	put(t, dir, "sbin/tool", "#!/bin/sh\necho tool\n", 0o755)
	put(t, dir, "tmp/data", "data\n", 0o600)
	put(t, dir, "usr/share/deep/file", "deep\n", 0o644)
	if err := os.Link(filepath.Join(dir, "tmp/data"), filepath.Join(dir, "tmp/same")); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	const commands = "greet you; tool; cat /tmp/data /tmp/same /usr/share/deep/file; stat -c '%a %n' / /tmp /sbin/. /tmp/data; [ -x /sbin/ls ] && echo linked"
	const want = "hello you\ntool\ndata\ndata\ndeep\n755 /\n1777 /tmp\n755 /sbin/.\n600 /tmp/data\nlinked\n"
	eachMachine(t, func(t *testing.T, c guest.Config) {
		c.Files = []string{link}
		if _, stdout, stderr := run(t, c, script(commands)); stdout != want {
			t.Errorf("output %q, error output %q; want %q", stdout, stderr, want)
		}
	})
}

func TestFilesThatWouldNotBeThere(t *testing.T) {
	c := config(t, machine.All()[0])
	hidden, clash := t.TempDir(), t.TempDir()
	put(t, hidden, "dev/shm/f", "", 0o644)
	put(t, clash, "etc", "", 0o644)
	for dir, want := range map[string]string{hidden: "hidden", clash: "the guest has one there"} {
		c.Files = []string{dir}
		if _, err := guest.Run(t.Context(), c, script("true")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

// TestBytes takes bytes that are no text to the guest and back.
func TestBytes(t *testing.T) {
	const odd = "a\xffb\x80 \n'\t\xc3"
	c := config(t, machine.All()[0])
	dir := t.TempDir()
	put(t, dir, odd+"/f", "", 0o644)
	c.Files = []string{dir}
	job := guest.Job{Argv: []string{"sh", "-c", `printf %s "$1"; printf %s "$ODD"; printf %s "${PWD#/}"`, "sh", odd}, Env: []string{"ODD=" + odd}, Dir: "/" + odd}
	if _, stdout, stderr := run(t, c, job); stdout != odd+odd+odd {
		t.Errorf("output %q, error output %q; want three times %q", stdout, stderr, odd)
	}
}

// TestJobs of all sizes: those that a kernel executes, those that it does not, and those that cannot even be told to it.
func TestSizesOfJobs(t *testing.T) {
	c := config(t, machine.All()[0])
	argument := strings.Repeat("x", 120<<10)
	many := func(n int) []string {
		argv := []string{"sh", "-c", `echo $#`, "sh"}
		for range n {
			argv = append(argv, argument)
		}
		return argv
	}
	if _, stdout, stderr := run(t, c, guest.Job{Argv: many(12)}); stdout != "12\n" {
		t.Errorf("12 arguments: output %q, error output %q", stdout, stderr)
	}
	if result, _, stderr := run(t, c, guest.Job{Argv: many(25)}); result.ExitStatus != 126 {
		t.Errorf("25 arguments: status %d, error output %q", result.ExitStatus, stderr)
	}
	if result, err := guest.Run(t.Context(), c, guest.Job{Argv: many(40)}); err == nil || !strings.Contains(err.Error(), "too large") || result.ConsoleLog != "" {
		t.Errorf("40 arguments: error %v, console %q; want an error before the guest boots", err, result.ConsoleLog)
	}
}

func TestPlacesInDev(t *testing.T) {
	c := config(t, machine.All()[0])
	const commands = "echo in | cat /dev/stdin; echo out >/dev/stdout; echo err >/dev/stderr; echo three 3>/tmp/f >/dev/fd/3; cat /tmp/f"
	if _, stdout, stderr := run(t, c, script(commands)); stdout != "in\nout\nthree\n" || stderr != "err\n" {
		t.Errorf("output %q, error output %q", stdout, stderr)
	}
}

// TestShell asks the guest's shell for what a shell is for.
func TestShell(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		for _, tt := range []struct{ name, commands, stdout string }{
			{"a job's number and its status", `(exit 5) & wait $!; echo $?; sleep 100 & kill $!; wait $!; echo $?`, "5\n143\n"},
			{"subshells are processes", `mkdir /dev/container/c; (echo 0 >/dev/container/c/tasks; cut -d: -f2 /proc/self/container); cut -d: -f2 /proc/self/container; sleep 100 & ` +
				`echo $! >/dev/container/c/tasks; [ "$(cat /dev/container/c/tasks)" = $! ] && echo same; rmdir /dev/container/c 2>/dev/null || echo busy`,
				"/c\n/\nsame\nbusy\n"},
			{"a write that the kernel refuses", `echo 4194305 >/dev/container/tasks 2>/dev/null; echo $?; echo x 2>&1 >/dev/full; echo $?`, "1\nsh: write error: No space left on device\n1\n"},
			{"sh -e", `printf 'false\necho not reached\n' >/tmp/s; sh -e /tmp/s; echo $?`, "1\n"},
			{"sh -s", `echo 'echo $1' | sh -s one`, "one\n"},
			{"umask, ulimit and trap", `umask 027; umask; ulimit -n 77; ulimit -n; trap 'echo trapped' USR1; kill -USR1 $$; echo on`, "0027\n77\ntrapped\non\n"},
			{"mountpoint and remount", `mountpoint -q /proc && echo yes; mkdir /tmp/m; mount -t tmpfs none /tmp/m; mount -o remount,ro /tmp/m; touch /tmp/m/f 2>/dev/null || echo read-only`,
				"yes\nread-only\n"},
			{"commands of both kinds", `cd /bin; echo $(readlink sh) $(readlink ls) $(which awk) $(which ls) $(which mount)`, "busybox bb /usr/bin/awk /bin/ls /usr/bin/mount\n"},
		} {
			if _, stdout, stderr := run(t, c, script(tt.commands)); stdout != tt.stdout {
				t.Errorf("%s: output %q, error output %q; want %q", tt.name, stdout, stderr, tt.stdout)
			}
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

// TestPanicBeforeItsDevice keeps the panic device's driver away: the host hears of the panic from the console alone.
func TestPanicBeforeItsDevice(t *testing.T) {
	c := config(t, machine.All()[0])
	c.Append = "initcall_blacklist=pvpanic_pci_driver_init init=/nonexistent"
	_, err := guest.Run(t.Context(), c, script("true"))
	var panicked *guest.PanicError
	if !errors.As(err, &panicked) {
		t.Fatalf("error %v, want a PanicError", err)
	}
	if !strings.Contains(panicked.Text, "Kernel panic - not syncing") || !strings.Contains(panicked.Text, "Call Trace:") {
		t.Errorf("the panic's text is\n%s", panicked.Text)
	}
}

func TestPanicWithoutInitramfs(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		broken := filepath.Join(t.TempDir(), "initramfs")
		if err := os.WriteFile(broken, []byte("not an archive"), 0o644); err != nil {
			t.Fatal(err)
		}
		c.Initramfs = broken
		var panicked *guest.PanicError
		if _, err := guest.Run(t.Context(), c, script("true")); !errors.As(err, &panicked) {
			t.Errorf("error %v, want a PanicError", err)
		}
	})
}

// TestHang boots a guest whose first process does nothing, with a kernel that has nothing to say.
func TestHang(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		dir := t.TempDir()
		put(t, dir, "bin/nothing", "#!/bin/sh\nwhile :; do :; done\n", 0o755)
		c.Files, c.Append, c.Silence = []string{dir}, "init=/bin/nothing", 10*time.Second
		_, err := guest.Run(t.Context(), c, script("true"))
		var stuck *guest.StuckError
		if !errors.As(err, &stuck) || !stuck.Silent {
			t.Fatalf("error %v, want a StuckError for silence", err)
		}
		checkPlaces(t, stuck.Where)
	})
}

// checkPlaces fails the test unless where tells of four processors at what place they are. What that is nobody can know.
func checkPlaces(t *testing.T, where string) {
	t.Helper()
	for n := range 4 {
		known := regexp.MustCompile(fmt.Sprintf(`(?m)^processor %d: (?:a program, at 0x|\w+\+0x)`, n))
		if !known.MatchString(where) {
			t.Errorf("where processor %d was is not told:\n%s", n, where)
		}
	}
}

func TestTaint(t *testing.T) {
	const warned = 1 << 9
	eachMachine(t, func(t *testing.T, c guest.Config) {
		result, err := guest.Run(t.Context(), c, script("echo 512 >/proc/sys/kernel/tainted"))
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Complaints) != 1 || result.Taint != warned {
			t.Errorf("%d complaints, taint %#x; want 1 and %#x", len(result.Complaints), result.Taint, warned)
		}
	})
}

// TestProgramsDoNotSpeakForTheKernel lets programs print what the kernel might.
func TestProgramsDoNotSpeakForTheKernel(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		_, _, stderr := run(t, c, script("echo '[    1.234567] WARNING: x' >/dev/console; echo '[    1.3] Kernel panic - not syncing: x' >/dev/console; "+
			"echo '<4>WARNING: x' >/dev/kmsg; echo '<0>BUG: KASAN: x' >/dev/kmsg"))
		if stderr != "" {
			t.Errorf("error output %q", stderr)
		}
	})
}

// provoke is a job that lets the kernel's own dump test provoke something, and does not end for a while.
func provoke(what string, afterwards string) guest.Job {
	return script("echo " + what + " >/sys/kernel/debug/provoke-crash/DIRECT; " + afterwards)
}

// TestComplaints provokes complaints of all kinds.
func TestComplaints(t *testing.T) {
	eachFlavored(t, kernel.Debug, func(t *testing.T, c guest.Config) {
		result, err := guest.Run(t.Context(), c, provoke("WARNING", "exit 3"))
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Complaints) != 1 || !strings.Contains(result.Complaints[0].Text, "lkdtm_WARNING") || !strings.Contains(result.Complaints[0].Text, "end trace") {
			t.Errorf("complaints:\n%s", complaint.Join(result.Complaints))
		}
		if result.ExitStatus != 3 {
			t.Errorf("status %d, want 3", result.ExitStatus)
		}
		c.Dump = filepath.Join(t.TempDir(), "a core, its name")
		c.Explain = func(text string) string { return lines.Annotate(t.Context(), c.Kernel, text) }
		result, err = guest.Run(t.Context(), c, provoke("EXCEPTION", ""))
		var panicked *guest.PanicError
		if !errors.As(err, &panicked) || !strings.Contains(panicked.Text, "lkdtm_EXCEPTION") || !strings.Contains(panicked.Text, "Kernel panic - not syncing") {
			t.Fatalf("error %v, want a PanicError", err)
		}
		checkLines(t, panicked.Text, "lkdtm_EXCEPTION", "drivers/misc/lkdtm/bugs.c:")
		if result.Dump != c.Dump {
			t.Fatalf("there is no dump: %v", err)
		}
		checkDump(t, c)
	})
}

// checkLines looks for a function in a text, and for its line of source behind it.
func checkLines(t *testing.T, text, function, line string) {
	t.Helper()
	if !regexp.MustCompile(`\b` + function + `\+0x\w+/0x\w+ \[` + regexp.QuoteMeta(line) + `\d+`).MatchString(text) {
		t.Errorf("nothing tells that %s is in %s:\n%s", function, line, text)
	}
}

// TestCorruptMemory lets a kernel with KASAN write to memory that it has freed, and the job go on for ever.
func TestCorruptMemory(t *testing.T) {
	c := flavored(t, machine.All()[0], kernel.Debug)
	c.Explain = func(text string) string { return lines.Annotate(t.Context(), c.Kernel, text) }
	_, err := guest.Run(t.Context(), c, provoke("WRITE_AFTER_FREE", "sleep 1000"))
	var corrupt *guest.CorruptError
	if !errors.As(err, &corrupt) {
		t.Fatalf("error %v, want a CorruptError", err)
	}
	for _, want := range []string{"BUG: KASAN: slab-use-after-free in lkdtm_WRITE_AFTER_FREE", "Allocated by task", "Freed by task", "Memory state around the buggy address"} {
		if !strings.Contains(corrupt.Text, want) {
			t.Errorf("no %q in the report:\n%s", want, corrupt.Text)
		}
	}
	checkLines(t, corrupt.Text, "lkdtm_WRITE_AFTER_FREE", "drivers/misc/lkdtm/heap.c:")
}

// TestProcessorsThatHang locks up all processors, interrupts off, after which nobody answers.
func TestProcessorsThatHang(t *testing.T) {
	eachFlavored(t, kernel.Debug, func(t *testing.T, c guest.Config) {
		c.SMP, c.Silence = 1, 15*time.Second
		c.Explain = func(text string) string { return lines.Annotate(t.Context(), c.Kernel, text) }
		_, err := guest.Run(t.Context(), c, provoke("HARDLOCKUP", ""))
		var stuck *guest.StuckError
		if !errors.As(err, &stuck) || !stuck.Silent || !strings.Contains(stuck.Where, "lkdtm_HARDLOCKUP") {
			t.Fatalf("error %v, want a StuckError that names lkdtm_HARDLOCKUP", err)
		}
		checkLines(t, stuck.Where, "lkdtm_HARDLOCKUP", "drivers/misc/lkdtm/bugs.c:")
	})
}

func TestGuestThatEndsTooEarly(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		for command, kind := range map[string]qemu.EventKind{
			"poweroff": qemu.PoweredOff, "poweroff -f": qemu.PoweredOff, "halt": qemu.PoweredOff, "reboot": qemu.WasReset, "shutdown -r now": qemu.WasReset,
		} {
			var out bytes.Buffer
			// What it says comes back to it, so it goes on when that has arrived: one that is off at once loses what is under way.
			in, heard := io.Pipe()
			job := script("echo before; read line; " + command + "; sleep 1000")
			job.Stdin, job.Stdout = in, io.MultiWriter(&out, heard)
			_, err := guest.Run(t.Context(), c, job)
			heard.Close()
			var ended *guest.EndedError
			if !errors.As(err, &ended) || ended.Kind != kind || out.String() != "before\n" {
				t.Errorf("%s: error %v, want one that says the guest %v; output %q", command, err, kind, &out)
			}
		}
	})
}

func TestTimeout(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		c.Timeout = 20 * time.Second
		_, err := guest.Run(t.Context(), c, script("while :; do :; done & sleep 1000"))
		var stuck *guest.StuckError
		if !errors.As(err, &stuck) || stuck.Silent {
			t.Fatalf("error %v, want a StuckError for the time", err)
		}
		checkPlaces(t, stuck.Where)
	})
}

// TestClockOfTheGuest compares what passes in the guest with what passes here, bounds on both sides.
func TestClockOfTheGuest(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		// A clock that is off would be among the complaints, which run looks at.
		run(t, c, script("sleep 5"))
	})
}

// TestBusyHost boots guests while the host has more to do than it can. What the kernel knows of its clocks must not depend on that; run looks at
// complaints, of the clock too.
func TestBusyHost(t *testing.T) {
	eachMachine(t, func(t *testing.T, c guest.Config) {
		ctx, idle := context.WithCancel(t.Context())
		var busy sync.WaitGroup
		defer busy.Wait() // and no longer: other guests are tested meanwhile
		defer idle()
		for range 6 * runtime.NumCPU() {
			cmd := exec.CommandContext(ctx, "sh", "-c", "while :; do :; done")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			busy.Go(func() { cmd.Wait() })
		}
		_, stdout, _ := run(t, c, script("sleep 2; echo well"))
		if stdout != "well\n" {
			t.Errorf("output %q", stdout)
		}
	})
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
