package main

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"gpc/harness/guest/wire"
)

// openConsole opens the terminal behind the kernel's console. /dev/console itself would not do: it cannot be a
// controlling terminal, and so knows no Ctrl-C.
func openConsole() (*os.File, error) {
	active, err := os.ReadFile("/sys/class/tty/console/active")
	if err != nil {
		return nil, err
	}
	// The last one listed is where /dev/console leads.
	names := strings.Fields(string(active))
	if len(names) == 0 {
		return nil, errors.New("the kernel has no console: it was started without console=")
	}
	return os.OpenFile("/dev/"+names[len(names)-1], os.O_RDWR|unix.O_NOCTTY, 0)
}

// resize tells a terminal its size; whoever runs on it gets SIGWINCH.
func resize(tty *os.File, size wire.Size) error {
	if tty == nil {
		return os.ErrInvalid
	}
	return unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Cols})
}

// drainConsole waits until everything written to the console's terminal has left the machine. It opens the terminal
// anew, because the end of the job has cut off whoever had it open.
func drainConsole() error {
	tty, err := openConsole()
	if err != nil {
		return err
	}
	defer tty.Close()
	const drain = 1 // any argument but zero sends no break and waits for the output
	return unix.IoctlSetInt(int(tty.Fd()), unix.TCSBRK, drain)
}
