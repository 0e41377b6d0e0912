package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"gpc/harness/guest"
)

// The exit statuses of gpclab's own. git bisect run takes 1 to 124 for a bad commit, skips one at 125, and gives up above 127.
const (
	statusFailed      = 1
	statusUsage       = 2
	statusComplained  = 122
	statusPanicked    = 123
	statusNotDone     = 124
	statusNotTested   = 125
	statusInterrupted = 128 + int(syscall.SIGINT)
)

// statuses says of each status what it tells, in the words of the help and of README.md.
var statuses = []struct {
	status int
	tells  string
}{
	{0, "all is well"},
	{statusFailed, "a test failed, a mutant survived, a scenario became dearer, a check found something"},
	{statusUsage, "wrong words on the command line"},
	{statusComplained, "the kernel complained"},
	{statusPanicked, "the kernel panicked, or the guest went down before its command had ended"},
	{statusNotDone, "the guest was not done in time, or hung"},
	{statusNotTested, "nothing can be said: the series does not apply, the build failed, a file or a program is missing, the disk is full"},
	{statusInterrupted, "gpclab was interrupted"},
}

// statusHelp is the table of statuses as the help shows it.
func statusHelp() string {
	var b strings.Builder
	for _, s := range statuses {
		fmt.Fprintf(&b, "  %-4d %s\n", s.status, s.tells)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// exitError is an error with the exit status that gpclab ends with. Where err is nil nothing is printed: the status
// says it all, as after a guest's command.
type exitError struct {
	status int
	err    error
}

func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// statusOf returns the exit status for an error. One that says nothing of a kernel, nor brings a status, is of the host: whatever was to be
// tested has not been.
func statusOf(err error) int {
	var exit exitError
	var panicked *guest.PanicError
	var ended *guest.EndedError
	var stuck *guest.StuckError
	var corrupt *guest.CorruptError
	var complained *guest.ComplaintError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.status
	case errors.As(err, &panicked), errors.As(err, &ended):
		return statusPanicked
	case errors.As(err, &stuck):
		return statusNotDone
	case errors.As(err, &corrupt), errors.As(err, &complained):
		return statusComplained
	case errors.Is(err, context.Canceled):
		return statusInterrupted
	}
	return statusNotTested
}
