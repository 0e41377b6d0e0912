package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// The interpreter's own echo and printf ignore failing writes. They are diverted to these names, which no program has.
const (
	echoName   = "\x00echo"
	printfName = "\x00printf"
)

// divertEcho renames calls of echo and printf, so that they reach echoes.
func divertEcho(_ context.Context, args []string) ([]string, error) {
	switch args[0] {
	case "echo":
		return append([]string{echoName}, args[1:]...), nil
	case "printf":
		return append([]string{printfName}, args[1:]...), nil
	}
	return args, nil
}

// echoes is echo and printf.
func (l leader) echoes(next interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		hc := interp.HandlerCtx(ctx)
		var text string
		var err error
		switch args[0] {
		case echoName:
			text = echo(args[1:])
		case printfName:
			text, err = printf(args[1:])
		default:
			return next(ctx, args)
		}
		if err == nil {
			err = l.write(hc.Stdout, text)
		}
		if err != nil {
			fmt.Fprintf(hc.Stderr, "sh: %s: %v\n", args[0][1:], err)
			return interp.NewExitStatus(1)
		}
		return nil
	}
}

// write writes text with one system call, as the kernel's control files want it, on the right thread.
func (l leader) write(w io.Writer, text string) (err error) {
	if onLeader(w) {
		l.do(func() { _, err = io.WriteString(w, text) })
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// echo returns what `echo args...` prints.
func echo(args []string) string {
	end, escapes := "\n", false
	for len(args) > 0 && (args[0] == "-n" || args[0] == "-e" || args[0] == "-E") {
		switch args[0] {
		case "-n":
			end = ""
		default:
			escapes = args[0] == "-e"
		}
		args = args[1:]
	}
	text := strings.Join(args, " ")
	if escapes {
		// Without arguments the format has no verbs, and nothing can be wrong with it.
		text, _, _ = expand.Format(nil, text, nil)
	}
	return text + end
}

// printf returns what `printf args...` prints: the format is used again as long as arguments are left.
func printf(args []string) (string, error) {
	if len(args) == 0 {
		return "", fmt.Errorf("usage: printf FORMAT [ARG...]")
	}
	var out strings.Builder
	format, args := args[0], args[1:]
	for {
		text, used, err := expand.Format(nil, format, args)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
		args = args[used:]
		if used == 0 || len(args) == 0 {
			return out.String(), nil
		}
	}
}
