// Package bench measures what process containers cost: the same operations in the patched kernel, in the unpatched one, and in
// the one with mainline's cgroups.
//
// The emulator counts instructions, and nothing but the workload runs in the guest, so two runs of a kernel give the same digits
// on any host, whatever else it does. Measure checks that.
package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"gpc/harness/guest"
	"gpc/harness/initramfs"
	"gpc/harness/kernel"
	"gpc/harness/machine"
	"gpc/harness/progress"
)

// limit is how long a guest may take before it counts as hung.
const limit = 15 * time.Minute

// memory is enough for the scenario with 10,000 tasks.
const memory = "1G"

// exact makes the emulator count instructions: a nanosecond of the guest is one instruction, and nothing in it comes from the
// host. That includes the answers of the virtio port's device, which would otherwise come when the emulator's main loop has its
// turn.
var exact = []string{"-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2026-01-01,clock=vm",
	"-global", "virtio-serial-pci.ioeventfd=off"}

// exactAppend keeps the kernel from placing things at random, and from writing to the console.
const exactAppend = "nokaslr norandmaps quiet"

// Drift is a scenario whose two runs in one kernel did not give the same digits.
type Drift struct {
	// Label names the scenario, Kernel the kernel.
	Label, Kernel string
	// First and Second are the costs of one operation, in instructions.
	First, Second float64
}

// String says which scenario it is and how far apart its runs are.
func (d Drift) String() string {
	return fmt.Sprintf("%s in %s: %.2f in one run, %.2f in the other (%+.2f)", d.Label, d.Kernel, d.First, d.Second, d.Second-d.First)
}

// bench is one architecture's benchmark.
type bench struct {
	lab         *kernel.Lab
	machine     *machine.Machine
	match       *regexp.Regexp
	contest     Contest
	images      map[string]*kernel.Image // by the contestant's name, as all maps are
	filesystems map[string]string        // in which the kernels have hierarchies
	base        string                   // the initramfs
	program     string                   // the workload
}

// What there is to be measured.
const (
	Scenarios = "scenarios" // the cost of an operation, by the guest's clock
	Storms    = "storms"    // forks on several processors, by the host's clock
	Functions = "functions" // what the series adds, by function
	Growing   = "growth"    // operations where there is more and more of what they do not touch
	Shared    = "sharing"   // writes to lines of memory that several processors write
)

// Kinds returns all that there is to be measured.
func Kinds() []string { return append(UsualKinds(), Growing, Shared) }

// UsualKinds returns what is measured if nobody says what.
func UsualKinds() []string { return []string{Scenarios, Storms, Functions} }

// Measure builds the kernels of a contest for a machine, and measures those scenarios in each whose names match, of the kinds that are wanted, until two
// runs have given the same digits. It returns the result, and where the digits of two runs differed if no two of mostRuns agree. Cancelling ctx
// ends the guest. Storms are measured by MeasureStorms; only of the usual contest all kinds are known.
func Measure(ctx context.Context, lab *kernel.Lab, m *machine.Machine, contest Contest, match *regexp.Regexp, kinds []string) (Result, []Drift, error) {
	b, err := prepare(ctx, lab, m, contest, match)
	if err != nil {
		return Result{}, nil, err
	}
	result, err := b.describe(ctx)
	if err != nil {
		return result, nil, err
	}
	var drifts []Drift
	if slices.Contains(kinds, Scenarios) {
		if drifts, err = b.measureScenarios(ctx, &result); err != nil {
			return result, nil, err
		}
	}
	if !contest.usual() {
		return result, drifts, nil
	}
	differ, err := b.measureCounted(ctx, &result, kinds)
	return result, append(drifts, differ...), err
}

// measureScenarios measures what each scenario costs in each kernel.
func (b *bench) measureScenarios(ctx context.Context, result *Result) ([]Drift, error) {
	for _, name := range labels(b.match) {
		result.Scenarios = append(result.Scenarios, Scenario{Name: name, Costs: map[string]Cost{}})
	}
	if len(result.Scenarios) == 0 { // a pattern for something else
		return nil, nil
	}
	var drifts []Drift
	for _, f := range b.contest.names() {
		run := func(n int) (measurement, error) { return b.measureExactly(ctx, f, n) }
		agreed, differ, err := agree(f, run)
		if err != nil {
			return nil, err
		}
		result.add(f, agreed)
		drifts = append(drifts, differ...)
	}
	result.prune()
	return drifts, nil
}

// measureCounted measures those of the kinds that the counted program is for.
func (b *bench) measureCounted(ctx context.Context, result *Result, kinds []string) ([]Drift, error) {
	c, err := b.counting(ctx)
	if err != nil {
		return nil, err
	}
	var drifts []Drift
	for _, kind := range []struct {
		name    string
		suite   suite
		measure func() ([]Drift, error)
	}{
		{Functions, budgets, func() (differ []Drift, err error) {
			if result.Counted, err = c.identity(); err != nil {
				return nil, err
			}
			result.Budgets, differ, err = c.measureBudgets(ctx)
			return differ, err
		}},
		{Growing, growth, func() (differ []Drift, err error) {
			result.Growth, differ, err = c.measureGrowth(ctx)
			return differ, err
		}},
		{Shared, sharing, func() (differ []Drift, err error) {
			result.Sharing, differ, err = c.measureSharing(ctx)
			return differ, err
		}},
	} {
		if !slices.Contains(kinds, kind.name) || len(kind.suite.labels(b.match)) == 0 {
			continue
		}
		differ, err := kind.measure()
		if err != nil {
			return nil, err
		}
		drifts = append(drifts, differ...)
	}
	return drifts, nil
}

