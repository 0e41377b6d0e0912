//go:build guest && debug

package guesttest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// An exec may also say that the arguments are too long where it gets no page for them, and that the format is unknown where it gets no memory
// to read the program's header.
var cannotExec = []unix.Errno{unix.ENOMEM, unix.E2BIG, unix.ENOEXEC}

// What is executed there is a program that ends at once, and has few allocations of its own.
var (
	shortPath = append([]byte("/bin/busybox"), 0)
	shortName = append([]byte("true"), 0)
	shortArgv = [2]uintptr{address(&shortName[0])}
)

// Who fails to execute a program is where he was, or has been killed: the kernel lets nobody go on without a program, and the old one may
// be gone. When he has ended nothing is left of him.
func TestFailExec(t *testing.T) {
	begin(t)
	h, a, pid := everything(t)
	failslab(t)
	unchanged := unchangedLater(t, &h, pid)
	survived, killed := 0, 0
	for n := 1; ; n++ {
		if n > maxAllocations {
			t.Fatalf("still not through at allocation %d", n)
		}
		p := puppetIn(t, a)
		p.mustClose(t, 0, 1, 2)
		nth := got(os.OpenFile(fmt.Sprintf("/proc/%d/fail-nth", p.PID), os.O_RDWR, 0))(t)
		got(nth.WriteString(fmt.Sprint(n)))(t)
		_, err := p.Call(unix.SYS_EXECVE, address(&shortPath[0]), address(&shortArgv[0]), 0)
		gone := err == unix.EPIPE // the program was executed, or the puppet was killed on the way
		if gone {
			must(t, awaitZombie(p.PID))
		} else {
			survived++
			if !isOneOf(err, cannotExec) {
				t.Errorf("exec: %v", err)
			}
			wantTasks(t, a, pid, p.PID)
		}
		left := make([]byte, 20)
		size, readErr := nth.ReadAt(left, 0)
		if size == 0 {
			t.Fatal(readErr)
		}
		nth.Close()
		injected := strings.TrimSpace(string(left[:size])) == "0"
		status := p.Close()
		if status.Signaled() {
			killed++
		}
		if err := unchanged(); err != nil {
			t.Error(err)
		}
		through := gone && status.Exited() && status.ExitStatus() == 0
		if !injected && !through {
			t.Errorf("with no allocation failing: %v, status %#x", err, status)
		}
		if t.Failed() {
			t.Fatalf("allocation %d failing (%v)", n, injected)
		}
		if !injected {
			t.Logf("%d allocations; with %d of them failing the puppet goes on, with %d it is killed", n-1, survived, killed)
			break
		}
	}
	if survived == 0 || killed == 0 {
		t.Error("one of the two was never seen")
	}
}
