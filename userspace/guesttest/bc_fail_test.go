//go:build guest && debug

package guesttest

import (
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// holds returns an error unless exactly that much is held.
func holds(c containerfs.Container, resource string, want uint64) error {
	held, err := c.ReadUint(bcFile(resource, "held"))
	if err == nil && held != want {
		err = fmt.Errorf("%s holds %d %s, want %d", c.Path, held, resource, want)
	}
	return err
}

func TestFailBCMkdir(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a := h.Container("/a")
	failEach(t, outOfMemory, a.Create, a.Remove, func() error {
		if _, err := os.Stat(a.Dir()); !os.IsNotExist(err) {
			return fmt.Errorf("left behind: %v", err)
		}
		return nil
	})
}

// An open that fails at any point leaves nothing charged.
func TestFailBCOpen(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	var fds [2]int
	closeBoth := func() error { unix.Close(fds[0]); return unix.Close(fds[1]) }
	for name, open := range map[string]func() error{
		"pipe":       func() error { return unix.Pipe(fds[:]) },
		"socketpair": func() (err error) { fds, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0); return err },
	} {
		t.Run(name, func(t *testing.T) {
			in := false
			failEach(t, []unix.Errno{unix.ENOMEM, unix.ENFILE, unix.ENOBUFS}, func() error {
				return open()
			}, closeBoth, func() error {
				if !in { // the first round was in the root
					in = true
					return a.Attach(0)
				}
				// This thread's own file, by which it looks, is a's.
				return holds(a, "numfiles", 1)
			})
			wantHeld(t, a, "numfiles", 0)
		})
	}
}

// A mapping, a fork or a program that fails at any point leaves no page and no task charged, and no container held.
func TestFailBCFork(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	var pid int
	in := false
	failEach(t, []unix.Errno{unix.ENOMEM, unix.EAGAIN},
		func() (err error) { pid, err = bare.Fork(bare.Sleeps); return err },
		func() error { kill(pid); return nil },
		func() error {
			if !in {
				in = true
				return a.Attach(0)
			}
			if err := holds(a, "privvmpages", 0); err != nil {
				return err
			}
			return holds(a, "numtasks", 1)
		})
	wantNothingHeld(t, a)
	must(t, a.Remove())
}

// execAllocations is about how much the kernel allocates to execute a program. The program goes on from there.
const execAllocations = 100

// What a mapping that fails at any point has charged, it gives back.
func TestFailBCMemory(t *testing.T) {
	for _, step := range []struct {
		name string
		call func(p puppet, at uintptr) (uintptr, error)
	}{
		{"mmap", func(p puppet, at uintptr) (uintptr, error) { return p.mmap(10, readWrite, anonymous) }},
		{"mmap over", func(p puppet, at uintptr) (uintptr, error) {
			return p.Call(unix.SYS_MMAP, at+5*pageSize, 10*pageSize, unix.PROT_READ, anonymous|unix.MAP_FIXED, ^uintptr(0), 0)
		}},
		{"mmap of a file over", func(p puppet, at uintptr) (uintptr, error) {
			return p.Call(unix.SYS_MMAP, at+5*pageSize, 10*pageSize, readWrite, unix.MAP_PRIVATE|unix.MAP_FIXED, passedFD, 0)
		}},
		{"munmap", func(p puppet, at uintptr) (uintptr, error) {
			return p.Call(unix.SYS_MUNMAP, at+5*pageSize, 10*pageSize)
		}},
		{"mprotect", func(p puppet, at uintptr) (uintptr, error) {
			return p.Call(unix.SYS_MPROTECT, at+15*pageSize, 10*pageSize, unix.PROT_READ)
		}},
		{"mprotect to be written", func(p puppet, at uintptr) (uintptr, error) {
			return p.Call(unix.SYS_MPROTECT, at+25*pageSize, 10*pageSize, readWrite)
		}},
		{"mremap", func(p puppet, at uintptr) (uintptr, error) {
			return p.Call(unix.SYS_MREMAP, at+5*pageSize, 10*pageSize, 20*pageSize, unix.MREMAP_MAYMOVE)
		}},
		{"mremap in place", func(p puppet, at uintptr) (uintptr, error) {
			return p.Call(unix.SYS_MREMAP, at+10*pageSize, 10*pageSize, 9*pageSize, 0)
		}},
		{"exec", func(p puppet, at uintptr) (uintptr, error) { return 0, p.exec() }},
	} {
		t.Run(step.name, func(t *testing.T) {
			begin(t)
			a := mkdir(t, beancounters(t).Root(), "a")
			failslab(t)
			for n := 1; ; n++ {
				if n > maxAllocations {
					t.Fatalf("still not through at allocation %d", n)
				}
				if step.name == "exec" && n > execAllocations {
					return
				}
				p := puppetIn(t, a)
				at := p.mustMap(t, 20, readWrite, anonymous)
				p.mustMap(t, 1, unix.PROT_NONE, anonymous)
				p.must(t, unix.SYS_MMAP, at+20*pageSize, 20*pageSize, unix.PROT_READ, anonymous|unix.MAP_FIXED, ^uintptr(0), 0)
				memory := p.must(t, unix.SYS_MEMFD_CREATE, address(&zeroPath[0]), 0)
				p.must(t, unix.SYS_DUP3, memory, passedFD, 0)
				p.mustClose(t, memory)
				nth := got(os.OpenFile(fmt.Sprintf("/proc/%d/fail-nth", p.PID), os.O_RDWR, 0))(t)
				got(nth.WriteString(fmt.Sprint(n)))(t)
				if step.name == "exec" {
					p.mustClose(t, 0, 1, 2) // the program may complain
				}
				_, err := step.call(p, at)
				left := make([]byte, 20)
				size, readErr := nth.ReadAt(left, 0)
				nth.Close()
				gone := err == unix.EPIPE // a program was executed, or the puppet was killed on the way
				if !gone {
					if readErr != io.EOF { // which comes with the text
						t.Fatal(readErr)
					}
					if mapped, held := privateWritable(t, p.PID), bcValue(t, a, "privvmpages", "held"); mapped != held {
						t.Fatalf("allocation %d failing (%v): %d pages are held, %d are mapped", n, err, held, mapped)
					}
				}
				injected := gone || string(left[:size]) == "0\n"
				p.Kill()
				wantNothingHeld(t, a)
				if t.Failed() {
					t.Fatalf("allocation %d failing (%v)", n, err)
				}
				if err == nil && !injected {
					t.Logf("%d allocations", n-1)
					return
				}
			}
		})
	}
}

func TestBCChargesInTheKernel(t *testing.T) { runKUnit(t, "container_bc") }
