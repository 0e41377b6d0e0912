package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gpc/harness/kernel"
	"gpc/harness/machine"
	"gpc/harness/regress"
)

// testFlags are what a user may say to gpclab test.
type testFlags struct {
	arch, flavor, run, junit string
}

func newTestCommand() *cobra.Command {
	var flags testFlags
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Run the in-guest regression tests",
		Long: `Run the in-guest regression tests: ordinary Go tests, in userspace/guesttest, that run as root in a guest of the patched kernel.

Without --arch and --flavor all architectures and patched flavors are tested, one guest after the other; vtime, which only
accounts time otherwise, with the tests of that unless --flavor names it. A guest that dies fails
the test that ran and all that had not run.

The exit status tells the worst of what happened in all guests: that a kernel panicked, was not done in time, or complained, or else
that a test failed ('gpclab --help' has the numbers).`,
		Example: `  gpclab test --arch x86_64 --flavor debug --run TestMount
  gpclab test --junit report.xml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runTests(cmd.Context(), cmd.OutOrStdout(), flags) },
	}
	cmd.Flags().StringVar(&flags.arch, "arch", "", "test only this architecture: "+strings.Join(machine.Names(), " or "))
	cmd.Flags().StringVar(&flags.flavor, "flavor", "", "test only this flavor: release, debug or vtime")
	cmd.Flags().StringVar(&flags.run, "run", "", "run only tests whose names match `REGEXP`, as go test -run does")
	cmd.Flags().StringVar(&flags.junit, "junit", "", "write a JUnit XML report to `FILE`")
	return cmd
}

func runTests(ctx context.Context, out io.Writer, flags testFlags) error {
	targets, err := chosenTargets(flags.arch, flags.flavor)
	if err != nil {
		return exitError{status: statusUsage, err: err}
	}
	if _, err := regexp.Compile(flags.run); err != nil {
		return exitError{status: statusUsage, err: fmt.Errorf("--run: %w", err)}
	}
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	suites, err := chosenSuites(lab, targets, flags)
	if err != nil {
		return err
	}
	report, err := openReport(flags.junit)
	if err != nil {
		return err
	}
	defer report.discard()
	printer := &testPrinter{out: out}
	for _, s := range suites {
		printer.begin(s)
		ending, err := regress.Run(ctx, lab, s.target, s.pattern, func(e regress.Event) {
			printer.see(e)
			report.Record(e)
		})
		if err != nil {
			return err
		}
		printer.end(ending.Trouble())
	}
	if err := report.write(); err != nil {
		return err
	}
	return printer.summary()
}

// suite is a kernel, the tests that it is put to, and how many they are.
type suite struct {
	target  regress.Target
	pattern string
	tests   int
}

// chosenSuites returns the targets that have tests which the user asks for; some tests are for one flavor only.
func chosenSuites(lab *kernel.Lab, targets []regress.Target, flags testFlags) ([]suite, error) {
	var suites []suite
	for _, target := range targets {
		pattern := flags.run
		if pattern == "" && flags.flavor == "" {
			pattern = target.Pattern()
		}
		names, err := regress.Tests(lab.Root(), target.Machine, target.Flavor, pattern)
		if err != nil {
			return nil, err
		}
		if len(names) > 0 {
			suites = append(suites, suite{target, pattern, len(names) + 1}) // and Health
		}
	}
	if len(suites) == 0 {
		return nil, fmt.Errorf("no in-guest test matches %q: see userspace/guesttest for their names", flags.run)
	}
	return suites, nil
}

// chosenTargets returns the targets of an architecture and a flavor, empty for all.
func chosenTargets(arch, flavor string) ([]regress.Target, error) {
	if arch != "" {
		if _, err := machine.ByName(arch); err != nil {
			return nil, err
		}
	}
	var chosen []regress.Target
	for _, target := range regress.Targets() {
		if (arch == "" || arch == target.Machine.Name) && (flavor == "" || flavor == string(target.Flavor)) {
			chosen = append(chosen, target)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("there are no tests for flavor %q on this architecture: choose one of %v", flavor, targetFlavors(arch))
	}
	return chosen, nil
}

// targetFlavors lists the flavors of an architecture, empty for all, that are tested.
func targetFlavors(arch string) []kernel.Flavor {
	var flavors []kernel.Flavor
	for _, target := range regress.Targets() {
		if (arch == "" || arch == target.Machine.Name) && !slices.Contains(flavors, target.Flavor) {
			flavors = append(flavors, target.Flavor)
		}
	}
	return flavors
}

// testPrinter shows how far the tests are, and the output of those that failed.
type testPrinter struct {
	out            io.Writer
	target         regress.Target
	done, total    int
	started        time.Time
	output         []string // of the current test
	passed, failed int
	failedBefore   int      // in the guests before this one
	verdicts       []int    // the exit statuses that each guest alone would give
	troubles       []string // what was wrong with guests
}

func (p *testPrinter) begin(s suite) {
	p.target, p.done, p.total, p.failedBefore = s.target, 0, s.tests, p.failed
}

// end notes what a guest says: trouble that there was with it, or else its tests.
func (p *testPrinter) end(trouble error) {
	status := statusOf(trouble)
	if status == 0 && p.failed > p.failedBefore {
		status = statusFailed
	}
	p.verdicts = append(p.verdicts, status)
	if trouble != nil {
		what, _, _ := strings.Cut(trouble.Error(), "\n")
		p.troubles = append(p.troubles, fmt.Sprintf("%s: %s", p.target, what))
	}
}

func (p *testPrinter) see(e regress.Event) {
	switch {
	case e.Action == "output":
		p.output = append(p.output, e.Output)
	case e.Action == "run" && e.TopLevel():
		p.started, p.output = time.Now(), nil
	case e.Ends() && e.TopLevel():
		p.finished(e)
	}
}

// finished prints a line for a test, after its output if it has failed.
func (p *testPrinter) finished(e regress.Event) {
	p.done++
	result := "ok  "
	if e.Action == "fail" {
		p.failed++
		result = "FAIL"
		fmt.Fprint(p.out, strings.Join(p.output, ""))
	} else {
		p.passed++
	}
	fmt.Fprintf(p.out, "%s  %s [%d/%d] %s (%.1fs)\n", result, p.target, p.done, p.total, e.Test, time.Since(p.started).Seconds())
}

// gravity has the exit statuses of guests, the one first that says most about a kernel: one that could not be tested says nothing of the others.
var gravity = []int{statusPanicked, statusNotDone, statusComplained, statusFailed, statusNotTested}

// summary prints how many tests there were, and returns an error if one has failed, with the gravest of the guests' statuses.
func (p *testPrinter) summary() error {
	fmt.Fprintf(p.out, "%d passed, %d failed\n", p.passed, p.failed)
	for _, status := range gravity {
		if slices.Contains(p.verdicts, status) {
			said := append([]string{fmt.Sprintf("%d tests failed", p.failed)}, p.troubles...)
			return exitError{status: status, err: errors.New(strings.Join(said, "\n"))}
		}
	}
	return nil
}

// testReport is a JUnit report that appears under its name only when it is complete.
type testReport struct {
	regress.Recorder
	path string
	file *os.File // nil where none was asked for
}

// openReport prepares a report, so that a path that cannot be written is found before the tests; an empty path is for none.
func openReport(path string) (*testReport, error) {
	if path == "" {
		return &testReport{}, nil
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return nil, fmt.Errorf("the report cannot be written: %w", err)
	}
	return &testReport{path: path, file: file}, nil
}

func (r *testReport) write() error {
	if r.file == nil {
		return nil
	}
	if err := r.WriteJUnit(r.file); err != nil {
		return err
	}
	if err := r.file.Chmod(0o644); err != nil {
		return err
	}
	if err := r.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(r.file.Name(), r.path); err != nil {
		return err
	}
	r.file = nil
	return nil
}

// discard removes a report that was not written.
func (r *testReport) discard() {
	if r.file != nil {
		r.file.Close()
		os.Remove(r.file.Name())
	}
}
