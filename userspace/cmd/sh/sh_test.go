package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// asShell, set in the environment, makes the test binary the shell itself.
const asShell = "TEST_BINARY_IS_SHELL"

func TestMain(m *testing.M) {
	if os.Getenv(asShell) != "" {
		main()
	}
	os.Exit(m.Run())
}

// shell runs the shell.
func shell(t *testing.T, stdin string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asShell+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errOut
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func TestShell(t *testing.T) {
	for _, tt := range []struct {
		name, script   string
		stdout, stderr string
		status         int
	}{
		{"nothing", "", "", "", 0},
		{"status of the last command", "true\nfalse", "", "", 1},
		{"exit", "exit 5; echo no", "", "", 5},
		{"pipe", "printf 'b\\na\\n' | sort", "a\nb\n", "", 0},
		{"command that is not there", "nonesuch; echo $?", "127\n", "sh: nonesuch: command not found\n", 0},
		{"command that a signal kills", "sh -c 'kill -9 $$'; echo $?", "137\n", "", 0},
		{"echo", "echo a  b; echo -n c; echo -e 'd\\te 100%'", "a b\ncd\te 100%\n", "", 0},
		{"printf", "printf '%s-%d\\n' a 1 b 2", "a-1\nb-2\n", "", 0},
		{"write that fails", "echo x >/dev/full; echo $?", "1\n", "sh: echo: write /dev/full: no space left on device\n", 0},
		{"exported variables only", "A=1; export B=2; printenv A; printenv B", "2\n", "", 0},
		{"subshell", "cd /; (cd /proc; pwd); pwd", "/proc\n/\n", "", 0},
		{"what it cannot do", "echo x 5>&1; echo after", "after\n", "sh: unsupported redirect fd: 5\n", 0},
		{"text that is no script", "echo before\nif then\n", "before\n", "sh: 2:1: \"if\" must be followed by a statement list\n", statusUsage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, status := shell(t, tt.script)
			if stdout != tt.stdout || stderr != tt.stderr || status != tt.status {
				t.Errorf("output %q, error output %q, status %d; want %q, %q, %d", stdout, stderr, status, tt.stdout, tt.stderr, tt.status)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	file := t.TempDir() + "/script"
	if err := os.WriteFile(file, []byte("echo file $1 $#"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args   []string
		stdout string
		status int
	}{
		{[]string{"-c", "echo $1 $#", "name", "one", "two"}, "one 2\n", 0},
		{[]string{"-c", ""}, "", 0},
		{[]string{file, "arg"}, "file arg 1\n", 0},
		{[]string{"/nonexistent"}, "", statusNotFound},
	} {
		if stdout, _, status := shell(t, "echo never", tt.args...); stdout != tt.stdout || status != tt.status {
			t.Errorf("%q: output %q, status %d; want %q, %d", tt.args, stdout, status, tt.stdout, tt.status)
		}
	}
}

// TestLeaderStartsCommands asks the kernel which thread has started a command: it must be the one with the shell's own
// id, from wherever in a script.
func TestLeaderStartsCommands(t *testing.T) {
	const children = "cat /proc/$$/task/$$/children"
	for name, script := range map[string]string{
		"plain":        children,
		"subshell":     "(" + children + ")",
		"pipe":         children + " | cat",
		"substitution": "echo $(" + children + ")",
		"background":   children + " & wait",
		"loop":         "for i in 1; do " + children + "; done",
	} {
		if stdout, stderr, _ := shell(t, script); strings.TrimSpace(stdout) == "" {
			t.Errorf("%s: the command is not the first thread's child (%s)", name, stderr)
		}
	}
}

func TestComplete(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"alpha", "alphabet", "beta"} {
		if err := os.WriteFile(dir+"/"+name, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir+"/dir", 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	runner, err := newRunner(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	runner.Dir = dir
	for line, want := range map[string]string{
		"be":                "beta ",     // a program
		"al":                "alpha",     // as far as two agree
		"alphab":            "alphabet ", // one of them
		"zzz":               "zzz",       // nothing begins so
		"cat be":            "cat beta ",
		"cat d":             "cat dir/",
		"cat " + dir + "/b": "cat " + dir + "/beta ",
	} {
		if got, pos := complete(line, len(line), runner); got != want || pos != len(want) {
			t.Errorf("%q: got %q, cursor at %d; want %q", line, got, pos, want)
		}
	}
}

func TestCommonPrefix(t *testing.T) {
	for want, names := range map[string][]string{"a": {"ab", "ac"}, "": {"a", "b"}, "same": {"same"}} {
		if got := commonPrefix(names); got != want {
			t.Errorf("%q: got %q, want %q", names, got, want)
		}
	}
}
