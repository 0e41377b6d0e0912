// Suite asks a kernel for what no command of the guest's asks for, as the test suites of others do. Its arguments are names of questions; it
// ends with status 1 where the answer to one is not what it should be.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

var questions = map[string]func() error{
	"jobs":       jobs,
	"queue":      queue,
	"network":    network,
	"attributes": attributes,
	"events":     events,
}

func main() {
	for _, name := range os.Args[1:] {
		ask, ok := questions[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "there is no question", name)
			os.Exit(2)
		}
		if err := ask(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
	}
}

// jobs runs a shell on a terminal of its own: a job that stops gives the terminal back, is listed, and goes on in the foreground.
func jobs() error {
	ptm, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer ptm.Close()
	if err := unix.IoctlSetPointerInt(int(ptm.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return fmt.Errorf("unlock the terminal: %w", err)
	}
	n, err := unix.IoctlGetInt(int(ptm.Fd()), unix.TIOCGPTN)
	if err != nil {
		return fmt.Errorf("number of the terminal: %w", err)
	}
	pts, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	shell := exec.Command("sh", "-m", "-c", `tty; sh -c 'kill -STOP $$; echo went on'; jobs; fg`)
	shell.Stdin, shell.Stdout, shell.Stderr = pts, pts, pts
	shell.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := shell.Start(); err != nil {
		return err
	}
	pts.Close()
	said, err := io.ReadAll(ptm) // the other side is gone in the end, which is EIO
	if err != nil && !errors.Is(err, unix.EIO) {
		return err
	}
	if err := shell.Wait(); err != nil {
		return fmt.Errorf("%w after %q", err, said)
	}
	text := string(said)
	for _, want := range []string{fmt.Sprintf("/dev/pts/%d\r\n", n), "Stopped", "went on\r\n"} {
		_, rest, found := strings.Cut(text, want)
		if !found {
			return fmt.Errorf("the shell said %q, where %q should follow", said, want)
		}
		text = rest
	}
	return nil
}

// queue sends a message through a queue of POSIX.
func queue() error {
	name, err := unix.BytePtrFromString("gpc")
	if err != nil {
		return err
	}
	attributes := [8]int64{0, 1, 16} // no flags, one message, of up to so many bytes
	fd, _, e := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(name)), unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600, uintptr(unsafe.Pointer(&attributes)), 0, 0)
	if e != 0 {
		return fmt.Errorf("open: %w", e)
	}
	sent, got := []byte("a message"), make([]byte, 16)
	if _, _, e := unix.Syscall6(unix.SYS_MQ_TIMEDSEND, fd, uintptr(unsafe.Pointer(&sent[0])), uintptr(len(sent)), 3, 0, 0); e != 0 {
		return fmt.Errorf("send: %w", e)
	}
	var priority uint32
	n, _, e := unix.Syscall6(unix.SYS_MQ_TIMEDRECEIVE, fd, uintptr(unsafe.Pointer(&got[0])), uintptr(len(got)), uintptr(unsafe.Pointer(&priority)), 0, 0)
	if e != 0 {
		return fmt.Errorf("receive: %w", e)
	}
	if !bytes.Equal(got[:n], sent) || priority != 3 {
		return fmt.Errorf("got %q with priority %d", got[:n], priority)
	}
	if _, _, e := unix.Syscall(unix.SYS_MQ_UNLINK, uintptr(unsafe.Pointer(name)), 0, 0); e != 0 {
		return fmt.Errorf("unlink: %w", e)
	}
	return nil
}

// network connects to a server on the machine itself.
func network() error {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		return err
	}
	defer client.Close()
	served, err := server.Accept()
	if err != nil {
		return err
	}
	if _, err := served.Write([]byte("hello")); err != nil {
		return err
	}
	served.Close()
	if got, err := io.ReadAll(client); err != nil || string(got) != "hello" {
		return fmt.Errorf("got %q, %w", got, err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return fmt.Errorf("a raw socket: %w", err)
	}
	return unix.Close(fd)
}

// attributes gives a file in the working directory, and one in /dev/shm, an attribute.
func attributes() error {
	for _, path := range []string{"attributed", "/dev/shm/attributed"} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		if err := unix.Setxattr(path, "trusted.gpc", []byte("x"), 0); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// events hears of a file in /tmp in two ways, and asks for what is often left out of a kernel.
func events() error {
	inotify, err := unix.InotifyInit1(0)
	if err != nil {
		return fmt.Errorf("inotify: %w", err)
	}
	if _, err := unix.InotifyAddWatch(inotify, "/tmp", unix.IN_CREATE); err != nil {
		return fmt.Errorf("inotify: %w", err)
	}
	if err := os.WriteFile("/tmp/heard", nil, 0o600); err != nil {
		return err
	}
	var event [unix.SizeofInotifyEvent + unix.NAME_MAX + 1]byte
	if n, err := unix.Read(inotify, event[:]); err != nil || !bytes.Contains(event[:n], []byte("heard\x00")) {
		return fmt.Errorf("inotify told %q, %v", event[:max(n, 0)], err)
	}
	if _, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF, unix.O_RDONLY); err != nil {
		return fmt.Errorf("fanotify: %w", err)
	}
	var params [120]byte // struct io_uring_params, all of it zero
	if _, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&params)), 0); e != 0 {
		return fmt.Errorf("io_uring: %w", e)
	}
	if _, _, e := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0); e != 0 {
		return fmt.Errorf("userfaultfd: %w", e)
	}
	if _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, true); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	if _, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}
