package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gpc/harness/complaint"
	"gpc/harness/guest"
	"gpc/harness/kernel"
	"gpc/harness/machine"
	"gpc/harness/qemu"
	"gpc/harness/regress"
)

func TestStatusOf(t *testing.T) {
	complained := guest.Result{Complaints: []complaint.Report{{Title: "WARNING: x", Text: "WARNING: x"}}}.Complaint()
	for _, tt := range []struct {
		name string
		err  error
		want int
	}{
		{"nothing", nil, 0},
		{"no complaint", guest.Result{}.Complaint(), 0},
		{"panic", &guest.PanicError{}, statusPanicked},
		{"reset", &guest.EndedError{Kind: qemu.WasReset}, statusPanicked},
		{"too long", &guest.StuckError{}, statusNotDone},
		{"hang", &guest.StuckError{Silent: true}, statusNotDone},
		{"corrupt memory", &guest.CorruptError{}, statusComplained},
		{"complaint", complained, statusComplained},
		{"panic in a benchmark", fmt.Errorf("the release kernel: %w", &guest.PanicError{}), statusPanicked},
		{"no space", &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, statusNotTested},
		{"any other", errors.New("the emulator ended"), statusNotTested},
		{"interrupt", fmt.Errorf("building: %w", context.Canceled), statusInterrupted},
		{"the guest's command", exitError{status: 3}, 3},
		{"wrong words", exitError{status: statusUsage, err: errors.New("--smp 0")}, statusUsage},
	} {
		if got := statusOf(tt.err); got != tt.want {
			t.Errorf("%s: exit status %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestGravestGuest puts guests that ended in several ways behind each other: the exit status is the one that says most.
func TestGravestGuest(t *testing.T) {
	panicked, stuck, lost := &guest.PanicError{}, &guest.StuckError{}, errors.New("the emulator ended")
	complained := &guest.ComplaintError{}
	failed := exitError{status: statusFailed} // stands for a test
	for _, tt := range []struct {
		guests []error
		want   int
	}{
		{[]error{nil, nil}, 0},
		{[]error{failed, nil}, statusFailed},
		{[]error{nil, complained, failed}, statusComplained},
		{[]error{stuck, complained}, statusNotDone},
		{[]error{complained, stuck, panicked, failed}, statusPanicked},
		{[]error{nil, lost}, statusNotTested},
		{[]error{lost, failed}, statusFailed},
	} {
		v := new(testVerdict)
		for _, trouble := range tt.guests {
			action := "pass"
			if trouble != nil {
				action = "fail"
			}
			v.see(regress.Event{Action: action, Test: "TestX"})
			if errors.Is(trouble, failed) {
				trouble = nil
			}
			v.end("x86_64/release", trouble)
		}
		if got := statusOf(v.err()); got != tt.want {
			t.Errorf("%v: exit status %d, want %d", tt.guests, got, tt.want)
		}
	}
}

// laboratory makes a repository with a series and the given kernel source, and returns its directory.
func laboratory(t *testing.T, series string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                "module gpc\n",
		"kernel-patches/series": series,
		"linux/Makefile":        "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\nallnoconfig:\n\t@echo 'x.c:1: error: this compiler is too old'; exit 1\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	images, err := filepath.Abs("../../../images")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(images, filepath.Join(dir, "images")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestNotTested takes away, one after the other, what gpclab needs before it can say anything about a kernel.
func TestNotTested(t *testing.T) {
	patch := filepath.Join(t.TempDir(), "0001-x.patch")
	if err := os.WriteFile(patch, []byte("--- a/Makefile\n+++ b/Makefile\n@@ -1 +1 @@\n-VERSION = 9\n+VERSION = 10\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, series, linux, args, want string
	}{
		{"no kernel source", "", "/nonexistent", "boot -- true", "LINUX_SRC cannot be read"},
		{"patch is missing", "0001-missing.patch\n", "linux", "boot -- true", "0001-missing.patch cannot be read"},
		{"patch does not apply", "0001-x.patch\n", "linux", "boot -- true", "0001-x.patch does not apply"},
		{"build fails", "", "linux", "boot -- true", "this compiler is too old"},
		{"build fails for tests", "", "linux", "build --arch x86_64 --flavor vanilla", "this compiler is too old"},
		{"no files", "", "linux", "boot --files /nonexistent -- true", "/nonexistent"},
		{"file for a directory", "", "linux", "boot --files /etc/passwd -- true", "not a directory"},
		{"no kernel", "", "linux", "boot --kernel /nonexistent -- true", "/nonexistent"},
		{"what is no kernel", "", "linux", "boot --kernel /etc/passwd -- true", "cannot be booted"},
		{"directory without a kernel", "", "linux", "boot --arch ppc64 --kernel /etc -- true", "has no vmlinux"},
		{"directory without a series", "", "linux", "boot --series /etc -- true", "/etc has no series"},
		{"no options", "", "linux", "build --arch x86_64 --flavor vanilla --config /nonexistent", "/nonexistent"},
		{"what is no options", "", "linux", "boot --config /etc/passwd -- true", "/etc/passwd:1: this gives no option a value"},
		{"no kernel to measure", "", "linux", "bench --arch x86_64 --kernel /nonexistent --against /etc/passwd", "/etc/passwd cannot be booted"},
		{"no tests", "", "linux", "test --run TestNoSuch", "userspace/guesttest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd, _ := gpclab(t, strings.Fields(tt.args)...)
			cmd.Dir = laboratory(t, tt.series)
			if content, err := os.ReadFile(patch); err != nil {
				t.Fatal(err)
			} else if err := os.WriteFile(filepath.Join(cmd.Dir, "kernel-patches", filepath.Base(patch)), content, 0o644); err != nil {
				t.Fatal(err)
			}
			if tt.linux == "linux" {
				tt.linux = filepath.Join(cmd.Dir, "linux")
			}
			cmd.Env = append(cmd.Env, "LINUX_SRC="+tt.linux)
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != statusNotTested || !bytes.Contains(out, []byte(tt.want)) {
				t.Errorf("%v, want exit status %d; it said\n%s\nwant %q in it", err, statusNotTested, out, tt.want)
			}
		})
	}
}

// TestNoEmulator boots with a PATH that has all but QEMU: the kernel is there, but it cannot be run.
func TestNoEmulator(t *testing.T) {
	lab, err := kernel.OpenLab()
	if err != nil {
		t.Fatal(err)
	}
	cmd, _ := gpclab(t, "boot", "--arch", "x86_64", "--", "true")
	cmd.Dir = lab.Root()
	cmd.Env = append(cmd.Env, "PATH="+pathWithout(t, "qemu-system-x86_64"))
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != statusNotTested || !bytes.Contains(out, []byte("apt-get install qemu-system-x86")) {
		t.Errorf("%v, want exit status %d; it said\n%s", err, statusNotTested, out)
	}
}

// TestNoDebugger asks for gdb with a PATH that has all but that, which is said before anything is built or booted.
func TestNoDebugger(t *testing.T) {
	for _, arch := range machine.Names() {
		cmd, _ := gpclab(t, "boot", "--arch", arch, "--gdb", "--", "true")
		cmd.Env = append(cmd.Env, "PATH="+pathWithout(t, "gdb", "gdb-multiarch"))
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != statusNotTested || !bytes.Contains(out, []byte("apt-get install gdb-multiarch")) {
			t.Errorf("%s: %v, want exit status %d; it said\n%s", arch, err, statusNotTested, out)
		}
	}
}

// TestFilesThatAreNot names what the host does not have, or has already.
func TestFilesThatAreNot(t *testing.T) {
	for _, tt := range []struct{ flag, value, want string }{
		{"--share", "/nonexistent", "/nonexistent: no such file"},
		{"--share", "/etc/passwd:/mnt/x", "not a directory"},
		{"--dump", "/nonexistent/core", "no dump can be written to /nonexistent"},
		{"--dump", "/etc/passwd/core", "not a directory"},
		{"--dump", "/etc/passwd", "exists already"},
	} {
		cmd, _ := gpclab(t, "boot", tt.flag, tt.value, "--", "true")
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != statusNotTested || !bytes.Contains(out, []byte(tt.want)) || bytes.Count(out, []byte("\n")) != 1 {
			t.Errorf("%s %s: %v, want exit status %d and one line with %q; it said\n%s", tt.flag, tt.value, err, statusNotTested, tt.want, out)
		}
	}
}

// pathWithout makes a directory with links to all programs of PATH but some.
func pathWithout(t *testing.T, programs ...string) string {
	t.Helper()
	all := t.TempDir()
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		entries, _ := os.ReadDir(dir) // PATH may name what is not there
		for _, e := range entries {
			if !slices.Contains(programs, e.Name()) {
				_ = os.Symlink(filepath.Join(dir, e.Name()), filepath.Join(all, e.Name())) // the first of a name counts
			}
		}
	}
	return all
}

// TestBisect lets git search for a commit whose kernel panics, among others that cannot be tested. What commits change is the command line
// of the kernel and the name of its source, so that nothing is built.
func TestBisect(t *testing.T) {
	lab, err := kernel.OpenLab()
	if err != nil {
		t.Fatal(err)
	}
	repo := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.org"}, args...)...)
		cmd.Dir = repo
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	commit := func(name, append, source string) string {
		for file, text := range map[string]string{"append": append, "source": source, "name": name} {
			if err := os.WriteFile(filepath.Join(repo, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		git("add", ".")
		git("commit", "--quiet", "--message", name)
		return git("rev-parse", "HEAD")
	}
	const panics = "init=/nonexistent"
	git("init", "--quiet")
	good := commit("good", "", "")
	commit("harmless", "loglevel=5", "")
	commit("cannot be built", "loglevel=5", "/nonexistent")
	commit("can be built again", "loglevel=5", "")
	bad := commit("panics", panics, "")
	commit("after it", panics+" loglevel=5", "")
	git("bisect", "start", commit("last", panics+" loglevel=4", ""), good)

	script := `cd "$LAB" && LINUX_SRC=$(cat "$REPO/source") exec "$GPCLAB" boot --arch x86_64 --append "$(cat "$REPO/append")" -- true`
	cmd := exec.Command("git", "bisect", "run", "sh", "-c", script)
	cmd.Dir = repo
	cmd.Env = append(os.Environ(), "LAB="+lab.Root(), "REPO="+repo, "GPCLAB="+program, "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte(bad+" is the first bad commit")) {
		t.Errorf("%v, want %s as the first bad commit:\n%s", err, bad, out)
	}
}

// TestStatusesInDocuments looks for the table of statuses in README.md and in the help.
func TestStatusesInDocuments(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	help := newRootCommand().Long
	var seen []int
	for _, s := range statuses {
		if row := fmt.Sprintf("| %d | %s |", s.status, s.tells); !strings.Contains(string(readme), row) {
			t.Errorf("README.md lacks %q", row)
		}
		if !strings.Contains(help, strconv.Itoa(s.status)) || !strings.Contains(help, s.tells) {
			t.Errorf("the help lacks %d", s.status)
		}
		seen = append(seen, s.status)
	}
	if !slices.IsSorted(seen) {
		t.Errorf("the statuses are not in order: %v", seen)
	}
}
