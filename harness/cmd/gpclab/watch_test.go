package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWatchRefusesWrongFlags(t *testing.T) {
	boot := bootFlags{arch: "x86_64", flavor: "debug", smp: 1, numa: 1}
	for _, tt := range []struct {
		flags watchFlags
		argv  []string
		want  string
	}{
		{watchFlags{bootFlags: boot}, nil, "nothing is to be done"},
		{watchFlags{bootFlags: boot, run: "x"}, []string{"true"}, "give one"},
		{watchFlags{bootFlags: boot, run: "("}, nil, "--run"},
		{watchFlags{bootFlags: bootFlags{arch: "sparc"}}, []string{"true"}, "choose one of"},
	} {
		if err := runWatch(t.Context(), t.Output(), tt.flags, tt.argv); statusOf(err) != statusUsage || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v %v: %v, want %q and exit status %d", tt.flags, tt.argv, err, tt.want, statusUsage)
		}
	}
}

// TestWatch edits a file of the guest's, while nothing runs and while a command does.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "script")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("echo first\n")
	cmd, _ := gpclab(t, "watch", "--arch", "x86_64", "--files", dir, "--", "sh", "/script")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(stdout)
	expect := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("no line %q", want)
	}
	expect("first")
	expect("--- ok, ")
	write("echo second; exit 3\n")
	expect("--- edited: " + file)
	expect("second")
	expect("--- FAIL (status 3), ")
	write("echo third; sleep 1000\n")
	expect("third")
	write("echo fourth\n")
	expect("fourth")
	expect("--- ok, ")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != statusInterrupted {
		t.Errorf("%v, want exit status %d", err, statusInterrupted)
	}
}
