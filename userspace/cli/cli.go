// Package cli is gpc, the command-line tool for process containers: a file per command, or for a few that belong together. The commands
// find arguments, and print; what they do is in package containerfs.
package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit statuses.
const (
	statusFailed = 1
	statusUsage  = 2
)

// exitError is an error with the exit status that gpc ends with.
type exitError struct {
	status int
	err    error
}

func (e exitError) Error() string { return e.err.Error() }

func (e exitError) Unwrap() error { return e.err }

// usagef is an error in what the user has typed.
func usagef(format string, args ...any) error {
	return exitError{statusUsage, fmt.Errorf(format, args...)}
}

// failures are what went wrong with several things, of which each was tried.
type failures []error

func (f failures) Error() string { return errors.Join(f...).Error() }

func (f failures) Unwrap() []error { return f }

// each does something with each argument, whatever becomes of the others.
func each[T any](args []T, do func(T) error) error {
	var failed failures
	for _, arg := range args {
		if err := do(arg); err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return failed
}

// Main runs gpc with the given arguments and returns its exit status.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := untilSignal()
	defer stop()
	out := bufio.NewWriter(stdout)
	root := newRoot(out)
	root.SetErr(stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if e := out.Flush(); e != nil && err == nil {
		err = outputError(e)
	}
	if err == nil {
		return 0
	}
	var signal interruption
	if errors.Is(err, context.Canceled) && errors.As(context.Cause(ctx), &signal) {
		return 128 + int(signal)
	}
	return report(stderr, err)
}

// interruption is the signal that gpc has been ended with.
type interruption syscall.Signal

func (i interruption) Error() string { return syscall.Signal(i).String() }

// untilSignal returns a context that the signals end with which users and systems end programs. A pipe that nobody reads any more is told of
// by an error like other outputs that fail, not by SIGPIPE.
func untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals, pipes := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	signal.Notify(pipes, syscall.SIGPIPE)
	go func() {
		select {
		case s := <-signals:
			cancel(interruption(s.(syscall.Signal)))
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		signal.Stop(pipes)
		cancel(nil)
	}
}

// outputError is an error of our own standard output.
func outputError(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("the output cannot be written: %w", err)
}

// report says what is wrong, and returns the exit status for it: of several things, that of failure where one has failed.
func report(stderr io.Writer, err error) int {
	var several failures
	if !errors.As(err, &several) {
		several = failures{err}
	}
	status := 0
	for _, one := range several {
		var exit exitError
		if !errors.As(one, &exit) {
			exit.status = statusFailed
		}
		fmt.Fprintln(stderr, "gpc:", visible(one.Error()))
		if status == 0 || exit.status == statusFailed {
			status = exit.status
		}
	}
	return status
}

// flush shows what has been printed so far.
func flush(cmd *cobra.Command) error {
	if err := cmd.OutOrStdout().(*bufio.Writer).Flush(); err != nil {
		return outputError(err)
	}
	return nil
}

// New returns the command gpc.
func New() *cobra.Command { return newRoot(os.Stdout) }

// newRoot returns the command gpc with its standard output, which the library's command for completions keeps from the beginning.
func newRoot(out io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "gpc",
		Short: "Show and change process containers",
		Long: `Show and change process containers: named groups of tasks, which are the directories of filesystems of type "container".

A CONTAINER is given in one of these ways:
  /dev/container/jobs   its directory, absolute or not
  cpuacct:/jobs         a subsystem of its hierarchy, and its path there, as in /proc/PID/container
  name=shell:/jobs      the name of its hierarchy, and its path there
  :/jobs                its path in the only hierarchy that is mounted

The exit status is 1 where something failed, and 2 where gpc was called wrongly.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return fmt.Errorf("there is no command %q%s; 'gpc --help' lists them", args[0], suggestion(cmd, args[0]))
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(out)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w; '%s --help' tells more", err, cmd.CommandPath())
	})
	root.AddGroup(&cobra.Group{ID: groupHierarchies, Title: "Hierarchies:"}, &cobra.Group{ID: groupContainers, Title: "Containers:"},
		&cobra.Group{ID: groupTasks, Title: "Tasks:"}, &cobra.Group{ID: groupSettings, Title: "Settings and figures:"})
	for _, group := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{groupHierarchies, []*cobra.Command{mountCommand(), umountCommand(), subsystemsCommand()}},
		{groupContainers, []*cobra.Command{createCommand(), removeCommand(), moveCommand(), listCommand(), treeCommand()}},
		{groupTasks, []*cobra.Command{execCommand(), attachCommand(), psCommand(), whereCommand(), killCommand(), watchCommand()}},
		{groupSettings, []*cobra.Command{getCommand(), setCommand(), statCommand(), bcCommand(), topCommand()}},
	} {
		for _, cmd := range group.commands {
			cmd.GroupID = group.id
			cmd.DisableFlagsInUseLine = true
			root.AddCommand(cmd)
		}
	}
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	usageErrors(root)
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Args, cmd.RunE = noSuchShell, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
	return root
}

// The groups of commands in gpc's help.
const (
	groupHierarchies = "hierarchies"
	groupContainers  = "containers"
	groupTasks       = "tasks"
	groupSettings    = "settings"
)

// noSuchShell refuses to complete for shells that are not known.
func noSuchShell(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("there is no completion for %q; 'gpc completion --help' lists the shells", args[0])
}

// suggestion names a command that is spelt alike.
func suggestion(root *cobra.Command, word string) string {
	root.SuggestionsMinimumDistance = 2
	names := root.SuggestionsFor(word)
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, " or ") + " is spelt alike)"
}

// usageErrors gives wrong arguments of cmd, and of the commands below it, the status of a usage error.
func usageErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usagef("%w", err)
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		usageErrors(sub)
	}
}

// atLeast wants so many arguments, and says which are missing.
func atLeast(n int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return fmt.Errorf("%s needs %s; '%[1]s --help' tells more", cmd.CommandPath(), names)
		}
		return nil
	}
}

// exactly wants so many arguments, and says which.
func exactly(n int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return fmt.Errorf("%s takes %s, and %d arguments were given; '%[1]s --help' tells more", cmd.CommandPath(), names, len(args))
		}
		return nil
	}
}
