package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gpc/harness/bench"
	"gpc/harness/kernel"
	"gpc/harness/machine"
)

// benchFlags are what a user may say to gpclab bench.
type benchFlags struct {
	kernelFlags
	against, arch, scenario, json, svg, compare string
	kinds                                       []string
	keep                                        bool
}

func newBenchCommand() *cobra.Command {
	var flags benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Count the instructions that fork, exit and the rest cost, beside mainline's cgroups",
		Long: `Count the instructions that fork, exit and the rest cost in three kernels of the same source: vanilla, release, and
cgroup with mainline's cgroup v1. docs/performance.md tells how, and what the scenarios are.

The emulator counts instructions, so the figures depend neither on the host nor on what else it does. Each kernel is
measured twice, and once more where a digit differs; if no two runs are the same the exit status is 125, as nothing is known then.
Fork storms on several processors follow, by the clock: those are ratios, and no test. What the series adds
by function is counted in some of the scenarios, and is the same in every run. --only chooses among these kinds, and knows two more:
growth, operations where there is more and more of what they do not touch, and sharing, writes to lines of memory that
several processors write.

With --kernel two kernels of any origin are measured side by side: that one and the one that --against names, each an image,
the build directory of one, or a flavor. What hierarchies a kernel can mount is read from its configuration, where that lies
beside it.

With --compare the result is held against an earlier one, which --json has written. If both are of the same Linux,
compiler, emulator and workload, a scenario that has become dearer by more than 30 instructions, 0.1 %, or half its
spread, whichever is most, makes the exit status 1, and so does a part of the series that adds 3 instructions more by function. Another --scenario is another workload: what was measured before has left its traces in
the kernel.`,
		Example: `  gpclab bench --arch x86_64 --scenario '^(fork|thread)@'
  gpclab bench --only storms
  gpclab bench --only functions --json docs/performance.json --keep
  gpclab bench --json result.json --svg result.svg
  gpclab bench --arch x86_64 --kernel ~/linux/new --against ~/linux/old`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runBench(cmd.Context(), cmd.OutOrStdout(), flags) },
	}
	cmd.Flags().StringVar(&flags.arch, "arch", "", "measure only this architecture: "+strings.Join(machine.Names(), " or "))
	cmd.Flags().StringVar(&flags.kernel, "kernel", "", "measure the kernel `IMAGE`, that in the build directory IMAGE, or the flavor of that name")
	cmd.Flags().StringVar(&flags.against, "against", "", "measure it against the kernel `IMAGE`, given in the same way (default vanilla)")
	flags.add(cmd.Flags())
	cmd.Flags().StringVar(&flags.scenario, "scenario", "", "measure only scenarios whose names match `REGEXP`, such as 'fork@trio'")
	cmd.Flags().StringSliceVar(&flags.kinds, "only", nil, "measure only these `KIND`s, with commas between: "+strings.Join(bench.Kinds(), ", ")+" (default all but the last two)")
	cmd.Flags().StringVar(&flags.json, "json", "", "write the raw results to `FILE`")
	cmd.Flags().BoolVar(&flags.keep, "keep", false, "keep in the file of --json what is there and was not measured: with --only, or --arch")
	cmd.Flags().StringVar(&flags.svg, "svg", "", "draw a chart of what is above vanilla to `FILE`")
	cmd.Flags().StringVar(&flags.compare, "compare", "", "compare with the results in `FILE`")
	return cmd
}

func runBench(ctx context.Context, out io.Writer, flags benchFlags) error {
	match, machines, err := flags.check()
	if err != nil {
		return exitError{status: statusUsage, err: err}
	}
	before, err := flags.before()
	if err != nil {
		return err
	}
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	report := new(bench.Report)
	var drifts []bench.Drift
	for _, m := range machines {
		result, differs, err := bench.Measure(ctx, lab, m, flags.contest(), match, flags.wanted())
		if err != nil {
			return err
		}
		var storms []bench.Storm
		if slices.Contains(flags.wanted(), bench.Storms) {
			if storms, err = bench.MeasureStorms(ctx, lab, m, flags.contest(), match); err != nil {
				return err
			}
		}
		if err := writeTables(out, result, storms); err != nil {
			return err
		}
		report.Machines = append(report.Machines, result)
		drifts = append(drifts, differs...)
	}
	if before != nil {
		err = writeComparison(out, bench.Compare(before, report))
	}
	if err := flags.save(report); err != nil {
		return err
	}
	if differ := sameDigits(drifts); differ != nil {
		return differ
	}
	return err
}

