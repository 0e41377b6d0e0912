package doctest_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gpc/harness/doctest"
	"gpc/harness/machine"
)

// repository is where documents are named from.
const repository = "../.."

// documents returns the documents with commands for the guest. Every one is found: none can be forgotten.
func documents(t *testing.T) map[string][]doctest.Step {
	t.Helper()
	all := map[string][]doctest.Step{}
	for _, pattern := range []string{"*.md", "docs/*.md", "kernel-patches/*.md", "kernel-patches/files/Documentation/admin-guide/containers/*.rst"} {
		paths, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no document is called %s (%v)", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(repository, path)
			if err != nil {
				t.Fatal(err)
			}
			steps, err := doctest.Parse(name, string(text))
			if err != nil {
				t.Error(err)
			}
			if len(steps) > 0 {
				all[name] = steps
			}
		}
	}
	return all
}

// TestDocuments types what the documents say in guests of each architecture, one guest after the other, each with a document after
// the other. A document leaves the guest as it found it.
func TestDocuments(t *testing.T) {
	all := documents(t)
	for _, name := range []string{"README.md", "docs/tutorial.md", "kernel-patches/files/Documentation/admin-guide/containers/containers.rst"} {
		if len(all[name]) == 0 {
			t.Errorf("%s has no commands", name)
		}
	}
	gpclab := filepath.Join(t.TempDir(), "gpclab")
	if out, err := exec.Command("go", "build", "-o", gpclab, "../cmd/gpclab").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, m := range machine.All() {
		t.Run(m.Name, func(t *testing.T) { typeDocuments(t, gpclab, m, all) })
	}
}

// typeDocuments types documents in a guest.
func typeDocuments(t *testing.T, gpclab string, m *machine.Machine, all map[string][]doctest.Step) {
	user := boot(t, gpclab, m)
	console, err := doctest.Open(user)
	if err != nil {
		t.Fatal(err)
	}
	state := doctest.Step{Command: "cat /proc/containers /proc/mounts"}
	typed := func(s doctest.Step) string {
		t.Helper()
		printed, err := console.Type(s.Command, s.Dir)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(printed, "\n")
	}
	for name, steps := range all {
		before := withoutTasks(typed(state))
		err := console.Run(steps, func(_ doctest.Step, err error) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		typed(doctest.Step{Command: "cd /"})
		if after := withoutTasks(typed(state)); after != before {
			t.Errorf("%s leaves the guest as\n%s\nit was\n%s", name, after, before)
		}
	}
}

// withoutTasks is the text of /proc/containers without the numbers of tasks, which nobody leaves as they were.
func withoutTasks(text string) string {
	var words []string
	for word := range strings.FieldsSeq(text) {
		if !strings.HasPrefix(word, "tasks=") {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// patience is how long a guest may take for all documents; it is a hundred times what it needs.
const patience = 10 * time.Minute

// boot starts an interactive guest at a terminal, and returns the user's end of that. The guest ends with the test.
func boot(t *testing.T, gpclab string, m *machine.Machine) *os.File {
	t.Helper()
	user, terminal := openTerminal(t)
	defer terminal.Close()
	cmd := exec.Command(gpclab, "boot", "--arch", m.Name, "--timeout", patience.String())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		go io.Copy(io.Discard, user) // what is shown on the way out
		fmt.Fprint(user, "\x01x")
		if err := cmd.Wait(); err != nil {
			t.Errorf("the guest ended with %v: its kernel may have complained, see build/log", err)
		}
	})
	return user
}

// openTerminal opens a pseudo-terminal in which no line of a document is too long: the user's end and the program's.
func openTerminal(t *testing.T) (user, terminal *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { user.Close() })
	fd := int(user.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 250}); err != nil {
		t.Fatal(err)
	}
	if terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return user, terminal
}
