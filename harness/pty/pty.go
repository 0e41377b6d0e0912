// Package pty opens pseudo-terminals, for tests that play a user at a terminal.
package pty

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Open opens a pseudo-terminal of that many rows and columns, and returns the user's end and the program's. What is written to the one is read
// from the other. When the last program has closed its end, reading from the user's fails with EIO.
func Open(rows, columns uint16) (user, program *os.File, err error) {
	user, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	program, err = other(user, rows, columns)
	if err != nil {
		user.Close()
		return nil, nil, err
	}
	return user, program, nil
}

// other opens the program's end.
func other(user *os.File, rows, columns uint16) (*os.File, error) {
	fd := int(user.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, os.NewSyscallError("TIOCSPTLCK", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, os.NewSyscallError("TIOCGPTN", err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		return nil, os.NewSyscallError("TIOCSWINSZ", err)
	}
	return os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
}
