package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/harness/pty"
)

// program is the path of gpclab as a user runs it: a test binary in its place would leave other files behind.
var program string

func TestMain(m *testing.M) {
	os.Exit(runWithProgram(m))
}

// runWithProgram builds gpclab and runs the tests.
func runWithProgram(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gpclab-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "gpclab")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// gpclab is a command that runs gpclab, with a directory of its own for temporary files.
func gpclab(t *testing.T, args ...string) (cmd *exec.Cmd, tmp string) {
	t.Helper()
	tmp = t.TempDir()
	cmd = exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	return cmd, tmp
}

func TestBootRefusesWrongFlags(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"--arch sparc", "choose one of"},
		{"--flavor sweet", "sweet"},
		{"--arch ppc64 --flavor vtime", "no flavor vtime for ppc64"},
		{"--smp 0", "at least 1 processor"},
		{"--smp some", "some"},
		{"--mem lots", "not a size"},
		{"--disk huge", "a disk"},
		{"--numa 0", "at least 1 node"},
		{"--numa 5 --smp 4", "as many processors"},
		{"--numa 3 --mem 512M", "evenly"},
		{"--timeout -1s", "timeout"},
		{"--kernel x --series y", "takes a kernel as it is"},
		{"--kernel x --config y", "takes a kernel as it is"},
		{"--share :ro", "begins with a directory"},
		{"--share /etc:/", "the guest's root"},
		{"--nonsense", "nonsense"},
		{"ls", "put -- before"},
	} {
		cmd, _ := gpclab(t, append([]string{"boot"}, strings.Fields(tt.args)...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != statusUsage {
			t.Errorf("boot %s: %v, want exit status %d", tt.args, err, statusUsage)
		}
		if said := stderr.String(); !strings.Contains(said, tt.want) || strings.Count(said, "\n") != 1 {
			t.Errorf("boot %s: said %q, want one line with %q", tt.args, said, tt.want)
		}
	}
}

func TestBootStatus(t *testing.T) {
	for _, tt := range []struct {
		name   string
		args   []string
		stdin  string
		status int
		stdout string
		stderr string // a part
	}{
		{"command", []string{"--", "sh", "-c", "echo out; echo err >&2; exit 3"}, "", 3, "out\n", "err\n"},
		{"script", nil, "echo one\necho two\n", 0, "one\ntwo\n", ""},
		{"nothing to do", nil, "", 0, "", ""},
		{"script that powers off", nil, "echo off\npoweroff\nsleep 1000\n", 0, "off\n", ""},
		{"panic", []string{"--append", "init=/nonexistent", "--", "true"}, "", statusPanicked, "", "Kernel panic - not syncing"},
		{"timeout", []string{"--timeout", "3s", "--", "sleep", "1000"}, "", statusNotDone, "", "not done after 3s"},
		{"complaint", []string{"--", "sh", "-c", "echo 512 >/proc/sys/kernel/tainted"}, "", statusComplained, "", "tainted W"},
		{"what only looks like one", []string{"--", "sh", "-c", "echo '[    1.234567] WARNING: x' >/dev/console"}, "", 0, "", ""},
		{"command that is too large", []string{"--", "echo", strings.Repeat("x", 120<<10)}, "", 0, strings.Repeat("x", 120<<10) + "\n", ""},
		{"guest that ends too early", []string{"--", "sh", "-c", "poweroff; sleep 1000"}, "", statusPanicked, "", "powered off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd, tmp := gpclab(t, append([]string{"boot", "--arch", "x86_64"}, tt.args...)...)
			var stdout, stderr bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(tt.stdin), &stdout, &stderr
			if err := cmd.Run(); cmd.ProcessState.ExitCode() != tt.status {
				t.Errorf("%v, want exit status %d; standard error is\n%s", err, tt.status, &stderr)
			}
			if stdout.String() != tt.stdout || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("standard output %q, want %q; standard error %q, want %q in it", &stdout, tt.stdout, &stderr, tt.stderr)
			}
			if left, _ := filepath.Glob(filepath.Join(tmp, "*")); left != nil {
				t.Errorf("%v is left", left)
			}
		})
	}
}

// TestSignalsLeaveNothing ends gpclab in the middle of a guest's life, and checks that the emulator goes with it.
func TestSignalsLeaveNothing(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(unix.SignalName(signal), func(t *testing.T) {
			cmd, tmp := gpclab(t, "boot", "--arch", "x86_64", "--", "sh", "-c", "echo up; sleep 1000")
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "up\n" {
				t.Fatalf("the guest said %q (%v)", line, err)
			}
			emulators := children(t, cmd.Process.Pid)
			if len(emulators) == 0 {
				t.Fatal("no emulator runs")
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // its status is not the question here
			for _, emulator := range emulators {
				waitForEnd(t, emulator)
			}
			if left, _ := filepath.Glob(filepath.Join(tmp, "*")); left != nil {
				t.Errorf("%v is left", left)
			}
		})
	}
}

