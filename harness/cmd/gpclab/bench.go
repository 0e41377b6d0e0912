package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"gpc/harness/bench"
	"gpc/harness/kernel"
	"gpc/harness/machine"
)

// benchFlags are what a user may say to gpclab bench.
type benchFlags struct {
	arch, scenario, json, svg, compare string
}

func newBenchCommand() *cobra.Command {
	var flags benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Count the instructions that fork, exit and the rest cost, beside mainline's cgroups",
		Long: `Count the instructions that fork, exit and the rest cost in three kernels of the same source: vanilla, release, and cgroup with
mainline's cgroup v1. docs/performance.md tells how, and what the scenarios are.

The emulator counts instructions, so the figures do not depend on the host or on what else it does. Each kernel is measured twice;
the exit status is 1 where a digit differs.

With --compare the result is held against an earlier one, which --json has written. If both are of the same Linux, compiler, emulator
and workload, a scenario that has become dearer by more than 30 instructions, or by 0.1 % if that is more, makes the exit status 1.`,
		Example: `  gpclab bench --arch x86_64 --scenario '^(fork|thread)@'
  gpclab bench --json result.json --svg result.svg`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runBench(cmd.Context(), cmd.OutOrStdout(), flags) },
	}
	cmd.Flags().StringVar(&flags.arch, "arch", "", "measure only this architecture: "+strings.Join(machine.Names(), " or "))
	cmd.Flags().StringVar(&flags.scenario, "scenario", "", "measure only scenarios whose names match `REGEXP`, such as 'fork@trio'")
	cmd.Flags().StringVar(&flags.json, "json", "", "write the raw results to `FILE`")
	cmd.Flags().StringVar(&flags.svg, "svg", "", "draw a chart of what is above vanilla to `FILE`")
	cmd.Flags().StringVar(&flags.compare, "compare", "", "compare with the results in `FILE`")
	return cmd
}

func runBench(ctx context.Context, out io.Writer, flags benchFlags) error {
	match, err := regexp.Compile(flags.scenario)
	if err != nil {
		return exitError{status: statusUsage, err: fmt.Errorf("--scenario: %w", err)}
	}
	machines := machine.All()
	if flags.arch != "" {
		m, err := machine.ByName(flags.arch)
		if err != nil {
			return exitError{status: statusUsage, err: err}
		}
		machines = []*machine.Machine{m}
	}
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	var report bench.Report
	var drifts []bench.Drift
	for _, m := range machines {
		result, differs, err := bench.Measure(ctx, lab, m, match)
		if err != nil {
			return err
		}
		if err := result.WriteTable(out); err != nil {
			return err
		}
		report.Machines = append(report.Machines, result)
		drifts = append(drifts, differs...)
	}
	if flags.json != "" {
		if err := report.Save(flags.json); err != nil {
			return err
		}
	}
	for _, d := range drifts {
		fmt.Fprintln(os.Stderr, d)
	}
	if len(drifts) > 0 {
		return exitError{status: 1, err: fmt.Errorf("%d scenarios did not give the same digits twice", len(drifts))}
	}
	return nil
}
