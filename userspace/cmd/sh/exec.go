package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// Exit statuses of commands that could not be started or were interrupted.
const (
	statusNotExecutable = 126
	statusNotFound      = 127
	statusInterrupted   = 128 + int(syscall.SIGINT)
)

// leader is the way to the thread with the process's own id. What is sent is done there.
type leader chan func()

// serve does what is sent, for ever. Only the main goroutine calls it.
func (l leader) serve() {
	for f := range l {
		f()
	}
}

// do does f on the leader and waits for it.
func (l leader) do(f func()) {
	done := make(chan struct{})
	l <- func() {
		f()
		close(done)
	}
	<-done
}

// executes runs programs: the leader starts them.
func (l leader) executes(interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		hc := interp.HandlerCtx(ctx)
		path, err := interp.LookPathDir(hc.Dir, hc.Env, args[0])
		if err != nil {
			fmt.Fprintf(hc.Stderr, "sh: %s: command not found\n", args[0])
			return interp.NewExitStatus(statusNotFound)
		}
		cmd := &exec.Cmd{Path: path, Args: args, Env: exported(hc.Env), Dir: hc.Dir,
			Stdin: hc.Stdin, Stdout: hc.Stdout, Stderr: hc.Stderr}
		if ctx.Err() != nil {
			return interp.NewExitStatus(uint8(statusInterrupted)) // a Ctrl-C before there was anybody else to take it
		}
		l.do(func() { err = cmd.Start() })
		if err != nil {
			fmt.Fprintf(hc.Stderr, "sh: %s: %v\n", args[0], err)
			return interp.NewExitStatus(statusNotExecutable)
		}
		return exitStatus(cmd.Wait())
	}
}

// exitStatus turns what Wait has returned into the interpreter's exit status.
func exitStatus(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
		return interp.NewExitStatus(uint8(128 + status.Signal()))
	}
	return interp.NewExitStatus(uint8(exit.ExitCode()))
}

// exported lists the variables that a program gets.
func exported(env expand.Environ) []string {
	values := make(map[string]string)
	for name, v := range env.Each {
		// A variable that hides an outer one comes after it.
		delete(values, name)
		if v.IsSet() && v.Exported && v.Kind == expand.String {
			values[name] = v.Str
		}
	}
	list := make([]string, 0, len(values))
	for name, value := range values {
		list = append(list, name+"="+value)
	}
	return list
}

// onLeader reports whether writing to w belongs on the leader's thread: to files, where the kernel may ask who writes,
// but not to pipes and terminals, where a reader that does not read would stop the leader and so the whole shell.
func onLeader(w any) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode().IsRegular()
}
