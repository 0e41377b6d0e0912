package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"gpc/harness/guest/wire"
)

// The exit statuses that a shell gives for a command that could not be started.
const (
	statusNotExecutable = 126
	statusNotFound      = 127
)

// environment is what every process of the guest starts with.
func environment() []string {
	return []string{"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root", "USER=root", "SHELL=/bin/sh", "TERM=linux"}
}

// runJob runs a job to its end, with stdio as its three standard files, and returns its exit status. Whatever the job
// has left running is killed: its output has an end then, too.
func runJob(job wire.Job, stdio [3]*os.File) (int, error) {
	pid, err := start(job, stdio)
	if err != nil {
		return explain(job.Argv[0], err, stdio[2])
	}
	status, err := reap(pid)
	if err != nil {
		return 0, err
	}
	if err := unix.Kill(-1, unix.SIGKILL); err != nil && err != unix.ESRCH {
		return 0, err
	}
	if _, err := reap(everyone); err != nil && err != unix.ECHILD {
		return 0, err
	}
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// start starts the job's command and returns its process id.
func start(job wire.Job, stdio [3]*os.File) (int, error) {
	for _, variable := range append(environment(), job.Env...) {
		name, value, _ := strings.Cut(variable, "=")
		if err := os.Setenv(name, value); err != nil {
			return 0, err
		}
	}
	dir := job.Dir
	if dir == "" {
		dir = "/"
	}
	if err := os.Chdir(dir); err != nil {
		return 0, err
	}
	path, err := exec.LookPath(job.Argv[0])
	if err != nil {
		return 0, err
	}
	attr := &syscall.ProcAttr{Env: os.Environ(), Sys: &syscall.SysProcAttr{Setsid: true, Setctty: job.Terminal != nil}}
	for _, f := range stdio {
		attr.Files = append(attr.Files, f.Fd())
	}
	pid, _, err := syscall.StartProcess(path, job.Argv, attr)
	return pid, err
}

// explain says on stderr why a command did not start, and turns the reason into an exit status.
func explain(name string, err error, stderr *os.File) (int, error) {
	status, reason := statusNotExecutable, err
	if lookup := (*exec.Error)(nil); errors.As(err, &lookup) {
		reason = lookup.Err
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		status, reason = statusNotFound, errors.New("command not found")
	}
	_, err = stderr.WriteString(name + ": " + reason.Error() + "\n")
	return status, err
}

// everyone is no process's id: reaping until it ends is reaping until there is no child.
const everyone = -1

// reap waits for the process pid. It collects every other child on the way, as the first process must: orphans
// become its children.
func reap(pid int) (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		ended, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case ended == pid:
			return status, nil
		}
	}
}
