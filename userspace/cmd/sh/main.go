// Command sh is the guest's shell.
//
// It interprets the language with mvdan.cc/sh, as u-root's gosh does, and differs from gosh where a Go program with
// many threads would surprise a user of containers. A container holds threads, and a child starts in the container of
// the thread that forked it. After `echo $$ >tasks` only the thread with the shell's process id has moved; so here
// that one thread starts every command and does every write of echo and printf. And a write that the kernel refuses
// is an error: a message, and exit status 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// statusUsage is a shell's exit status for what it cannot make sense of.
const statusUsage = 2

func init() {
	// The main goroutine stays on the thread it starts on, the one whose id is the process's.
	runtime.LockOSThread()
}

func main() {
	command := flag.String("c", "", "run `COMMAND`; the first argument is then its $0, the others $1 and so on")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "usage: sh [-c COMMAND | FILE] [ARG...]\nWithout COMMAND and FILE, commands are read from standard input.\n")
		flag.PrintDefaults()
	}
	flag.Parse()

	lead := make(leader)
	go func() { os.Exit(run(lead, isFlagSet("c"), *command, flag.Args())) }()
	lead.serve()
}

// isFlagSet tells `-c ""` from no -c.
func isFlagSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// run does what the command line asks for and returns the exit status.
func run(lead leader, hasCommand bool, command string, args []string) int {
	var script io.Reader = os.Stdin
	switch {
	case hasCommand:
		script = strings.NewReader(command)
		if len(args) > 0 {
			args = args[1:]
		}
	case len(args) > 0:
		file, err := os.Open(args[0])
		if err != nil {
			fmt.Fprintf(os.Stderr, "sh: %v\n", err)
			return statusNotFound
		}
		defer file.Close()
		script, args = file, args[1:]
	}
	runner, err := newRunner(lead, args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "sh: %v\n", err)
		return statusUsage
	}
	if script == os.Stdin && term.IsTerminal(int(os.Stdin.Fd())) {
		return runInteractive(runner)
	}
	return runScript(runner, script)
}

// newRunner returns an interpreter on the standard files whose commands are started by the leader. args are $1, $2...
func newRunner(lead leader, args []string) (*interp.Runner, error) {
	return interp.New(
		interp.StdIO(os.Stdin, os.Stdout, os.Stderr),
		interp.Params(append([]string{"--"}, args...)...),
		interp.CallHandler(divertEcho),
		interp.ExecHandlers(lead.echoes, lead.executes),
	)
}

// runScript runs statements as they are read and returns the last one's exit status.
func runScript(runner *interp.Runner, script io.Reader) int {
	status := 0
	err := syntax.NewParser().Stmts(script, func(stmt *syntax.Stmt) bool {
		status = runStatement(context.Background(), runner, stmt)
		return !runner.Exited()
	})
	if err != nil {
		fmt.Fprintf(os.Stderr, "sh: %v\n", err)
		return statusUsage
	}
	return status
}

// runStatement runs one statement and returns its exit status. What the interpreter does not support, it panics at.
func runStatement(ctx context.Context, runner *interp.Runner, stmt *syntax.Stmt) (status int) {
	defer func() {
		if problem := recover(); problem != nil {
			fmt.Fprintf(os.Stderr, "sh: %v\n", problem)
			status = statusUsage
		}
	}()
	err := runner.Run(ctx, stmt)
	if status, ok := interp.IsExitStatus(err); ok {
		return int(status)
	}
	if errors.Is(err, context.Canceled) {
		return statusInterrupted
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "sh: %v\n", err)
		return 1
	}
	return 0
}
