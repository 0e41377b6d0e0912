//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// complaint matches the first line of a report by which the kernel says that something is wrong with itself.
var complaint = regexp.MustCompile(`WARNING:|BUG:|Oops|KASAN|INFO: task .* blocked|INFO: rcu|ODEBUG:|possible .*deadlock|list_(add|del) corruption|refcount_t:|Call Trace`)

// kernelLog is an open /dev/kmsg: reading it returns each message once, and never waits.
type kernelLog struct{ fd int }

// openKernelLog opens the kernel's log behind the last message that there is.
func openKernelLog() (kernelLog, error) {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return kernelLog{}, &os.PathError{Op: "open", Path: "/dev/kmsg", Err: err}
	}
	_, err = unix.Seek(fd, 0, unix.SEEK_END)
	return kernelLog{fd}, err
}

func (l kernelLog) close() { unix.Close(l.fd) }

// complaints returns the complaints among the messages since the last call.
func (l kernelLog) complaints() ([]string, error) {
	var found []string
	buf := make([]byte, 8192)
	for {
		n, err := unix.Read(l.fd, buf)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return found, nil
		case errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.EINTR):
			continue // messages were overwritten before we came to read them; or a signal
		case err != nil:
			return found, &os.PathError{Op: "read", Path: "/dev/kmsg", Err: err}
		}
		head, text, _ := strings.Cut(string(buf[:n]), ";")
		if ofKernel(head) && complaint.MatchString(text) {
			found = append(found, strings.TrimSpace(text))
		}
	}
}

// ofKernel reports whether a record that begins so is the kernel's own: its facility, above the level's three bits, is 0. Programs that write
// to the log have another.
func ofKernel(head string) bool {
	priority, _, _ := strings.Cut(head, ",")
	n, err := strconv.ParseUint(priority, 10, 32)
	return err == nil && n>>3 == 0
}

// checkHealth returns an error if the kernel is tainted, or has stopped to check its locks.
func checkHealth() error {
	taint, err := os.ReadFile("/proc/sys/kernel/tainted")
	if err != nil {
		return err
	}
	const ownTests = 1 << 18 // the kernel has run KUnit tests
	mask, err := strconv.ParseUint(strings.TrimSpace(string(taint)), 10, 64)
	if err != nil {
		return err
	}
	if mask &^= ownTests; mask != 0 {
		return fmt.Errorf("the kernel is tainted: %#x", mask)
	}
	if !lockChecking {
		return nil
	}
	stats, err := os.ReadFile("/proc/lockdep_stats")
	if err != nil {
		return fmt.Errorf("lock checking is not in this kernel: %w", err)
	}
	if !regexp.MustCompile(`debug_locks:\s+1\n`).Match(stats) {
		return errors.New("lock checking has been turned off by something that it found")
	}
	return nil
}

// checkDebugPairIdle returns an error if the debug pair counts more than its two root states once all that was removed is freed.
func checkDebugPairIdle() error {
	dir, err := os.MkdirTemp("", "end")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	h, err := containerfs.Mount("end", dir, containerfs.Options{Subsystems: []string{"debug_a", "debug_b"}})
	if err != nil {
		return err
	}
	defer h.Unmount()
	for _, ss := range debugPair {
		if !within(patience, func() bool { n, err := h.Root().ReadUint(ss + ".live"); return err == nil && n == 1 }) {
			n, err := h.Root().ReadUint(ss + ".live")
			return fmt.Errorf("%s has %d states alive (%v), want only the root's", ss, n, err)
		}
	}
	return nil
}
