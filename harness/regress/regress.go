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
	"gpc/harness/machine"
)

// Limit is how long the tests may take in one guest before it counts as hung.
const Limit = 20 * time.Minute

// Target is a kernel to be tested.
type Target struct {
	Machine *machine.Machine
	Flavor  kernel.Flavor
}

// String returns the target as reports name it, for example "x86_64/debug".
func (t Target) String() string { return t.Machine.Name + "/" + string(t.Flavor) }

// Targets returns the kernels that the project promises to test: every machine's, in each patched flavor.
func Targets() []Target {
	var all []Target
	for _, m := range machine.All() {
		for _, f := range []kernel.Flavor{"release", "debug"} {
			all = append(all, Target{m, f})
		}
	}
	return all
}

// Run boots a guest of the target's kernel, after building whatever has changed, and runs the tests that pattern (go test -run) matches.
// It calls sink with each event as it comes. Every test that was to run has an end among the events: one that the guest's death
// interrupted or prevented has failed. A last test, Health, stands for the kernel and the run as a whole.
//
// An error means that the tests could not be started; what happened to the guest afterwards is told by events only.
func Run(ctx context.Context, lab *kernel.Lab, target Target, pattern string, sink func(Event)) error {
	names, err := Tests(lab.Root(), target.Machine, target.Flavor, pattern)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("no in-guest test of flavor %s matches %q: see %s for their names", target.Flavor, pattern, suiteDir)
	}
	config, err := prepare(ctx, lab, target)
	if err != nil {
		return err
	}
	o := newObserver(target.String(), names, sink)
	result, err := boot(ctx, config, pattern, o)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	o.finish(result, err)
	return nil
}

// prepare builds kernel, initramfs and tests, and describes the guest.
func prepare(ctx context.Context, lab *kernel.Lab, target Target) (guest.Config, error) {
	image, err := lab.Build(ctx, target.Machine, target.Flavor)
	if err != nil {
		return guest.Config{}, err
	}
	base, err := initramfs.Build(ctx, lab.Root(), lab.BuildDir(), target.Machine)
	if err != nil {
		return guest.Config{}, err
	}
	suite, err := buildSuite(ctx, lab, target.Machine, target.Flavor)
	if err != nil {
		return guest.Config{}, err
	}
	return guest.Config{
		Kernel:    image,
		Initramfs: base,
		Files:     []string{suite},
		Timeout:   Limit,
		LogDir:    filepath.Join(lab.BuildDir(), "log"),
	}, nil
}

// boot runs the tests in a guest, and feeds what they print to the observer.
func boot(ctx context.Context, config guest.Config, pattern string, o *observer) (guest.Result, error) {
	text, output := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- convert(ctx, o.target, text, o.see) }()
	argv := []string{"/" + guestProgram, "-test.v=test2json", "-test.timeout=" + Limit.String()}
	if pattern != "" {
		argv = append(argv, "-test.run="+pattern)
	}
	result, err := guest.Run(ctx, config, guest.Job{Argv: argv, Stdout: output, Stderr: output, Bare: true})
	output.Close()
	if convertErr := <-done; err == nil {
		err = convertErr
	}
	return result, err
}
