package doctest_test

import (
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gpc/harness/doctest"
	"gpc/harness/machine"
	"gpc/harness/pty"
)

// repository is where documents are named from.
const repository = "../.."

// document is a text with commands for the guest.
type document struct {
	name  string
	steps []doctest.Step
}

// documents returns the documents with commands for the guest. Every one is found: none can be forgotten.
func documents(t *testing.T) []document {
	t.Helper()
	texts, err := doctest.Texts(repository, "*.md", "docs/*.md", "kernel-patches/*.md", "kernel-patches/files/Documentation/admin-guide/containers/*.rst")
	if err != nil {
		t.Fatal(err)
	}
	var all []document
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		steps, err := doctest.Parse(name, texts[name])
		if err != nil {
			t.Error(err)
		}
		if len(steps) > 0 {
			all = append(all, document{name, steps})
		}
	}
	return all
}

// TestDocuments types what the documents say in a guest of each architecture, one document after the other.
func TestDocuments(t *testing.T) {
	all := documents(t)
	for _, name := range []string{"README.md", "docs/tutorial.md", "beancounters.rst", "containers.rst", "cpusets.rst", "ns.rst"} {
		if !slices.ContainsFunc(all, func(d document) bool { return strings.HasSuffix(d.name, name) }) {
			t.Errorf("%s has no commands", name)
		}
	}
	if testing.Short() {
		t.Skip("the documents can be read; guests, to type them in, take a while, and -short was asked for")
	}
	gpclab := filepath.Join(t.TempDir(), "gpclab")
	if out, err := exec.Command("go", "build", "-o", gpclab, "../cmd/gpclab").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, m := range machine.All() {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel() // for no guest keeps all of the host's processors busy
			g := boot(t, gpclab, m)
			for _, d := range all {
				t.Run(filepath.Base(d.name), func(t *testing.T) { g.read(t, d) })
			}
			g.end(t)
		})
	}
}

// guest is a guest with a user at its console.
type guest struct {
	console *doctest.Console
	user    io.ReadWriter
	cmd     *exec.Cmd
	mounted string // the command that mounts what the guest had at first
}

// patience is how long a guest may take for all documents; it is far more than it needs.
const patience = 30 * time.Minute

// boot starts an interactive guest at a terminal in which no line of a document is too long. It has the nodes that cpusets.rst speaks of.
func boot(t *testing.T, gpclab string, m *machine.Machine) *guest {
	t.Helper()
	user, terminal, err := pty.Open(50, 250)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { user.Close() })
	g := &guest{user: user, cmd: exec.Command(gpclab, "boot", "--arch", m.Name, "--numa", "2", "--timeout", patience.String())}
	g.cmd.Stdin, g.cmd.Stdout, g.cmd.Stderr = terminal, terminal, terminal
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = g.cmd.Start()
	terminal.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.cmd.Process.Kill() })
	if g.console, err = doctest.Open(user); err != nil {
		t.Fatal(err)
	}
	mounts := g.typed(t, "cat /proc/mounts")
	found := mountLine.FindStringSubmatch(mounts)
	if found == nil {
		t.Fatalf("the guest has no hierarchy for the documents to begin with:\n%s", mounts)
	}
	g.mounted = "mount -t container -o " + found[1] + " all /dev/container"
	return g
}

// mountLine is what /proc/mounts says of the guest's hierarchy of containers, without the options that every filesystem has.
var mountLine = regexp.MustCompile(`(?m)^all /dev/container container rw,relatime,(\S+) `)

// typed types a command and returns what it prints.
func (g *guest) typed(t *testing.T, command string) string {
	t.Helper()
	printed, err := g.console.Type(command, "")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(printed, "\n")
}

// read types a document. Who reads those of this repository has the guest that it makes, with a hierarchy mounted; who reads the kernel's
// has just got a kernel.
func (g *guest) read(t *testing.T, d document) {
	g.tidy(t)
	if strings.HasSuffix(d.name, ".md") {
		g.typed(t, g.mounted)
	}
	err := g.console.Run(d.steps, func(_ doctest.Step, err error) {
		if err != nil {
			t.Errorf("%s: %v", d.name, err)
		}
	})
	if err != nil {
		t.Fatalf("%s: %v", d.name, err)
	}
}

// tidy takes away what a document has left.
func (g *guest) tidy(t *testing.T) {
	t.Helper()
	g.typed(t, "cd /")
	g.typed(t, "kill $(jobs -p) 2>/dev/null")
	g.typed(t, `for dir in $(awk '$3 == "container" || $3 == "cpuset" { print $2 }' /proc/mounts); do`+
		` for t in $(cat $(find $dir -name tasks)); do echo $t > $dir/tasks; done 2>/dev/null; gpc rm -r --kill $dir; umount $dir; done`)
	g.typed(t, "echo unlimited > /sys/module/numtasks/parameters/total_numtasks")
	if left := g.typed(t, "grep containers= /proc/containers | grep -v name=.*hierarchy=0"); left != "" {
		t.Fatalf("these hierarchies are left:\n%s", left)
	}
}

// end leaves the guest, which tells what its kernel had to complain of.
func (g *guest) end(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(g.user, "exit 0\r"); err != nil {
		t.Fatal(err)
	}
	shown, _ := io.ReadAll(g.user) // to its end, which is an error of terminals
	if err := g.cmd.Wait(); err != nil {
		t.Errorf("the guest ended with %v:\n%s", err, shown)
	}
}
