package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// kernelLog is the kernel's log, read from its beginning on, each message once.
type kernelLog struct {
	fd int
	// lost is true if the kernel has overwritten messages before they were read.
	lost bool
}

// openKernelLog opens the kernel's log. Reading it never waits.
func openKernelLog() (*kernelLog, error) {
	const path = "/dev/kmsg"
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return &kernelLog{fd: fd}, nil
}

// news returns what the kernel has said since the last call, as its console shows it.
func (l *kernelLog) news() (string, error) {
	var text strings.Builder
	record := make([]byte, 8192) // more than the longest
	for {
		n, err := unix.Read(l.fd, record)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return text.String(), nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EPIPE):
			l.lost = true
		case err != nil:
			return "", fmt.Errorf("read the kernel's log: %w", err)
		default:
			text.WriteString(consoleLines(string(record[:n])))
		}
	}
}

// consoleLines returns a record of /dev/kmsg as lines of the console; nothing if the record is not the kernel's, but of a program that has
// written there. A record is "PRIORITY,NUMBER,MICROSECONDS,FLAGS;MESSAGE", further lines tell of devices. The kernel alone has facility 0.
func consoleLines(record string) string {
	head, rest, ok := strings.Cut(record, ";")
	fields := strings.Split(head, ",")
	if !ok || len(fields) < 3 {
		return ""
	}
	priority, err := strconv.ParseUint(fields[0], 10, 32)
	if err != nil {
		return ""
	}
	if facility := priority >> 3; facility != 0 {
		return ""
	}
	µs, err := strconv.ParseUint(fields[2], 10, 64)
	if err != nil {
		return ""
	}
	message, _, _ := strings.Cut(rest, "\n")
	var lines strings.Builder
	for line := range strings.SplitSeq(unescape(message), "\n") {
		fmt.Fprintf(&lines, "[%5d.%06d] %s\n", µs/1e6, µs%1e6, line)
	}
	return lines.String()
}

// unescape undoes what /dev/kmsg does to bytes that cannot be printed, the ends of lines among them: they are \xHH there.
func unescape(message string) string {
	before, rest, found := strings.Cut(message, `\x`)
	if !found {
		return message
	}
	var text strings.Builder
	for found {
		text.WriteString(before)
		if len(rest) >= 2 {
			if b, err := strconv.ParseUint(rest[:2], 16, 8); err == nil {
				text.WriteByte(byte(b))
				rest = rest[2:]
			}
		}
		before, rest, found = strings.Cut(rest, `\x`)
	}
	text.WriteString(before)
	return text.String()
}
