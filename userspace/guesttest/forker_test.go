//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/guesttest/bare"
)

// forksHelper has its first thread make a sleeping child for each line of stdin. It says the child's id, or the errno as a negative number.
// Its children end with it, and the kernel reaps them.
func forksHelper([]string) {
	signal.Ignore(unix.SIGCHLD)
	fmt.Println("ready")
	var children []int
	for line := make([]byte, 100); ; {
		if n, _ := os.Stdin.Read(line); n == 0 {
			break
		}
		pid, err := bare.Spawn(bare.Sleeps)
		var errno unix.Errno
		if errors.As(err, &errno) {
			pid = -int(errno)
		} else {
			children = append(children, pid)
		}
		fmt.Println(pid)
	}
	for _, pid := range children {
		kill(pid)
	}
}

// forker returns a process that forks when it is told to. Only its first thread, whose id is the process's, does so.
func forker(t testing.TB) *process {
	t.Helper()
	p := start(t, nil, nil, "forks")
	if line := p.line(t); line != "ready" {
		t.Fatalf("the helper says %q", line)
	}
	t.Cleanup(p.end)
	return p
}

// fork has a forker make a child that sleeps, and returns the child's id.
func (p *process) fork(t testing.TB) (int, error) {
	t.Helper()
	p.say(t, "fork")
	return p.forked(t)
}

// forked returns what came of a fork that the forker was told of.
func (p *process) forked(t testing.TB) (int, error) {
	t.Helper()
	pid := got(strconv.Atoi(p.line(t)))(t)
	if pid < 0 {
		return 0, unix.Errno(-pid)
	}
	return pid, nil
}

// end lets a forker kill its children, and end.
func (p *process) end() {
	p.stdin.Close()
	p.cmd.Wait()
}
