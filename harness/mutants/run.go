package mutants

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"gpc/harness/kernel"
	"gpc/harness/progress"
	"gpc/harness/regress"
	"gpc/harness/series"
)

// Limit is how long a mutant's guest may live before it counts as hung: an error, for tests must fail in good time.
const Limit = 5 * time.Minute

// Result is a mutant's fate.
type Result struct {
	Mutant  Mutant
	Verdict Verdict
	// Reason says what the verdict rests on; its first line says enough for a table.
	Reason string
	// Output is what the tests that failed have printed.
	Output string
	Took   time.Duration
}

// Dir returns where the project's mutants are.
func Dir(lab *kernel.Lab) string { return filepath.Join(lab.Root(), "harness", "mutants") }

// Check returns an error if a test that must kill the mutant does not exist for its target.
func Check(lab *kernel.Lab, m Mutant) error {
	names, err := regress.Tests(lab.Root(), m.Target.Machine, m.Target.Flavor, m.Pattern())
	if err == nil && len(names) != len(m.Tests) {
		err = fmt.Errorf("of the tests %s there are only %q on %s", strings.Join(m.Tests, ", "), names, m.Target)
	}
	return err
}

// Run builds a mutant's kernel, in a tree that all mutants share, and puts it to its tests. Whatever goes wrong on the way is a verdict;
// the error is ctx's.
func Run(ctx context.Context, lab *kernel.Lab, m Mutant) (Result, error) {
	r := Result{Mutant: m}
	begun := time.Now()
	err := r.run(ctx, lab)
	r.Took = time.Since(begun)
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if err != nil {
		r.Verdict, r.Reason = Failed, err.Error()
	}
	return r, nil
}

func (r *Result) run(ctx context.Context, lab *kernel.Lab) error {
	if err := Check(lab, r.Mutant); err != nil {
		return err
	}
	image, err := build(ctx, lab, r.Mutant)
	if err != nil {
		return err
	}
	step := progress.Start("run "+strings.Join(r.Mutant.Tests, ", ")+" on "+r.Mutant.Name, 0)
	err = r.test(ctx, lab, image)
	step.Done(err)
	return err
}

// build makes the kernel that is the series and the mutant after it.
func build(ctx context.Context, lab *kernel.Lab, m Mutant) (*kernel.Image, error) {
	s, err := series.Load(lab.SeriesDir())
	if err != nil {
		return nil, err
	}
	tree := kernel.Tree{Name: "mutant", Series: s, Extra: []string{m.Patch}}
	return lab.BuildTree(ctx, tree, m.Target.Machine, m.Target.Flavor)
}

func (r *Result) test(ctx context.Context, lab *kernel.Lab, image *kernel.Image) error {
	ended := outcomes{}
	var output strings.Builder
	end, err := regress.RunImage(ctx, lab, image, r.Mutant.Pattern(), Limit, func(e regress.Event) {
		ended.record(e)
		output.WriteString(e.Output)
	})
	if err != nil {
		return err
	}
	r.Output = output.String()
	r.Verdict, r.Reason = judge(r.Mutant, ended, end)
	return nil
}
