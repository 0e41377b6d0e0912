//go:build guest

package guesttest

import (
	stdcontext "context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gpc/userspace/containerfs"
)

func TestClientWaitEmpty(t *testing.T) {
	begin(t)
	h := mount(t, named("wait"))
	a := mkdir(t, h.Root(), "a", "a/b")
	must(t, a.WaitEmpty(t.Context())) // is so already
	first, second := sleeper(t), sleeper(t)
	must(t, a.Attach(first))
	must(t, a.Child("b").Attach(second))

	ctx, cancel := stdcontext.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.WaitEmpty(ctx) }()
	cancel()
	if err := <-done; !errors.Is(err, stdcontext.Canceled) {
		t.Errorf("a wait that was ended: %v", err)
	}

	go func() { done <- a.WaitEmpty(t.Context()) }()
	kill(first)
	select {
	case err := <-done:
		t.Fatalf("the wait is over with a task below: %v", err)
	default:
	}
	kill(second)
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantIs(t, h.Root().WaitEmpty(t.Context()), fs.ErrNotExist, "the root of a hierarchy has no such file")
	wantIs(t, h.Container("/x").WaitEmpty(t.Context()), fs.ErrNotExist, "no such container")
}

// Watching sees each change that lasts, and the end.
func TestClientWatch(t *testing.T) {
	begin(t)
	h := mount(t, named("watch"))
	a := mkdir(t, h.Root(), "a")
	seen, over := make(chan bool), make(chan error, 1)
	go func() {
		over <- a.Watch(t.Context(), func(populated bool) error { seen <- populated; return nil })
	}()
	next := func(want bool) {
		t.Helper()
		select {
		case populated := <-seen:
			if populated != want {
				t.Fatalf("seen populated %v, want %v", populated, want)
			}
		case <-time.After(patience):
			t.Fatalf("not seen: populated %v", want)
		}
	}
	next(false)
	pid := sleeper(t)
	must(t, a.Attach(pid))
	next(true)
	kill(pid)
	next(false)
	must(t, a.Remove())
	if err := <-over; !errors.Is(err, containerfs.ErrGone) {
		t.Errorf("the end of the container: %v", err)
	}
}

func TestClientKillAndRemoveAll(t *testing.T) {
	begin(t)
	h := mount(t, named("kill"))
	a := mkdir(t, h.Root(), "a", "a/b", "a/b/c", "d")
	pids := []int{sleeper(t), sleeper(t)}
	must(t, a.Attach(pids[0]))
	must(t, a.Child("b/c").Attach(pids[1]))
	must(t, a.Child("b").SetAutoDelete(true))
	must(t, a.KillAndRemoveAll(t.Context()))
	if exists(a) || !exists(h.Container("/d")) {
		t.Error("not that was removed what was to be")
	}
	for _, pid := range pids {
		kill(pid) // reaps it
	}
	must(t, h.Root().KillAndRemoveAll(t.Context()))
	if children := got(h.Root().Children())(t); len(children) != 0 {
		t.Errorf("%v are left", children)
	}
}

func TestClientMaxDescendants(t *testing.T) {
	begin(t)
	h := mount(t, named("many"))
	a := mkdir(t, h.Root(), "a", "a/b")
	must(t, a.SetMaxDescendants(1))
	wantIs(t, a.Child("b/c").Create(), containerfs.ErrLimit, "max_descendants of "+a.Dir()+" is 1, and it has 1 container below it")
	must(t, a.SetMaxDescendants(containerfs.NoLimit))
	must(t, a.Child("b/c").Create())
}

func TestGpcKill(t *testing.T) {
	begin(t)
	h := mount(t, named("gpckill"))
	mkdir(t, h.Root(), "a", "a/b", "c")
	pid := sleeper(t)
	wantSteps(t,
		step{fmt.Sprintf("attach :/a/b %d", pid), 0, ""},
		step{"kill :/", 1, "no signal is sent"},
		step{"kill -s TERM :/", 1, "no signal is sent"},
		step{"rm --kill :/a", 1, "has containers below it, first b: -r removes them, too"},
		step{"kill --wait :/a", 0, ""},
		step{"watch --until-empty :/a", 0, "name=gpckill:/a empty\n"},
		step{"rm -r --kill :/a", 0, ""},
		step{"create --auto-delete :/once", 0, ""},
		step{"exec -c :/once true", 0, ""},
	)
	kill(pid)
	eventually(t, "the container has deleted itself", func() bool { return !exists(h.Container("/once")) })
}

// A tree of processes that is being forked is killed to the last.
func TestGpcRemoveKillsForks(t *testing.T) {
	begin(t)
	h := mount(t, named("storm"))
	a := mkdir(t, h.Root(), "a")
	storm := start(t, nil, nil, "storm")
	storm.line(t)
	must(t, a.AttachProc(storm.pid))
	wantSteps(t, step{"rm -r --kill :/a", 0, ""})
}

// watch says what happens, while it happens.
func TestGpcWatch(t *testing.T) {
	begin(t)
	h := mount(t, named("gpcwatch"))
	a := mkdir(t, h.Root(), "a")
	cmd := exec.Command("/bin/gpc", "watch", ":/a")
	out := got(cmd.StdoutPipe())(t)
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	next := func(want string) {
		t.Helper()
		line := make([]byte, 200)
		n := got(out.Read(line))(t)
		if got := strings.TrimSpace(string(line[:n])); got != "name=gpcwatch:/a "+want {
			t.Errorf("watch says %q, want %q", got, want)
		}
	}
	next("empty")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	next("populated")
	kill(pid)
	next("empty")
	must(t, a.Remove())
	next("removed")
	must(t, cmd.Wait())
}