// check turns the flags into what is to be measured.
func (f benchFlags) check() (*regexp.Regexp, []*machine.Machine, error) {
	match, err := regexp.Compile(f.scenario)
	if err != nil {
		return nil, nil, fmt.Errorf("--scenario: %w", err)
	}
	if !bench.Matches(match) {
		return nil, nil, fmt.Errorf("--scenario: no scenario matches %q; docs/performance.md lists them", f.scenario)
	}
	for _, kind := range f.kinds {
		if !slices.Contains(bench.Kinds(), kind) {
			return nil, nil, fmt.Errorf("--only %s: choose among %s", kind, strings.Join(bench.Kinds(), ", "))
		}
	}
	ofTheSeries := func(kind string) bool { return kind != bench.Scenarios && kind != bench.Storms }
	if i := slices.IndexFunc(f.kinds, ofTheSeries); i >= 0 && f.kernel != "" {
		return nil, nil, fmt.Errorf("--only %s is for the series: of two kernels scenarios and storms are measured", f.kinds[i])
	}
	if f.keep && f.json == "" {
		return nil, nil, errors.New("--keep needs --json: in which file?")
	}
	if f.kernel != "" && f.compare != "" {
		return nil, nil, errors.New("--compare is for the series: of two kernels, --json keeps what was measured")
	}
	if f.kernel == "" && f.against != "" {
		return nil, nil, errors.New("--against needs --kernel: what shall be measured against it?")
	}
	if f.kernel != "" && f.kernel == f.against {
		return nil, nil, fmt.Errorf("%s cannot be measured against itself", f.kernel)
	}
	if slices.Contains(f.config, "") {
		return nil, nil, errEmptyConfig
	}
	for _, c := range f.contest() {
		if c.Spec.Given != "" && (f.series != "" || len(f.config) > 0) {
			return nil, nil, fmt.Errorf("%s is taken as it is: --series and --config are for kernels that are built", c.Spec.Given)
		}
	}
	machines, err := chosenMachines(f.arch)
	return match, machines, err
}

// wanted returns the kinds of what is to be measured.
func (f benchFlags) wanted() []string {
	if len(f.kinds) == 0 {
		return bench.UsualKinds()
	}
	return f.kinds
}

// contest returns the kernels that are measured together.
func (f benchFlags) contest() bench.Contest {
	if f.kernel == "" {
		return bench.Usual(f.spec(""))
	}
	return bench.Pair(f.named(f.kernel), f.named(cmp.Or(f.against, string(kernel.Vanilla))))
}

// named says which kernel a user means by a name: a flavor, or a path.
func (f benchFlags) named(name string) bench.Contestant {
	if flavor, err := kernel.ParseFlavor(name); err == nil {
		f.kernel = ""
		return bench.Contestant{Name: name, Spec: f.spec(flavor)}
	}
	return bench.Contestant{Name: name, Spec: kernel.Spec{Given: name}}
}

// before returns the result to compare with, nil without.
func (f benchFlags) before() (*bench.Report, error) {
	if f.compare == "" {
		return nil, nil
	}
	return bench.Load(f.compare)
}

// chosenMachines returns the machine of an architecture, or all if there is no name.
func chosenMachines(arch string) ([]*machine.Machine, error) {
	if arch == "" {
		return machine.All(), nil
	}
	m, err := machine.ByName(arch)
	return []*machine.Machine{m}, err
}

// writeTables prints what was measured on a machine.
func writeTables(out io.Writer, result bench.Result, storms []bench.Storm) error {
	if len(result.Scenarios) > 0 {
		if err := result.WriteTable(out); err != nil {
			return err
		}
	}
	if len(result.Budgets) > 0 {
		if err := bench.WriteBudgets(out, result.Machine, result.Budgets); err != nil {
			return err
		}
	}
	if len(result.Growth) > 0 {
		if err := bench.WriteGrowth(out, result.Machine, result.Growth); err != nil {
			return err
		}
	}
	if len(result.Sharing) > 0 {
		if err := bench.WriteSharing(out, result.Machine, result.Sharing); err != nil {
			return err
		}
	}
	if len(storms) > 0 {
		return bench.WriteStorms(out, result.Machine, storms)
	}
	return nil
}

// save writes the files that were asked for.
func (f benchFlags) save(report *bench.Report) error {
	if f.keep {
		earlier, err := bench.Load(f.json)
		if err != nil {
			return err
		}
		report.Keep(earlier, f.wanted())
	}
	if f.json != "" {
		if err := report.Save(f.json); err != nil {
			return err
		}
	}
	if f.svg != "" {
		return report.WriteChart(f.svg)
	}
	return nil
}

// writeComparison prints what has changed, and returns an error where a scenario became dearer by more than is tolerated.
func writeComparison(out io.Writer, comparisons []bench.Comparison) error {
	dearer := 0
	for _, c := range comparisons {
		if err := c.Write(out); err != nil {
			return err
		}
		dearer += len(c.Dearer()) + len(c.DearerBudgets())
	}
	if dearer > 0 {
		return exitError{status: statusFailed, err: fmt.Errorf("%d figures have become dearer", dearer)}
	}
	return nil
}

// sameDigits returns an error that names all scenarios whose two runs differ.
func sameDigits(drifts []bench.Drift) error {
	if len(drifts) == 0 {
		return nil
	}
	var b strings.Builder
	for _, d := range drifts {
		fmt.Fprintf(&b, "\n  %v", d)
	}
	return exitError{status: statusNotTested, err: fmt.Errorf("two runs did not give the same digits:%s", b.String())}
}
