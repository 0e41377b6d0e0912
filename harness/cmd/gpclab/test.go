package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gpc/harness/kernel"
	"gpc/harness/machine"
	"gpc/harness/regress"
)

// testFlags are what a user may say to gpclab test.
type testFlags struct {
	kernelFlags
	reportFlags
	arch, flavor, run string
	tap               bool
}

func newTestCommand() *cobra.Command {
	var flags testFlags
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Run the in-guest regression tests",
		Long: `Run the in-guest regression tests: ordinary Go tests, in userspace/guesttest, that run as root in a guest of the patched kernel.

Without --arch and --flavor all architectures and patched flavors are tested, in guests beside each other, as far as the host has
processors and memory for them, and shown one after the other; vtime, which only accounts time otherwise, with the tests of that
unless --flavor names it. A guest that dies fails the test that ran and all that had not run. Of a kernel with KUnit, its own tests
are tests, too.

The exit status tells the worst of what happened in all guests: that a kernel panicked, was not done in time, or complained, or else
that a test failed ('gpclab --help' has the numbers).`,
		Example: `  gpclab test --arch x86_64 --flavor debug --run TestMount
  gpclab test --junit report.xml --html report.html
  gpclab test --arch x86_64 --kernel ~/linux/build`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runTests(cmd.Context(), cmd.OutOrStdout(), flags) },
	}
	cmd.Flags().StringVar(&flags.arch, "arch", "", "test only this architecture: "+strings.Join(machine.Names(), " or "))
	cmd.Flags().StringVar(&flags.flavor, "flavor", "", "test only this flavor: release, debug or vtime, or coverage, kcsan or kasan")
	flags.addGiven(cmd.Flags())
	flags.kernelFlags.add(cmd.Flags())
	cmd.Flags().StringVar(&flags.run, "run", "", "run only tests whose names match `REGEXP`, as go test -run does")
	flags.reportFlags.add(cmd.Flags())
	cmd.Flags().BoolVar(&flags.tap, "tap", false, "print the kernel's Test Anything Protocol (KTAP) in place of text for people")
	return cmd
}

func runTests(ctx context.Context, out io.Writer, flags testFlags) error {
	targets, err := flags.targets()
	if err != nil {
		return exitError{status: statusUsage, err: err}
	}
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	suites, err := chosenSuites(lab, targets, flags)
	if err != nil {
		return err
	}
	reports, err := openReports(flags.reportFlags)
	if err != nil {
		return err
	}
	defer reports.discard()
	reports.addFindings(lab, flags.html)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	guests, err := regress.Start(ctx, lab, suites)
	if err != nil {
		return err
	}
	verdict := new(testVerdict)
	view := flags.view(out)
	view.begin(len(guests))
	for _, g := range guests {
		image, tests, err := g.Built()
		if err != nil {
			return err
		}
		name := image.Machine.Name + "/" + image.Name
		view.beginGuest(name, len(tests))
		for e := range g.Events() {
			verdict.see(e)
			view.see(e)
			reports.Record(e)
		}
		ending, err := g.End()
		if err != nil {
			return err
		}
		view.endGuest(ending.Took)
		verdict.end(name, ending.Trouble())
		reports.End(image, ending)
	}
	if err := reports.write(); err != nil {
		return err
	}
	view.end(verdict)
	return verdict.err()
}

// view returns what shows the tests in the way that was asked for.
func (f testFlags) view(out io.Writer) testView {
	if f.tap {
		return &tapView{out: out}
	}
	return &plainView{out: out}
}

// chosenSuites returns the targets that have tests which the user asks for; some tests are for one flavor only.
func chosenSuites(lab *kernel.Lab, targets []regress.Target, flags testFlags) ([]regress.Suite, error) {
	var suites []regress.Suite
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
			suites = append(suites, regress.Suite{Target: target, Spec: flags.spec(target.Flavor), Pattern: pattern})
		}
	}
	if len(suites) == 0 {
		return nil, fmt.Errorf("no in-guest test matches %q: see userspace/guesttest for their names", flags.run)
	}
	return suites, nil
}

// targets returns what the flags choose. A kernel that is there is of one architecture, and tested as release unless --flavor says otherwise.
func (f testFlags) targets() ([]regress.Target, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if _, err := regexp.Compile(f.run); err != nil {
		return nil, fmt.Errorf("--run: %w", err)
	}
	if f.kernel == "" {
		return chosenTargets(f.arch, f.flavor)
	}
	if f.arch == "" {
		return nil, errors.New("--kernel needs --arch, which says what machine it is for")
	}
	if f.flavor == "" {
		f.flavor = string(kernel.Release)
	}
	return chosenTargets(f.arch, f.flavor)
}

// chosenTargets returns the targets of an architecture and a flavor, empty for all.
func chosenTargets(arch, flavor string) ([]regress.Target, error) {
	if arch != "" {
		if _, err := machine.ByName(arch); err != nil {
			return nil, err
		}
	}
	all := regress.Targets()
	if flavor != "" {
		all = append(all, regress.Special()...)
	}
	var chosen []regress.Target
	for _, target := range all {
		if (arch == "" || arch == target.Machine.Name) && (flavor == "" || flavor == string(target.Flavor)) {
			chosen = append(chosen, target)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("there are no tests for flavor %q on this architecture: choose one of %v", flavor, targetFlavors(arch))
	}
	return chosen, nil
}

// targetFlavors lists the flavors of an architecture, empty for all, that can be tested.
func targetFlavors(arch string) []kernel.Flavor {
	var flavors []kernel.Flavor
	for _, target := range append(regress.Targets(), regress.Special()...) {
		if (arch == "" || arch == target.Machine.Name) && !slices.Contains(flavors, target.Flavor) {
			flavors = append(flavors, target.Flavor)
		}
	}
	return flavors
}
