package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"gpc/harness/guest/wire"
	"gpc/harness/qemu"
)

// EscapeHelp tells how to leave a guest that does not answer any more.
const EscapeHelp = "Ctrl-A X ends the guest, Ctrl-A Ctrl-A is Ctrl-A"

// errLeft is the user's wish to be done with the guest.
var errLeft = errors.New("ended by the user")

// quietConsole keeps what the kernel says in the normal course of things away from the user's terminal; warnings
// and worse are shown.
const quietConsole = "loglevel=5"

// Interactive boots a guest whose console is the terminal on standard input and output, with a shell on it. It ends
// with the shell, or when the user presses Ctrl-A X. The terminal is left as it was found.
func Interactive(ctx context.Context, c Config) (Result, error) {
	in := int(os.Stdin.Fd())
	state, err := term.MakeRaw(in)
	if err != nil {
		return Result{}, fmt.Errorf("standard input is not a terminal: %w", err)
	}
	defer term.Restore(in, state)
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)

	spec, err := wire.Encode(wire.Job{Argv: mounting(c.Shares, []string{"/bin/sh"}), Env: []string{"TERM=" + terminalType()}, Terminal: terminalSize(), Bare: c.Bare})
	if err != nil {
		return Result{}, err
	}
	c.Append = quietConsole + " " + c.Append
	console := func(string) qemu.Option { return qemu.Console() }
	result, err := live(ctx, c, console, func(vm *qemu.VM, log string) (*conversation, error) {
		talking := &conversation{port: vm.Port(wire.PortName), job: spec}
		go func() {
			if errors.Is(typeInto(vm.Console(), os.Stdin), errLeft) {
				leave(errLeft)
			}
		}()
		go talking.followSize(ctx)
		return talking, talking.showConsole(vm.Console(), log)
	})
	// A user who leaves, or types poweroff, has got what he wanted.
	var ended *EndedError
	if errors.Is(err, errLeft) || errors.As(err, &ended) && ended.OnPurpose() {
		err = nil
	}
	return result, err
}

// showConsole copies what the console shows to the user's terminal and to the log.
func (c *conversation) showConsole(console io.Reader, log string) error {
	f, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	c.console.Go(func() {
		defer f.Close()
		// The log comes first: it shall be whole even if the terminal is gone.
		_, _ = io.Copy(io.MultiWriter(f, os.Stdout), console)
	})
	return nil
}

// terminalType is the kind of terminal the user has, as programs in the guest know it.
func terminalType() string {
	if t := os.Getenv("TERM"); t != "" {
		return t
	}
	return "linux"
}

// terminalSize is the size of the user's terminal, or a common one if it does not tell.
func terminalSize() *wire.Size {
	size, err := unix.IoctlGetWinsize(int(os.Stdout.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Row == 0 || size.Col == 0 {
		return &wire.Size{Rows: 24, Cols: 80}
	}
	return &wire.Size{Rows: size.Row, Cols: size.Col}
}

// followSize tells the guest whenever the user's terminal changes its size.
func (c *conversation) followSize(ctx context.Context) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGWINCH)
	defer signal.Stop(changed)
	for {
		select {
		case <-changed:
			size, err := wire.Encode(terminalSize())
			if err == nil {
				err = c.send(wire.Resize, size)
			}
			c.fail(err)
		case <-ctx.Done():
			return
		}
	}
}

// escapeKey begins a command to us.
const escapeKey = 'A' - '@'

// typeInto passes what is typed on to the console, until either ends or the user asks to leave: then the error is errLeft.
func typeInto(console io.Writer, keyboard io.Reader) error {
	keys := make([]byte, 1024)
	escaped := false
	for {
		n, err := keyboard.Read(keys)
		if err != nil {
			return err
		}
		typed := keys[:0]
		for _, key := range keys[:n] {
			switch {
			case escaped && (key == 'x' || key == 'X'):
				_, err := console.Write(typed)
				return errors.Join(errLeft, err)
			case !escaped && key == escapeKey:
				escaped = true
				continue
			}
			escaped = false
			typed = append(typed, key)
		}
		if _, err := console.Write(typed); err != nil {
			return err
		}
	}
}
