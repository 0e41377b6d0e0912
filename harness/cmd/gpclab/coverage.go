package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"gpc/harness/coverage"
	"gpc/harness/kernel"
	"gpc/harness/machine"
	"gpc/harness/regress"
)

// What all tests together must run of containers, in percent.
const (
	linesGoal    = 97
	branchesGoal = 90
)

// explanations is the document that says why some lines are never run.
const explanations = "docs/coverage.md"

func newCoverageCommand() *cobra.Command {
	var arch, pattern string
	cmd := &cobra.Command{
		Use:   "coverage",
		Short: "Tell which lines of containers the in-guest tests run",
		Long: fmt.Sprintf(`Tell which lines and branches of containers the in-guest tests run: builds kernels that count, runs the tests in them, and puts the
counts of all architectures together. A table shows each file; build/coverage/index.html leads to the source with its counts.
Lines that nothing has run are listed, but for those that %s explains.

Exit status 1 tells that a test failed, and after all tests on all architectures also that the goals were missed (%d %% of the lines and
%d %% of the branches) or that a line was neither run nor explained.`, explanations, linesGoal, branchesGoal),
		Example: `  gpclab coverage
  gpclab coverage --arch x86_64 --run Cpuset`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runCoverage(cmd.Context(), cmd.OutOrStdout(), arch, pattern)
		},
	}
	cmd.Flags().StringVar(&arch, "arch", "", "only on this architecture: "+strings.Join(machine.Names(), " or "))
	cmd.Flags().StringVar(&pattern, "run", "", "run only tests whose names match `REGEXP`, as go test -run does")
	return cmd
}

func runCoverage(ctx context.Context, out io.Writer, arch, pattern string) error {
	if _, err := regexp.Compile(pattern); err != nil {
		return exitError{status: statusUsage, err: fmt.Errorf("--run: %w", err)}
	}
	targets, err := chosenTargets(arch, string(kernel.Coverage))
	if err != nil {
		return exitError{status: statusUsage, err: err}
	}
	if err := coverage.Check(); err != nil {
		return err
	}
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	suites, err := chosenSuites(lab, targets, testFlags{run: pattern, flavor: string(kernel.Coverage)})
	if err != nil {
		return exitError{status: statusUsage, err: err}
	}
	c := counting{lab: lab, view: &plainView{out: out}, verdict: new(testVerdict)}
	for _, s := range suites {
		if err := c.count(ctx, s); err != nil {
			return err
		}
	}
	c.view.end(c.verdict)
	report, err := coverage.Merge(ctx, lab, c.source, c.traces)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(lab.Root(), explanations))
	if err != nil {
		return err
	}
	explained := coverage.ReadExplained(string(text))
	problems := judgeCoverage(out, report, explained)
	fmt.Fprintf(out, "%s shows the lines\n", coverage.Pages(lab))
	if err := c.verdict.err(); err != nil {
		return err
	}
	if pattern != "" || len(suites) < len(machine.All()) {
		return nil // some tests, and nobody has promised anything
	}
	for _, line := range explained.Idle() {
		fmt.Fprintf(out, "%s explains what was run, or is no more: %s\n", explanations, line)
	}
	if len(problems) > 0 {
		return exitError{status: statusFailed, err: errors.New(strings.Join(problems, "\n"))}
	}
	return nil
}

// counting is the work of gpclab coverage, guest by guest.
type counting struct {
	lab     *kernel.Lab
	view    testView
	verdict *testVerdict
	source  string   // the tree that the kernels were built from
	traces  []string // what has been counted
}

// count runs a suite, and keeps what was counted meanwhile.
func (c *counting) count(ctx context.Context, s regress.Suite) error {
	image, err := c.lab.Build(ctx, s.Target.Machine, s.Target.Flavor)
	if err != nil {
		return err
	}
	c.source = image.Source
	names, err := regress.Tests(c.lab.Root(), s.Target.Machine, s.Target.Flavor, s.Pattern)
	if err != nil {
		return err
	}
	c.view.beginGuest(s.Target.String(), len(names)+2) // and the kernel's own, and Health
	var counts bytes.Buffer
	ending, err := regress.RunWith(ctx, c.lab, image, s.Pattern, regress.Options{Limit: regress.Limit, Counts: &counts}, func(e regress.Event) {
		c.verdict.see(e)
		c.view.see(e)
	})
	if err != nil {
		return err
	}
	c.view.endGuest(ending.Took)
	c.verdict.end(s.Target.String(), ending.Trouble())
	if ending.Died != nil {
		return ending.Died // and its counts are lost
	}
	trace, err := coverage.Trace(ctx, c.lab, image, &counts)
	c.traces = append(c.traces, trace)
	return err
}

// judgeCoverage prints what was run, and returns what is not as it was promised.
func judgeCoverage(out io.Writer, report *coverage.Report, explained coverage.Explained) []string {
	left := explained.Unexplained(report)
	unexplained := 0
	for _, f := range left {
		for _, l := range f.Never {
			fmt.Fprintf(out, "%s:%d: never run, in %s(): %s\n", f.Name, l.Number, l.Function, l.Text)
			unexplained++
		}
	}
	_ = report.Table(out) // the writer is the terminal's
	lines, branches := report.Total()
	var problems []string
	for _, goal := range []struct {
		what  string
		share coverage.Share
		goal  float64
	}{{"lines", lines, linesGoal}, {"branches", branches, branchesGoal}} {
		if goal.share.Percent() < goal.goal {
			problems = append(problems, fmt.Sprintf("%.1f %% of the %s were run, and it should be %.0f %%", goal.share.Percent(), goal.what, goal.goal))
		}
	}
	if unexplained > 0 {
		problems = append(problems, fmt.Sprintf("%d lines were never run, and %s does not say why", unexplained, explanations))
	}
	return problems
}
