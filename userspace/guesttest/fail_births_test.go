//go:build guest && debug

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/guesttest/bare"
)

// A fork may also say so.
var cannotFork = []unix.Errno{unix.ENOMEM, unix.EAGAIN}

// A birth that fails leaves nothing, whatever it is to bring; with a namespace of its own it was to bring a container. A fork has hundreds of
// allocations. It could leave something where the parent is, which is looked at after each, and hardly anywhere else.
func TestFailBirths(t *testing.T) {
	begin(t)
	// With the machine's first comes what all of them need; Linux complains where that fails.
	kill(got(bare.SpawnNew(unix.CLONE_NEWPID, bare.Sleeps))(t))
	h, a, pid := everything(t)
	for name, bear := range map[string]func() (int, error){
		"fork":   func() (int, error) { return bare.Fork(bare.Sleeps) },
		"vfork":  func() (int, error) { return bare.SpawnNew(unix.CLONE_VFORK, bare.Exits) },
		"spawn":  func() (int, error) { return bare.Spawn(bare.Sleeps) },
		"clone":  func() (int, error) { return bare.SpawnNew(unix.CLONE_NEWUTS|unix.CLONE_NEWIPC, bare.Sleeps) },
		"deep":   func() (int, error) { return bare.SpawnNew(unix.CLONE_NEWUSER|unix.CLONE_NEWPID, bare.Sleeps) },
		"clone3": func() (int, error) { return bare.ForkAs(30000, unix.CLONE_NEWNS|unix.CLONE_NEWUTS|unix.CLONE_NEWTIME) },
	} {
		t.Run(name, func(t *testing.T) {
			onFailingThread(t, func(nth *os.File) {
				must(t, a.Attach(0))
				var child int
				unchanged := unchangedLater(t, &h, pid)
				failLoop(t, nth, cannotFork,
					func() (err error) { child, err = bear(); return err },
					func() error { kill(child); return nil },
					seldom(t, sameLater(t, func() (map[string]string, error) { return stateIn(a, pid) }), pid))
				if err := unchanged(); err != nil {
					t.Error(err)
				}
			})
		})
		if t.Failed() {
			return // what is left behind fails all others, too, each after a while
		}
	}
}

// Who cannot get namespaces of his own, or somebody else's, is where he was and has those that he had.
func TestFailNamespaces(t *testing.T) {
	begin(t)
	h, a, pid := everything(t)
	const flags = unix.CLONE_NEWUTS | unix.CLONE_NEWIPC
	stranger := got(bare.SpawnNew(flags, bare.Sleeps))(t)
	t.Cleanup(func() { kill(stranger) })
	above := newApart(t)
	var own, others int
	for name, s := range map[string]attempt{
		"unshare": {do: func() error { return unix.Unshare(flags) }},
		"setns":   {do: func() error { return unix.Setns(others, flags) }},
	} {
		t.Run(name, func(t *testing.T) {
			onFailingThread(t, func(nth *os.File) {
				tid := unix.Gettid()
				must(t, a.Attach(tid))
				own = got(unix.PidfdOpen(os.Getpid(), 0))(t)
				others = got(unix.PidfdOpen(stranger, 0))(t)
				defer func() { must(t, errors.Join(unix.Close(own), unix.Close(others))) }()
				before := namespaces(t, os.Getpid(), tid)
				unchanged := unchangedLater(t, &h, pid)
				now := seldom(t, unchanged, pid)
				failLoop(t, nth, outOfMemory, s.do,
					func() error {
						// The container from above, as nobody leaves his own by himself.
						return errors.Join(above.do(func() error { return a.Attach(tid) }), unix.Setns(own, flags))
					},
					func() error {
						if after := namespaces(t, os.Getpid(), tid); after != before {
							return fmt.Errorf("namespaces are\n%swere\n%s", after, before)
						}
						return now()
					})
				if err := unchanged(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A thread that cannot be made is in no container and in no count.
func TestFailThread(t *testing.T) {
	begin(t)
	h, a, _ := everything(t)
	const maker, made = 0, 1
	stage := got(bare.NewStage())(t)
	pid := got(stage.Fork(maker))(t)
	t.Cleanup(func() { kill(pid) })
	must(t, a.AttachProc(pid))
	failslab(t)
	nth := got(os.OpenFile(fmt.Sprintf("/proc/%d/fail-nth", pid), os.O_RDWR, 0))(t)
	defer nth.Close()
	failLoop(t, nth, cannotFork,
		func() error { _, err := stage.Thread(maker, pid, made); return err },
		func() error {
			stage.End(made)
			if !within(patience, func() bool { return len(threadsOf(pid)) == 1 }) {
				return fmt.Errorf("the thread of %d has not ended", pid)
			}
			return nil
		}, unchangedLater(t, &h, pid))
}
