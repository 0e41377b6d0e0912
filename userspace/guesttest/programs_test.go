//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// run runs a program of the guest and returns what it printed.
func run(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	return string(out), err
}

// The agent that the guest brings removes what is released.
func TestProgramReleaseAgent(t *testing.T) {
	begin(t)
	o := named("program")
	o.ReleaseAgent = "/bin/container_release_agent"
	h := mount(t, o)
	beside := mount(t, named("beside"))
	same := mkdir(t, beside.Root(), "a")
	mkdir(t, h.Root(), "a")
	released(t, h.Container("/a/b c"))
	eventually(t, "the released container is gone", func() bool { return !exists(h.Container("/a/b c")) })
	// That was the last child of a, which has not asked to be told.
	if !exists(h.Container("/a")) || !exists(same) {
		t.Error("the agent has removed a container that was not released")
	}
}

func exists(c containerfs.Container) bool {
	_, err := os.Stat(c.Dir())
	return err == nil
}

func TestProgramReleaseAgentCalledByHand(t *testing.T) {
	begin(t)
	for _, args := range [][]string{{}, {"/a", "/b"}, {"/nothing/mounted"}} {
		if out, err := run(t, "/bin/container_release_agent", args...); err == nil {
			t.Errorf("arguments %q: succeeded, and said %q", args, out)
		}
	}
}

func TestProgramRmdir(t *testing.T) {
	begin(t)
	h := mount(t, named("rmdir"))
	mkdir(t, h.Root(), "a", "a/b")
	pid := sleeper(t)
	must(t, h.Container("/a/b").Attach(pid))
	if out, err := run(t, "/bin/rmdir", h.Container("/a/b").Dir()); err == nil || !strings.Contains(out, "busy") {
		t.Errorf("rmdir of a container with a task said %q (%v)", out, err)
	}
	kill(pid)
	if out, err := run(t, "/bin/rmdir", h.Container("/a/b").Dir(), h.Container("/a").Dir()); err != nil {
		t.Errorf("rmdir: %v, said %q", err, out)
	}
}

func TestProgramGpc(t *testing.T) {
	begin(t)
	h := mount(t, named("gpc"))
	pid := sleeper(t)
	jobs, pidText := h.Container("/jobs").Dir(), fmt.Sprint(pid)
	steps := []struct {
		args []string
		says string // in the output; of what fails, in the error
		ok   bool
	}{
		{[]string{"list"}, h.Dir, true},
		{[]string{"create", "--notify", jobs, jobs + "/night"}, "", true},
		{[]string{"create", jobs}, "exists", false},
		{[]string{"create", "/tmp/elsewhere"}, "is not a container", false},
		{[]string{"attach", jobs, pidText}, "", true},
		{[]string{"attach", jobs, "x"}, "not a process id", false},
		{[]string{"attach", jobs, "4194305"}, "no such process", false},
		{[]string{"where", pidText}, "/jobs", true},
		{[]string{"ps", jobs}, pidText, true},
		{[]string{"tree", h.Dir}, "  jobs (1)\n    night (0)\n", true},
		{[]string{"show", jobs}, "notify_on_release: 1\n", true},
		{[]string{"exec", jobs + "/night", "/bin/gpc", "where"}, "/jobs/night", true},
		{[]string{"exec", jobs, "/no/such/program"}, "no such file", false},
		{[]string{"remove", jobs}, "busy", false},
		{[]string{"attach", "--thread", h.Dir, pidText}, "", true},
		{[]string{"remove", jobs + "/night", jobs}, "", true},
		{[]string{"show", jobs}, "no such file", false},
		{[]string{"frobnicate"}, "unknown command", false},
	}
	for _, s := range steps {
		out, err := run(t, "/bin/gpc", s.args...)
		if (err == nil) != s.ok || !strings.Contains(out, s.says) {
			t.Errorf("gpc %q: %v, said %q; want success %v and %q", s.args, err, out, s.ok, s.says)
		}
	}
	must(t, unix.Kill(pid, 0))
}
