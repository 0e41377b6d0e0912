//go:build guest

package guesttest

import (
	stdcontext "context"
	"errors"
	"io/fs"
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

	go func() {
		err := a.WaitEmpty(t.Context())
		if !exiting(second, second) {
			err = errors.New("the wait is over with a task below")
		}
		done <- err
	}()
	kill(first)
	killUnreaped(t, second)
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
