//go:build guest

package bare

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Stage is memory that processes share by which they are told what to do. Unlike a puppet's pipes it is there for children, too: a process that
// one of them has forked acts as well, and forks others.
type Stage struct{ parts *[Parts]part }

// Parts is how many can act on a stage, threads included.
const Parts = 64

// part is what one of them reads and answers.
type part struct {
	ordered, answered uint32 // futexes, 1 when there is an order or an answer
	call              [7]uintptr
	result, errno     uintptr
	heir              uintptr // the part of the child, if the call makes one
	text              [512]byte
	_                 [64]byte
}

const futexWait, futexWake = 0, 1

// threadCall is no system call: it makes a thread that does nothing but end when it is ordered to.
const threadCall = ^uintptr(0)

// NewStage returns a stage that lasts as long as this process.
func NewStage() (*Stage, error) {
	at, _, errno := syscall.RawSyscall6(syscall.SYS_MMAP, 0, unsafe.Sizeof([Parts]part{}), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_SHARED|syscall.MAP_ANON, ^uintptr(0), 0)
	if errno != 0 {
		return nil, os.NewSyscallError("mmap", errno)
	}
	return &Stage{*(**[Parts]part)(unsafe.Pointer(&at))}, nil
}

// Fork makes a process that plays part n, in the containers of the calling thread. It has none of the caller's files.
func (s *Stage) Fork(n int) (int, error) {
	s.parts[n] = part{}
	parts := s.parts
	guardFork()
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno == 0 && pid == 0 {
		act(parts, uintptr(n))
	}
	unguardFork()
	if errno != 0 {
		return 0, errno
	}
	return int(pid), nil
}

// act is the life of a process on the stage. The Go runtime does not exist there, see obey.
//
//go:nosplit
func act(parts *[Parts]part, n uintptr) {
	syscall.RawSyscall(closeRange, 0, uintptr(^uint32(0)), 0)
	for {
		p := &parts[n]
		for atomic.LoadUint32(&p.ordered) == 0 {
			syscall.RawSyscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&p.ordered)), futexWait, 0, 0, 0, 0)
		}
		atomic.StoreUint32(&p.ordered, 0)
		// A copy: when a child reads this, its maker may have the next order.
		call, heir := p.call, p.heir
		if call[0] == threadCall {
			tid := thread(&parts[heir].ordered)
			p.result, p.errno = uintptr(tid), 0
			if tid < 0 {
				p.errno = uintptr(-tid)
			}
		} else {
			r, _, errno := syscall.RawSyscall6(call[0], call[1], call[2], call[3], call[4], call[5], call[6])
			if call[0] == syscall.SYS_CLONE && errno == 0 && r == 0 {
				n = heir
				continue
			}
			p.result, p.errno = r, uintptr(errno)
		}
		atomic.StoreUint32(&p.answered, 1)
		syscall.RawSyscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&p.answered)), futexWake, 1, 0, 0, 0)
	}
}

// thread makes a thread that shares everything, and ends when the word is not 0: in assembly language, as it must not touch the stack, which is the
// caller's. It returns the thread's id or a negative errno.
func thread(word *uint32) (tid int)

// Tell gives an order to who plays part n, and does not wait for an answer.
func (s *Stage) Tell(n int, number uintptr, args ...uintptr) {
	p := &s.parts[n]
	p.call = [7]uintptr{number}
	copy(p.call[1:], args)
	atomic.StoreUint32(&p.answered, 0)
	atomic.StoreUint32(&p.ordered, 1)
	syscall.RawSyscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&p.ordered)), futexWake, 1, 0, 0, 0)
}

// Call has who plays part n make a system call, and returns what that returns. A part whose process is killed meanwhile is an ESRCH.
func (s *Stage) Call(n, pid int, number uintptr, args ...uintptr) (uintptr, error) {
	s.Tell(n, number, args...)
	p := &s.parts[n]
	wait := syscall.NsecToTimespec(int64(50 * time.Millisecond))
	for atomic.LoadUint32(&p.answered) == 0 {
		syscall.Syscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&p.answered)), futexWait, 0, uintptr(unsafe.Pointer(&wait)), 0, 0)
		if atomic.LoadUint32(&p.answered) == 0 && Dead(pid) {
			return 0, syscall.ESRCH
		}
	}
	_, err := s.Answer(n)
	return p.result, err
}

// Answer tells whether who plays part n has answered what it was told last, and if so with which error.
func (s *Stage) Answer(n int) (bool, error) {
	p := &s.parts[n]
	if atomic.LoadUint32(&p.answered) == 0 {
		return false, nil
	}
	if p.errno != 0 {
		return true, syscall.Errno(p.errno)
	}
	return true, nil
}

// Dead tells whether a child of ours has ended, reaped or not.
func Dead(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	for i := len(stat) - 1; i > 0; i-- {
		if stat[i] == ')' {
			return stat[i+2] == 'Z' || stat[i+2] == 'X'
		}
	}
	return true
}

// Text puts a string where who plays part n finds it, and returns its address.
func (s *Stage) Text(n int, text string) uintptr {
	p := &s.parts[n]
	p.text = [len(p.text)]byte{}
	copy(p.text[:len(p.text)-1], text)
	return uintptr(unsafe.Pointer(&p.text))
}

// Child has who plays part n fork a process that plays another part, with further flags, CLONE_NEW... It is our child, not its maker's.
func (s *Stage) Child(n, pid, heir int, flags uintptr) (int, error) {
	const cloneParent = 0x8000
	return s.bear(n, pid, heir, syscall.SYS_CLONE, flags|cloneParent|uintptr(syscall.SIGCHLD))
}

// Thread has who plays part n make a thread with a part of its own, in which End ends it.
func (s *Stage) Thread(n, pid, heir int) (int, error) { return s.bear(n, pid, heir, threadCall, 0) }

func (s *Stage) bear(n, pid, heir int, call, flags uintptr) (int, error) {
	s.parts[heir] = part{}
	s.parts[n].heir = uintptr(heir)
	id, err := s.Call(n, pid, call, flags)
	return int(id), err
}

// End ends the thread with part n.
func (s *Stage) End(n int) { s.Tell(n, syscall.SYS_EXIT, 0) }