// mostRuns is how often a kernel is measured where the first two runs differ, as one pair in some dozens may on a busy host. exactly tells why.
const mostRuns = 3

// agree measures until two runs have the same digits, and returns those; otherwise the first run, and where the second differs.
// A run that nobody agrees with is told of on standard error.
func agree(f string, run func(n int) (measurement, error)) (measurement, []Drift, error) {
	var runs []measurement
	for n := 1; n <= mostRuns; n++ {
		latest, err := run(n)
		if err != nil {
			return measurement{}, nil, err
		}
		for _, earlier := range runs {
			if len(compareRuns(f, earlier, latest)) == 0 {
				return latest, nil, nil
			}
		}
		if len(runs) == 1 {
			differ := compareRuns(f, runs[0], latest)
			fmt.Fprintf(os.Stderr, "two runs differ in %d scenarios, first %v; measure once more\n", len(differ), differ[0])
		}
		runs = append(runs, latest)
	}
	return runs[0], compareRuns(f, runs[0], runs[1]), nil
}

// prepare builds all that guests need.
func prepare(ctx context.Context, lab *kernel.Lab, m *machine.Machine, contest Contest, match *regexp.Regexp) (*bench, error) {
	b := &bench{lab: lab, machine: m, match: match, contest: contest, images: map[string]*kernel.Image{}, filesystems: map[string]string{}}
	for _, c := range contest {
		image, err := lab.Kernel(ctx, m, c.Spec)
		if err != nil {
			return nil, err
		}
		b.images[c.Name] = image
		if b.filesystems[c.Name], err = hierarchies(image); err != nil {
			return nil, err
		}
	}
	var err error
	if b.base, err = initramfs.Build(ctx, lab.Root(), lab.BuildDir(), m); err != nil {
		return nil, err
	}
	b.program, err = timed.build(ctx, lab, m)
	return b, err
}

// measureExactly counts instructions in a kernel for the n-th time, in a guest for each suite that has a scenario which is wanted.
func (b *bench) measureExactly(ctx context.Context, f string, n int) (measurement, error) {
	all := newMeasurement()
	for _, s := range suites {
		plan := s.plan(b.filesystems[f], b.match, batches)
		if plan == "" {
			continue
		}
		m, err := b.measure(ctx, f, fmt.Sprintf("run %d", n), b.program, plan, b.exactly(s))
		if err != nil {
			return all, err
		}
		all.add(m)
	}
	return all, nil
}

// exactly describes a guest for a suite, whose instructions are counted. While its processors are idle, the emulator's main loop sets the clock. It
// must not do so while the processors' thread, which is about to be idle, has instructions to add to the clock: they would count
// twice. On one processor of the host the two hardly ever meet there.
func (b *bench) exactly(s suite) guest.Config {
	return guest.Config{SMP: s.processors, NUMA: s.nodes, Memory: memory, Append: exactAppend, ExtraArgs: append(slices.Clone(exact), b.machine.Exact...),
		OneHostProcessor: true}
}

// measure lets a build of the workload follow a plan in a kernel, in a guest as config says. run is what progress calls it.
func (b *bench) measure(ctx context.Context, f string, run, program, plan string, config guest.Config) (measurement, error) {
	step := progress.Start(fmt.Sprintf("measure the %s kernel on %s, %s", f, b.machine.Name, run), 0)
	out, err := b.boot(ctx, b.images[f], program, plan, config)
	step.Done(err)
	if err != nil {
		return measurement{}, fmt.Errorf("the %s kernel on %s: %w", f, b.machine.Name, err)
	}
	m, err := parse(out)
	if err != nil {
		return m, fmt.Errorf("the %s kernel on %s: %w", f, b.machine.Name, err)
	}
	return m, nil
}

// boot boots a kernel with a build of the workload as its first process, in a guest as config says, and returns the workload's results. The
// workload becomes the guest's agent in the end, so the job is to print what it has left.
func (b *bench) boot(ctx context.Context, image *kernel.Image, program, plan string, config guest.Config) (string, error) {
	files, err := overlay(program, plan)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(files)
	config.Kernel, config.Initramfs, config.Files = image, b.base, []string{files}
	// The workload has nothing to say until it is done.
	config.Timeout, config.Silence, config.Bare = limit, limit, true
	config.LogDir = filepath.Join(b.lab.BuildDir(), "log")
	var stdout, stderr bytes.Buffer
	result, err := guest.Run(ctx, config, guest.Job{Argv: []string{"cat", "/results"}, Stdout: &stdout, Stderr: &stderr})
	switch {
	case err != nil:
		return "", err
	case len(result.Complaints) > 0:
		return "", result.Complaint()
	case result.ExitStatus != 0:
		return "", fmt.Errorf("no results of the workload: %s", strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// compareRuns returns the scenarios whose digits differ.
func compareRuns(f string, first, second measurement) []Drift {
	var drifts []Drift
	for _, label := range first.order {
		a, b := first.costs[label], second.costs[label]
		if !slices.Equal(a.Batches, b.Batches) {
			drifts = append(drifts, Drift{label, f, a.Mean(), b.Mean()})
		}
	}
	return drifts
}
