// Gpclab is the laboratory's one command on the host: it builds kernels with the series, boots them, tests them and
// measures them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// Ctrl-C ends the work in hand; everything cleans up after itself and returns.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// run executes gpclab with the given arguments and returns its exit status.
func run(ctx context.Context, args []string) int {
	root := newRootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	status := statusOf(err)
	if err != nil && ctx.Err() != nil {
		status = statusInterrupted // whatever it was that did not come to its end
	}
	var exit exitError
	switch {
	case err == nil, errors.As(err, &exit) && exit.err == nil:
	case status == statusInterrupted:
		fmt.Fprintln(os.Stderr, "gpclab: interrupted")
	default:
		fmt.Fprintln(os.Stderr, "gpclab:", err)
	}
	return status
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "gpclab",
		Short: "Build, boot, test and measure the kernel with process containers",
		Long: `Build, boot, test and measure the kernel with process containers.

The kernel is Linux 6.12 with the series in kernel-patches/, in several flavors:
  release   patched, all subsystems, no debugging
  debug     patched, with lockdep, KASAN and the like
  vanilla   the configuration of release, unpatched
  cgroup    vanilla with mainline's cgroup v1
  coverage  patched, with counts of how often each line of containers runs
  kcsan     patched, with a watch on accesses of containers that race
  kasan     ppc64 only: patched, with KASAN, which debug has on x86_64
or another one: --kernel takes one that is there, --series another series, --config more options.

Whatever a command needs is built first. V=1 in the environment shows the output of all steps; LINUX_SRC names
another kernel source than Debian's package, a tarball or a tree of 6.12.y.

The exit status is that of the command that 'gpclab boot' runs in the guest, or else
` + statusHelp() + `
as git bisect run wants it: 125 is a commit to be skipped. With one of these other than 0, standard error says what it was.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return exitError{status: statusUsage, err: fmt.Errorf("%w; '%s --help' tells more", err, cmd.CommandPath())}
	})
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newBootCommand(), newBuildCommand(), newTestCommand(), newWatchCommand(), newFuzzCommand(), newMutantsCommand(), newModelsCommand(), newCoverageCommand(), newBenchCommand(), newProfileCommand(),
		newSeriesCommand())
	for _, cmd := range root.Commands() {
		usageErrors(cmd)
	}
	return root
}

func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return exitError{status: statusUsage, err: fmt.Errorf("there is no command %q; '%s --help' lists them", args[0], cmd.CommandPath())}
}

// usageErrors gives wrong arguments of cmd, and of the commands below it, the status of a usage error.
func usageErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			var exit exitError
			if err == nil || errors.As(err, &exit) {
				return err
			}
			return exitError{status: statusUsage, err: err}
		}
	}
	for _, sub := range cmd.Commands() {
		usageErrors(sub)
	}
}
