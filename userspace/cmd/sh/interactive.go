package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// runInteractive reads and runs commands from the terminal until exit or Ctrl-D, and returns the last exit status.
func runInteractive(runner *interp.Runner) int {
	// Ctrl-C reaches the shell as well as the command. The command dies of it, the shell only leaves its loops.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	disableStop(int(os.Stdin.Fd()))

	keys := &keyboard{file: os.Stdin}
	editor := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keys, os.Stdout}, "")
	editor.AutoCompleteCallback = func(line string, pos int, key rune) (string, int, bool) {
		if key != '\t' {
			return "", 0, false
		}
		line, pos = complete(line, pos, runner)
		return line, pos, true
	}

	status, text := 0, ""
	for {
		line, err := readLine(editor, prompt(runner, text != ""))
		if err != nil {
			fmt.Println()
			return status
		}
		if keys.interrupted {
			keys.interrupted, text = false, ""
			continue
		}
		text += line + "\n"
		program, err := syntax.NewParser().Parse(strings.NewReader(text), "")
		if syntax.IsIncomplete(err) {
			continue
		}
		text = ""
		if err != nil {
			fmt.Fprintf(os.Stderr, "sh: %v\n", err)
			status = statusUsage
			continue
		}
		status = runLine(runner, program.Stmts, interrupts)
		if status == statusInterrupted {
			fmt.Println()
		}
		if runner.Exited() {
			return status
		}
	}
}

// runLine runs the statements of a line until one exits the shell or a Ctrl-C comes.
func runLine(runner *interp.Runner, stmts []*syntax.Stmt, interrupts <-chan os.Signal) (status int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-interrupts:
			cancel()
		case <-ctx.Done():
		}
	}()
	for _, stmt := range stmts {
		status = runStatement(ctx, runner, stmt)
		if runner.Exited() || ctx.Err() != nil {
			break
		}
	}
	return status
}

// prompt is the working directory, or a sign that a command is not complete yet.
func prompt(runner *interp.Runner, more bool) string {
	if more {
		return "> "
	}
	dir := runner.Dir
	if dir == "" {
		dir, _ = os.Getwd()
	}
	return dir + " # "
}

// readLine lets the user edit a line. The terminal is raw only meanwhile: commands find it as they expect it.
func readLine(editor *term.Terminal, prompt string) (string, error) {
	fd := int(os.Stdin.Fd())
	state, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	defer term.Restore(fd, state)
	if cols, rows, err := term.GetSize(fd); err == nil && cols > 0 && rows > 0 {
		if err := editor.SetSize(cols, rows); err != nil {
			return "", err
		}
	}
	editor.SetPrompt(prompt)
	line, err := editor.ReadLine()
	if errors.Is(err, term.ErrPasteIndicator) {
		err = nil
	}
	return line, err
}

// disableStop takes Ctrl-Z its meaning: without job control nothing could continue what it stops.
func disableStop(fd int) {
	if termios, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil {
		termios.Cc[unix.VSUSP] = 0
		// A terminal that cannot be changed still is a terminal.
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, termios)
	}
}

// keyboard is the terminal as the line editor reads it: a key at a time, so that what is typed ahead is there for the command that
// the line starts, and with Ctrl-C as "drop this line", where the editor would end its input.
type keyboard struct {
	file        *os.File
	rest        []byte // keys that stand for one that was read
	interrupted bool   // the last line was dropped
}

// dropLine is end of line, erase to its beginning, enter.
const dropLine = "\x05\x15\r"

// Read reads one key.
func (k *keyboard) Read(p []byte) (int, error) {
	if len(k.rest) == 0 {
		var key [1]byte
		n, err := k.file.Read(key[:])
		if n == 0 || err != nil {
			return 0, err
		}
		k.rest = key[:]
		if key[0] == 'C'-'@' {
			k.interrupted = true
			k.rest = []byte(dropLine)
		}
	}
	n := copy(p, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}
