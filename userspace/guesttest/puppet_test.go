//go:build guest

package guesttest

import (
	"encoding/binary"
	"fmt"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// What puppets need of memory, at the addresses that it has in them, too: it must be there before they are.
var (
	nullPath    = append([]byte("/dev/null"), 0)
	missingPath = append([]byte("/no/such/file"), 0)
	zeroPath    = append([]byte("/dev/zero"), 0)
	tmpPath     = append([]byte("/tmp"), 0)
	pairOfFDs   [2]int32
	oneByte     [1]byte
	passing     passingFD
)

// passingFD is a message with one file on board.
type passingFD struct {
	header  unix.Msghdr
	vector  unix.Iovec
	control [32]byte
}

func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// puppet is a process of the test's that does as it is told.
type puppet struct{ *bare.Puppet }

// puppetIn returns a puppet that was born in c, as root. It ends with the test, before c.
func puppetIn(t testing.TB, c containerfs.Container) puppet {
	t.Helper()
	var p *bare.Puppet
	onThread(t, func(int) {
		var err error
		if p, err = bare.NewPuppet(func() error { return c.Attach(0) }); err != nil {
			t.Error(err)
		}
	})
	if p == nil {
		t.FailNow()
	}
	t.Cleanup(p.Kill)
	return puppet{p}
}

// must makes a system call that must not fail.
func (p puppet) must(t testing.TB, number uintptr, args ...uintptr) uintptr {
	t.Helper()
	r, err := p.Call(number, args...)
	if err != nil {
		t.Fatalf("system call %d of the puppet: %v", number, err)
	}
	return r
}

const atCWD = ^uintptr(99) // AT_FDCWD

// open opens /dev/null.
func (p puppet) open() (uintptr, error) {
	return p.Call(unix.SYS_OPENAT, atCWD, address(&nullPath[0]), unix.O_RDONLY, 0)
}

func (p puppet) mustOpen(t testing.TB, n int) []uintptr {
	t.Helper()
	var fds []uintptr
	for range n {
		fds = append(fds, p.must(t, unix.SYS_OPENAT, atCWD, address(&nullPath[0]), unix.O_RDONLY, 0))
	}
	return fds
}

func (p puppet) mustClose(t testing.TB, fds ...uintptr) {
	t.Helper()
	for _, fd := range fds {
		p.must(t, unix.SYS_CLOSE, fd)
	}
}

// dropPrivileges makes the puppet's user another, without capabilities.
func (p puppet) dropPrivileges(t testing.TB) {
	t.Helper()
	p.must(t, unix.SYS_SETRESUID, 1000, 1000, 1000)
}

// pinTo keeps the puppet on one CPU.
func (p puppet) pinTo(t testing.TB, cpu int) {
	t.Helper()
	var set unix.CPUSet
	set.Set(cpu)
	must(t, unix.SchedSetaffinity(p.PID, &set))
}

// mmap maps that many pages.
func (p puppet) mmap(pages int, protection, flags uintptr) (uintptr, error) {
	return p.Call(unix.SYS_MMAP, 0, uintptr(pages)*pageSize, protection, flags, ^uintptr(0), 0)
}

func (p puppet) mustMap(t testing.TB, pages int, protection, flags uintptr) uintptr {
	t.Helper()
	return p.must(t, unix.SYS_MMAP, 0, uintptr(pages)*pageSize, protection, flags, ^uintptr(0), 0)
}

func (p puppet) mustUnmap(t testing.TB, at uintptr, pages int) {
	t.Helper()
	p.must(t, unix.SYS_MUNMAP, at, uintptr(pages)*pageSize)
}

// passedFD is the number that a file must have for a puppet to send it.
const passedFD = 200

// The message that a puppet sends is laid out before there is any puppet: each has its own copy.
func init() {
	passing.vector = unix.Iovec{Base: &oneByte[0], Len: 1}
	rights := unix.UnixRights(passedFD)
	copy(passing.control[:], rights)
	passing.header = unix.Msghdr{Iov: &passing.vector, Iovlen: 1, Control: &passing.control[0]}
	passing.header.SetControllen(len(rights))
}

// send has the puppet send a file to a socket, and close it. It does so once in its life, before it receives anything.
func (p puppet) send(t testing.TB, socket, fd uintptr) {
	t.Helper()
	p.must(t, unix.SYS_DUP3, fd, passedFD, 0)
	p.must(t, unix.SYS_SENDMSG, socket, address(&passing.header), 0)
	p.mustClose(t, fd, passedFD)
}

// receive has the puppet receive a file from a socket.
func (p puppet) receive(t testing.TB, socket uintptr) {
	t.Helper()
	p.must(t, unix.SYS_RECVMSG, socket, address(&passing.header), 0)
}

// mustPair makes a system call that returns a pair of files, such as pipe2. They are put into pairOfFDs.
func (p puppet) mustPair(t testing.TB, number uintptr, args ...uintptr) (uintptr, uintptr) {
	t.Helper()
	p.must(t, number, args...)
	memory := got(os.Open(fmt.Sprintf("/proc/%d/mem", p.PID)))(t)
	defer memory.Close()
	var fds [8]byte
	got(memory.ReadAt(fds[:], int64(address(&pairOfFDs))))(t)
	return uintptr(binary.NativeEndian.Uint32(fds[:4])), uintptr(binary.NativeEndian.Uint32(fds[4:]))
}

// mustSocketPair makes two sockets that are connected.
func (p puppet) mustSocketPair(t testing.TB) (uintptr, uintptr) {
	t.Helper()
	return p.mustPair(t, unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM, 0, address(&pairOfFDs))
}

// mustFork makes a child of the puppet's, which sleeps until it is killed.
func (p puppet) mustFork(t testing.TB) int {
	t.Helper()
	return int(p.must(t, unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0))
}

// mustEnd ends a child of the puppet's.
func (p puppet) mustEnd(t testing.TB, child int) {
	t.Helper()
	must(t, unix.Kill(child, unix.SIGKILL))
	p.must(t, unix.SYS_WAIT4, uintptr(child), 0, 0, 0)
}

// The program that a puppet executes is this one, as the helper that does nothing.
var (
	programPath = append([]byte("/proc/self/exe"), 0)
	programEnv  = append([]byte(helperEnv+"=nothing"), 0)
	programArgv = [2]uintptr{address(&programPath[0])}
	programEnvv = [2]uintptr{address(&programEnv[0])}
)

// exec has the puppet execute a program. It answers no more, unless that fails.
func (p puppet) exec() error {
	_, err := p.Call(unix.SYS_EXECVE, address(&programPath[0]), address(&programArgv[0]), address(&programEnvv[0]))
	return err
}

// startIn starts a helper in a container.
func startIn(t testing.TB, c containerfs.Container, name string, args ...string) *process {
	t.Helper()
	var p *process
	onThread(t, func(int) {
		if err := c.Attach(0); err != nil {
			t.Error(err)
			return
		}
		p = start(t, nil, nil, name, args...)
	})
	if p == nil {
		t.FailNow()
	}
	return p
}