// children returns descriptors of all processes whose parent is pid.
func children(t *testing.T, pid int) (pidfds []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name in parentheses may contain anything; the state and the parent's id follow it.
		var state string
		var parent, child int
		_, after, _ := strings.Cut(string(content), ") ")
		fmt.Sscan(after, &state, &parent)
		fmt.Sscan(string(content), &child)
		if parent != pid {
			continue
		}
		fd, err := unix.PidfdOpen(child, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		pidfds = append(pidfds, fd)
	}
	return pidfds
}

// waitForEnd waits until a process has ended.
func waitForEnd(t *testing.T, pidfd int) {
	t.Helper()
	const patience = 30000 // milliseconds
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, patience)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != 1 {
			t.Errorf("a process that gpclab has started lives on (%v)", err)
		}
		return
	}
}

// TestInteractive plays a user at a terminal.
func TestInteractive(t *testing.T) {
	user, terminal := openTerminal(t)
	before := attributes(t, user)
	cmd := startAt(t, terminal)
	screen := bufio.NewReader(user)
	for _, step := range []struct{ shown, typed string }{
		{"/ # ", "echo a$((1+1))b\r"},
		{"a2b\r\n", ""},
		{"# ", "cat\r"},
		{"cat\r\n", "ping\r"},
		{"ping\r\nping\r\n", "\x03"}, // the second is cat's, so it runs
		{"# ", "echo still $?\r"},
		{"still 130\r\n", ""},
		{"# ", "stty size\r"},
		{"33 99\r\n", ""},
		{"# ", "echo '[    1.234567] WARNING: x'\r"}, // which the kernel has not said
		{"# ", "cat\r"},
		{"cat\r\n", "pong\r"},
		{"pong\r\npong\r\n", "\x1a"}, // job control
		{"# ", "fg\r"},
		{"fg\r\ncat\r\n", "more\r"},
		{"more\r\nmore\r\n", "\x03"},
		{"# ", "echo ended $?\r"},
		{"ended 130\r\n", ""},
		{"# ", "cat /proc/self/conta\t\r"}, // completion
		{":/\r\n", ""},
		{"# ", "echo o''nce\r"},
		{"once\r\n", ""},
		{"# ", "\x1b[A\r"}, // history
		{"once\r\n", ""},
		{"# ", "mkdir /dev/container/Charlie; cd /dev/container\r"},
		{"/dev/container # ", "(echo 0 > Charlie/tasks; cat /proc/self/container); cat /proc/self/container\r"},
		{":/Charlie\r\n", ""},
		{":/\r\n", ""},
		{"/dev/container # ", "sleep 9 & echo $! > Charlie/tasks; echo same-$((`cat Charlie/tasks` == $!))\r"},
		{"same-1\r\n", ""},
		{"# ", "exit 4\r"},
	} {
		waitFor(t, screen, step.shown)
		if _, err := user.WriteString(step.typed); err != nil {
			t.Fatal(err)
		}
	}
	go io.Copy(io.Discard, screen) // what is shown on the way out
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != 4 {
		t.Errorf("exit status %d, want 4", status)
	}
	if after := attributes(t, user); *after != *before {
		t.Errorf("the terminal is left as %+v, it was %+v", *after, *before)
	}
}

// TestInteractiveEscape leaves a guest without its help.
func TestInteractiveEscape(t *testing.T) {
	user, terminal := openTerminal(t)
	before := attributes(t, user)
	cmd := startAt(t, terminal)
	screen := bufio.NewReader(user)
	waitFor(t, screen, "/ # ")
	if _, err := user.WriteString("\x01x"); err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, screen)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if after := attributes(t, user); *after != *before {
		t.Errorf("the terminal is left as %+v, it was %+v", *after, *before)
	}
}

// startAt starts an interactive gpclab at a terminal, which is then its alone: when it ends, reading from the user's
// end does, too.
func startAt(t *testing.T, terminal *os.File) *exec.Cmd {
	t.Helper()
	cmd, _ := gpclab(t, "boot", "--arch", "x86_64", "--timeout", "2m")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd
}

// openTerminal opens a pseudo-terminal of 33 rows and 99 columns: the user's end and the program's.
func openTerminal(t *testing.T) (user, terminal *os.File) {
	t.Helper()
	user, terminal, err := pty.Open(33, 99)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { user.Close() })
	return user, terminal
}

// attributes returns a terminal's settings.
func attributes(t *testing.T, terminal *os.File) *unix.Termios {
	t.Helper()
	a, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// kernelLine matches what the kernel has to say, which it may do in the midst of anything: of a clock that a busy host has upset, say.
var kernelLine = regexp.MustCompile(`\[ *\d+\.\d{6}\] [^\r\n]*\r\n`)

// waitFor reads what is shown until text is, whatever the kernel says in between.
func waitFor(t *testing.T, screen *bufio.Reader, text string) {
	t.Helper()
	var shown []byte
	for !bytes.HasSuffix(kernelLine.ReplaceAll(shown, nil), []byte(text)) {
		c, err := screen.ReadByte()
		if err != nil {
			t.Fatalf("waiting for %q, got %q: %v", text, shown, err)
		}
		shown = append(shown, c)
	}
}
