// Package regress runs the in-guest regression tests: it builds them for an architecture, boots a guest, and tells what becomes of
// each test as it happens, also when the guest dies under them.
package regress

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"gpc/harness/guest"
	"gpc/harness/initramfs"
	"gpc/harness/kernel"
	"gpc/harness/lines"
	"gpc/harness/machine"
)

// Limit is how long the tests may take in one guest before it counts as hung.
const Limit = 30 * time.Minute

// nodes is how many NUMA nodes every guest has that runs tests: no test needs one without.
const nodes = 2

// Target is a kernel to be tested.
type Target struct {
	Machine *machine.Machine
	Flavor  kernel.Flavor
}

// String returns the target as reports name it, for example "x86_64/debug".
func (t Target) String() string { return t.Machine.Name + "/" + string(t.Flavor) }

// Pattern describes, as for go test -run, the tests that the target is put to when nobody asks for certain ones: all of them, but where
// a flavor is another one with one thing changed only those of that thing.
func (t Target) Pattern() string {
	if t.Flavor == kernel.Vtime {
		return "Cpuacct|Idle"
	}
	return ""
}

// Targets returns the kernels that every change is tested with: every machine's, in each flavor for that.
func Targets() []Target { return targets(kernel.Patched) }

// Special returns the kernels that the tests can be run on beside those: ones that watch what the tests do.
func Special() []Target {
	return targets(kernel.Watching)
}

func targets(flavors func(*machine.Machine) []kernel.Flavor) []Target {
	var all []Target
	for _, m := range machine.All() {
		for _, f := range flavors(m) {
			all = append(all, Target{m, f})
		}
	}
	return all
}

// Ending is how a guest that ran tests has ended.
type Ending struct {
	guest.Result
	// Died is why the guest did not live to the end of the tests, as guest.Run tells it; nil if it did.
	Died error
	// NotRun are the tests that had not begun by then.
	NotRun []string
	// Began is when the guest was started, Took how long it lived.
	Began time.Time
	Took  time.Duration
}

// Trouble returns what was wrong with the kernel, or with the host, beyond tests that failed: why the guest died, or what its kernel
// complained of; nil for nothing.
func (e Ending) Trouble() error {
	if e.Died != nil {
		return e.Died
	}
	return e.Complaint()
}

// Run boots a guest with a kernel, and runs the tests that pattern (go test -run) matches, of those for the kernel's flavor. The guest may live
// for limit. It calls sink with each event as it comes. Every test that was to run has an end among the events: one that the guest's death
// interrupted or prevented has failed. Where the kernel tests itself as it boots, KUnit is one more, with a subtest for each. A last one, Health, stands for the kernel and the run as a whole.
//
// An error means that the tests could not be started; how the guest ended is told by events, and by what Run returns.
func Run(ctx context.Context, lab *kernel.Lab, image *kernel.Image, pattern string, limit time.Duration, sink func(Event)) (Ending, error) {
	return RunWith(ctx, lab, image, pattern, Options{Limit: limit}, sink)
}

// Options are what a run of tests may have beside them.
type Options struct {
	// Env is added to the tests' environment, as NAME=VALUE.
	Env []string
	// Append is added to the kernel's command line.
	Append string
	// Limit is how long the guest may live.
	Limit time.Duration
	// Lines has the lines of source added to what the kernel says of its troubles.
	Lines bool
	// Yields lets the host's other programs go first.
	Yields bool
	// Counts receives, of a kernel of the flavor coverage, how often its lines have run from the boot to the end of the tests: a tar archive
	// of the data files of gcov. A guest that does not live so long leaves the archive incomplete. It may be nil.
	Counts io.Writer
}

// RunWith is Run with options.
func RunWith(ctx context.Context, lab *kernel.Lab, image *kernel.Image, pattern string, options Options, sink func(Event)) (Ending, error) {
	names, err := expected(lab, image, pattern)
	if err != nil {
		return Ending{}, err
	}
	config, err := prepare(ctx, lab, image)
	if err != nil {
		return Ending{}, err
	}
	config.Timeout, config.Yielding, config.Append = options.Limit, options.Yields, options.Append
	if options.Lines {
		config.Explain = func(text string) string { return lines.Annotate(ctx, image, text) }
	}
	o := newObserver(Name(image), names, sink)
	began := time.Now()
	result, err := boot(ctx, config, pattern, options.job(), o)
	took := time.Since(began)
	if ctx.Err() != nil {
		return Ending{}, ctx.Err()
	}
	o.finish(result, err)
	return Ending{Result: result, Died: err, NotRun: o.waiting, Began: began, Took: took}, nil
}

// Name is what events and reports call the tests of a kernel, for example "x86_64/debug".
func Name(image *kernel.Image) string { return image.Machine.Name + "/" + image.Name }

// expected returns the names of the tests that end in a guest with a kernel, when it is put to those that pattern matches: all but Health.
func expected(lab *kernel.Lab, image *kernel.Image, pattern string) ([]string, error) {
	names, err := chosen(lab, Target{image.Machine, image.Flavor}, pattern)
	if err != nil {
		return nil, err
	}
	self, err := runsKUnit(image)
	if self {
		names = append(names, KUnit)
	}
	return names, err
}

// chosen returns the names of the target's tests that pattern matches, at least one.
func chosen(lab *kernel.Lab, target Target, pattern string) ([]string, error) {
	names, err := Tests(lab.Root(), target.Machine, target.Flavor, pattern)
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("no in-guest test of flavor %s matches %q: see %s for their names", target.Flavor, pattern, suiteDir)
	}
	return names, err
}

// prepare builds initramfs and tests, and describes the guest.
func prepare(ctx context.Context, lab *kernel.Lab, image *kernel.Image) (guest.Config, error) {
	base, err := initramfs.Build(ctx, lab.Root(), lab.BuildDir(), image.Machine)
	if err != nil {
		return guest.Config{}, err
	}
	suite, err := buildSuite(ctx, lab, image.Machine, image.Flavor)
	if err != nil {
		return guest.Config{}, err
	}
	return guest.Config{
		Kernel:    image,
		Initramfs: base,
		Files:     []string{suite},
		NUMA:      nodes,
		Bare:      true,
		LogDir:    filepath.Join(lab.BuildDir(), "log"),
	}, nil
}

// boot runs the tests in a guest, and feeds what they print to the observer. A job with arguments is a program that runs the tests, which are
// named by further arguments; its standard output goes where the job says.
func boot(ctx context.Context, config guest.Config, pattern string, job guest.Job, o *observer) (guest.Result, error) {
	text, output := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- convert(ctx, o.target, text, o.see) }()
	job.Argv = append(job.Argv, "/"+guestProgram, "-test.v=test2json", "-test.timeout="+config.Timeout.String())
	if pattern != "" {
		job.Argv = append(job.Argv, "-test.run="+pattern)
	}
	if job.Stdout == nil {
		job.Stdout = output
	}
	job.Stderr = output
	result, err := guest.Run(ctx, config, job)
	output.Close()
	if convertErr := <-done; err == nil {
		err = convertErr
	}
	return result, err
}
