//go:build guest

package guesttest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

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

// The agent that mounts of cpusets set by themselves is there, too.
func TestProgramCpusetReleaseAgent(t *testing.T) {
	begin(t)
	root := legacy(t)
	a := mkdir(t, root, "a")
	must(t, a.Write("cpus", "0"))
	must(t, a.Write("mems", "0"))
	must(t, a.SetCloneChildren(true))
	released(t, a.Child("b"))
	eventually(t, "the released cpuset is gone", func() bool { return !exists(a.Child("b")) })
	if !exists(a) {
		t.Error("the agent has removed a cpuset that has not asked for it")
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
