//go:build guest

package bare

import (
	"os"
	"syscall"
	"unsafe"
)

// Puppet is a process that does nothing but the system calls it is told to do, one after the other: what it has mapped and opened is
// what it was told to. It is a copy of the caller's memory with a single thread, so memory that was there before has the same address in it.
type Puppet struct {
	// PID is the process's id.
	PID              int
	commands, answer *os.File
	ended            bool // and its number may be somebody else's
}

// command is a system call as the puppet reads it, answer its result.
type (
	command [7]uintptr
	answer  [2]uintptr
)

// closeRange is the system call close_range.
const closeRange = 436

// NewPuppet makes a puppet, in the containers where the calling thread is after enter, with the thread's user. Of the caller's files it
// has standard input, output and error only, and none has been opened after enter. It ends when Close is called.
func NewPuppet(enter func() error) (*Puppet, error) {
	var commands, answers [2]int
	if err := syscall.Pipe2(commands[:], syscall.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	if err := syscall.Pipe2(answers[:], syscall.O_CLOEXEC); err != nil {
		syscall.Close(commands[0])
		syscall.Close(commands[1])
		return nil, os.NewSyscallError("pipe2", err)
	}
	if err := enter(); err != nil {
		for _, fd := range append(commands[:], answers[:]...) {
			syscall.Close(fd)
		}
		return nil, err
	}
	var cmd command
	var ans answer
	guardFork()
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno == 0 && pid == 0 {
		obey(commands, answers, &cmd, &ans)
	}
	unguardFork()
	syscall.Close(commands[0])
	syscall.Close(answers[1])
	p := &Puppet{PID: int(pid), commands: os.NewFile(uintptr(commands[1]), "commands"), answer: os.NewFile(uintptr(answers[0]), "answers")}
	if errno != 0 {
		p.hangUp()
		return nil, os.NewSyscallError("clone", errno)
	}
	return p, nil
}

// obey is the puppet's life. The Go runtime does not exist there: it makes raw system calls only. Nor may it be entered by way of a check
// of the stack: that is where the runtime asks goroutines to let others run, and nobody would come back.
//
//go:nosplit
func obey(commands, answers [2]int, cmd *command, ans *answer) {
	// All but these two: another puppet's pipe would not end with that puppet.
	low, high := uintptr(min(commands[0], answers[1])), uintptr(max(commands[0], answers[1]))
	syscall.RawSyscall(closeRange, 3, low-1, 0)
	if high > low+1 {
		syscall.RawSyscall(closeRange, low+1, high-1, 0)
	}
	syscall.RawSyscall(closeRange, high+1, uintptr(^uint32(0)), 0)
	for {
		n, _, _ := syscall.RawSyscall(syscall.SYS_READ, uintptr(commands[0]), uintptr(unsafe.Pointer(cmd)), unsafe.Sizeof(*cmd))
		if n != unsafe.Sizeof(*cmd) {
			break
		}
		r, _, errno := syscall.RawSyscall6(cmd[0], cmd[1], cmd[2], cmd[3], cmd[4], cmd[5], cmd[6])
		for cmd[0] == syscall.SYS_CLONE && errno == 0 && r == 0 {
			syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
		}
		ans[0], ans[1] = r, uintptr(errno)
		syscall.RawSyscall(syscall.SYS_WRITE, uintptr(answers[1]), uintptr(unsafe.Pointer(ans)), unsafe.Sizeof(*ans))
	}
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// Call has the puppet make a system call, and returns what that returns. A puppet that does not answer, as one that has executed a
// program or was killed, is an EPIPE. A child that it makes by clone, with memory of its own, sleeps until it is killed.
func (p *Puppet) Call(number uintptr, args ...uintptr) (uintptr, error) {
	var cmd command
	var ans answer
	cmd[0] = number
	copy(cmd[1:], args)
	if _, err := p.commands.Write(unsafe.Slice((*byte)(unsafe.Pointer(&cmd)), unsafe.Sizeof(cmd))); err != nil {
		return 0, syscall.EPIPE
	}
	if n, err := p.answer.Read(unsafe.Slice((*byte)(unsafe.Pointer(&ans)), unsafe.Sizeof(ans))); err != nil || uintptr(n) != unsafe.Sizeof(ans) {
		return 0, syscall.EPIPE
	}
	if ans[1] != 0 {
		return ans[0], syscall.Errno(ans[1])
	}
	return ans[0], nil
}

// Kill ends the puppet at once, and waits for its end. It may have ended already.
func (p *Puppet) Kill() {
	if p.ended {
		return
	}
	syscall.Kill(p.PID, syscall.SIGKILL)
	p.reap()
	p.hangUp()
}

// Close lets the puppet end when it has done what it was told, and returns how it has ended.
func (p *Puppet) Close() syscall.WaitStatus {
	p.hangUp()
	return p.reap()
}

func (p *Puppet) hangUp() {
	p.commands.Close()
	p.answer.Close()
}

func (p *Puppet) reap() syscall.WaitStatus {
	p.ended = true
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(p.PID, &status, syscall.WALL, nil); err != syscall.EINTR {
			return status
		}
	}
}
