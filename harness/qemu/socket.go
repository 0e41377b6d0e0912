package qemu

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/digitalocean/go-qemu/qmp"
	"golang.org/x/sys/unix"
)

// connection makes a pair of connected sockets: our end, and the descriptor of the emulator's.
func (s *spec) connection() (ours net.Conn, fd string, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, "", fmt.Errorf("socketpair: %w", err)
	}
	end := os.NewFile(uintptr(pair[0]), "virtual machine")
	defer end.Close()
	theirs := os.NewFile(uintptr(pair[1]), "host")
	if ours, err = net.FileConn(end); err != nil {
		theirs.Close()
		return nil, "", err
	}
	return ours, s.inherit(theirs), nil
}

// addMonitor adds a QMP monitor and returns our connection to it. go-qemu connects to a socket by its name; the name
// is gone again before the emulator runs, which gets the listening socket itself, with us waiting in its queue. As the name of a socket may
// have no more than some hundred bytes, and the directory of temporary files any, it begins with the directory's descriptor.
func (s *spec) addMonitor() (*qmp.SocketMonitor, error) {
	dir, err := os.MkdirTemp("", "gpc-qmp-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	place, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer place.Close()
	name := fmt.Sprintf("/proc/self/fd/%d/qmp", place.Fd())
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	theirs, err := listener.File()
	if err != nil {
		return nil, err
	}
	fd := s.inherit(theirs)
	s.add("-chardev", "socket,id=qmp,server=on,wait=off,fd="+fd, "-mon", "chardev=qmp,mode=control")
	return qmp.NewSocketMonitor("unix", name, 10*time.Second)
}

// escape makes text safe inside an option that lists values with commas between them.
func escape(text string) string { return strings.ReplaceAll(text, ",", ",,") }
