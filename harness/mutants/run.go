package mutants

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gpc/harness/guest"
	"gpc/harness/kernel"
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
	if all := slices.Concat(m.Tests, m.With); err == nil && len(names) != len(all) {
		err = fmt.Errorf("of the tests %s there are only %q on %s", strings.Join(all, ", "), names, m.Target)
	}
	return err
}

// mostGuests is how many guests are beside each other at most. Each has a tree of 2 GB, and more would wait for kernels, which are built one
// after the other.
const mostGuests = 4

// guests returns how many guests the host has places for beside a build: one is being built while those before it are being tested, in
// which processors of the host and the linker's one thread would otherwise be waited for.
func guests(all []Mutant) (int, error) {
	var sizes []string
	for _, m := range all {
		sizes = append(sizes, m.Target.Machine.Memory)
	}
	places, err := guest.Places(sizes...)
	return min(max(1, places/2), mostGuests), err
}

// Run builds the mutants' kernels, puts each to its tests, and calls done with what became of it, in order. Whatever goes wrong on the way
// is a verdict; the error is ctx's, or the host's.
func Run(ctx context.Context, lab *kernel.Lab, all []Mutant, done func(Result)) error {
	n, err := guests(all)
	if err != nil {
		return err
	}
	return run(ctx, all, n, func(m Mutant, tree string) candidate { return build(ctx, lab, m, tree) },
		func(c candidate) Result { return c.test(ctx, lab) }, done)
}

// run is Run with so many tests beside each other and a build; with none, one thing is done at a time.
func run(ctx context.Context, all []Mutant, guests int, build func(Mutant, string) candidate, test func(candidate) Result,
	done func(Result)) error {
	if guests == 0 {
		return runInTurns(ctx, all, build, test, done)
	}
	free := make(chan string, guests+1)
	for n := range guests + 1 {
		free <- kernel.MutantTree(n)
	}
	places := make(chan struct{}, guests)
	results := make(chan chan Result, len(all)) // a channel for each mutant, in order
	go func() {
		defer close(results)
		for _, m := range all {
			if ctx.Err() != nil {
				return
			}
			c := build(m, <-free)
			result := make(chan Result, 1)
			results <- result
			places <- struct{}{}
			go func() {
				result <- test(c)
				<-places
				free <- c.tree
			}()
		}
	}()
	for result := range results {
		r := <-result
		if ctx.Err() == nil {
			done(r)
		}
	}
	return ctx.Err()
}

// runInTurns is run for a host that has better things to do.
func runInTurns(ctx context.Context, all []Mutant, build func(Mutant, string) candidate, test func(candidate) Result, done func(Result)) error {
	for _, m := range all {
		if r := test(build(m, kernel.MutantTree(0))); ctx.Err() == nil {
			done(r)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return ctx.Err()
}

// candidate is a mutant's kernel, or why there is none.
type candidate struct {
	mutant Mutant
	tree   string
	image  *kernel.Image
	err    error
	took   time.Duration
}

// build makes, in tree, the kernel that is the series and the mutant after it.
func build(ctx context.Context, lab *kernel.Lab, m Mutant, tree string) (c candidate) {
	c = candidate{mutant: m, tree: tree}
	if c.err = Check(lab, m); c.err != nil {
		return c
	}
	return compile(ctx, lab, m, tree)
}

// compile is build without a look at the tests.
func compile(ctx context.Context, lab *kernel.Lab, m Mutant, tree string) (c candidate) {
	c = candidate{mutant: m, tree: tree}
	begun := time.Now()
	defer func() { c.took = time.Since(begun) }()
	s, err := series.Load(lab.SeriesDir())
	if err != nil {
		c.err = err
		return c
	}
	t := kernel.Tree{Name: tree, Series: s, Extra: []string{m.Patch}}
	c.image, c.err = lab.BuildTree(ctx, t, m.Target.Machine, m.Target.Flavor)
	return c
}

// test puts a mutant to its tests.
func (c candidate) test(ctx context.Context, lab *kernel.Lab) Result {
	r := Result{Mutant: c.mutant}
	begun := time.Now()
	err := c.err
	if err == nil {
		err = r.test(ctx, lab, c.image)
	}
	r.Took = c.took + time.Since(begun)
	if err != nil {
		r.Verdict, r.Reason = Failed, err.Error()
	}
	return r
}

func (r *Result) test(ctx context.Context, lab *kernel.Lab, image *kernel.Image) error {
	ended := outcomes{}
	var output strings.Builder
	end, err := regress.Run(ctx, lab, image, r.Mutant.Pattern(), Limit, func(e regress.Event) {
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
