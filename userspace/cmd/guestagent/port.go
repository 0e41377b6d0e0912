package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"gpc/harness/guest/wire"
)

// openPort opens the virtio-serial port with the given name.
func openPort(name string) (*os.File, error) {
	names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
	if err != nil {
		return nil, err
	}
	for _, path := range names {
		content, err := os.ReadFile(path)
		if err != nil || strings.TrimSpace(string(content)) != name {
			continue
		}
		device := "/dev/" + filepath.Base(filepath.Dir(path))
		// Blocking, and so out of reach of Go's poller: the driver then keeps the guest from running ahead of the host.
		fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", device, err)
		}
		return os.NewFile(uintptr(fd), device), nil
	}
	return nil, fmt.Errorf("no virtio-serial port is called %s: the host has not attached one", name)
}

// port is the sending side of the port, for goroutines that take turns.
type port struct {
	mu sync.Mutex
	w  io.Writer
}

// send sends one message.
func (p *port) send(kind wire.Kind, payload []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return wire.Write(p.w, kind, payload)
}

// sendValue sends one message with v as its payload.
func (p *port) sendValue(kind wire.Kind, v any) error {
	payload, err := wire.Encode(v)
	if err != nil {
		return err
	}
	return p.send(kind, payload)
}
