package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"gpc/harness/bench"
	"gpc/harness/kernel"
	"gpc/harness/machine"
)

// profileFlags are what a user may say to gpclab profile.
type profileFlags struct {
	arch, match string
	top         int
}

func newProfileCommand() *cobra.Command {
	var flags profileFlags
	cmd := &cobra.Command{
		Use:   "profile SCENARIO",
		Short: "Count the instructions of one benchmark scenario by kernel function",
		Long: `Count the instructions of one benchmark scenario by kernel function, in the kernels that 'gpclab bench' compares: where
does a fork spend what it costs more than in the unpatched kernel? SCENARIO is the whole name of one, as in the table of
'gpclab bench'.

A plugin of the emulator counts how often each block of code runs. The figures are for one operation, and are what more
batches of it cost more; of each batch they hold what reading the clock costs, in all kernels alike.`,
		Example: `  gpclab profile --arch x86_64 fork@trio/1
  gpclab profile --match container thread@named/1`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runProfile(cmd.Context(), cmd.OutOrStdout(), args[0], flags)
		},
	}
	cmd.Flags().StringVar(&flags.arch, "arch", "", "profile only this architecture: "+strings.Join(machine.Names(), " or "))
	cmd.Flags().StringVar(&flags.match, "match", "", "only functions whose names match `REGEXP`")
	cmd.Flags().IntVar(&flags.top, "top", 30, "show the `N` functions that differ most")
	return cmd
}

func runProfile(ctx context.Context, out io.Writer, scenario string, flags profileFlags) error {
	match, machines, err := flags.check(scenario)
	if err != nil {
		return exitError{status: statusUsage, err: err}
	}
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	for _, m := range machines {
		profile, err := bench.MeasureProfile(ctx, lab, m, scenario)
		if err != nil {
			return err
		}
		if err := profile.WriteTable(out, match, flags.top); err != nil {
			return err
		}
	}
	return nil
}

// check turns the flags into the functions and the machines that are wanted.
func (f profileFlags) check(scenario string) (*regexp.Regexp, []*machine.Machine, error) {
	if !bench.Has(scenario) {
		return nil, nil, fmt.Errorf("there is no scenario %q; docs/performance.md lists them", scenario)
	}
	if f.top < 1 {
		return nil, nil, fmt.Errorf("--top %d: give at least 1", f.top)
	}
	match, err := regexp.Compile(f.match)
	if err != nil {
		return nil, nil, fmt.Errorf("--match: %w", err)
	}
	machines, err := chosenMachines(f.arch)
	return match, machines, err
}
