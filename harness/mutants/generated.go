package mutants

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"gpc/harness/complaint"
	"gpc/harness/guest"
	"gpc/harness/kernel"
	"gpc/harness/machine"
	"gpc/harness/mutants/generate"
	"gpc/harness/progress"
	"gpc/harness/regress"
)

// GeneratedTarget is the kernel that generated mutants are made of: what checks itself notices most.
func GeneratedTarget() (regress.Target, error) {
	m, err := machine.ByName("x86_64")
	return regress.Target{Machine: m, Flavor: kernel.Debug}, err
}

// Generated is how generated mutants are to be treated.
type Generated struct {
	// Files are the texts of the files that they are made from.
	Files map[string]string
	// Fast leaves it at the tests of a mutant's subject; without it, what these let pass is put to all tests.
	Fast bool
	// Guests is how many are tested beside each other and a build; 0 has one thing done at a time, and what is negative lets the host decide.
	Guests int
}

// GeneratedResult is the fate of a generated mutant.
type GeneratedResult struct {
	generate.Mutant
	Verdict Verdict
	Reason  string
	// Patch is the mutant as a patch.
	Patch string
	Took  time.Duration
	// Before tells that this was found out in an earlier run.
	Before bool
}

// clashing are the options by which the kernel comes down with its first warning: nothing more is to be learned from it.
const clashing = "panic_on_warn=1"

// Run builds and tests the mutants, and calls done with what became of them, in order; of those known from earlier runs at once, and first.
func (g Generated) Run(ctx context.Context, lab *kernel.Lab, sample []generate.Mutant, done func(GeneratedResult)) error {
	target, err := GeneratedTarget()
	if err != nil {
		return err
	}
	j, err := journalOf(lab)
	if err != nil {
		return err
	}
	byName := map[string]generate.Mutant{}
	var todo []Mutant
	for _, m := range sample {
		if e, ok := j.known(m.Name(), sourceOf(g.Files[m.File]), !g.Fast); ok {
			done(GeneratedResult{Mutant: m, Verdict: e.Verdict, Reason: e.Reason, Patch: m.Patch(g.Files[m.File]),
				Took: time.Duration(e.Seconds * float64(time.Second)), Before: true})
			continue
		}
		path := filepath.Join(generatedDir(lab), m.Name()+".patch")
		if err := os.WriteFile(path, []byte(m.Patch(g.Files[m.File])), 0o644); err != nil {
			return err
		}
		byName[m.Name()] = m
		todo = append(todo, Mutant{Name: m.Name(), Patch: path, Subject: m.String(), Target: target})
	}
	if len(todo) == 0 {
		return nil
	}
	times, err := g.control(ctx, lab, j, target, sample)
	if err != nil {
		return err
	}
	n := g.Guests
	if n < 0 {
		if n, err = guests(todo); err != nil {
			return err
		}
	}
	var keeping error
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = run(ctx, todo, n, func(m Mutant, tree string) candidate { return compile(ctx, lab, m, tree) },
		func(c candidate) Result { return g.test(ctx, lab, c, byName[c.mutant.Name], times) },
		func(r Result) {
			m := byName[r.Mutant.Name]
			if r.Verdict != Failed {
				keeping = j.add(entry{Name: r.Mutant.Name, Source: sourceOf(g.Files[m.File]), Verdict: r.Verdict, Reason: r.Reason, Seconds: r.Took.Seconds(), All: !g.Fast})
			}
			if keeping != nil {
				cancel()
			}
			done(GeneratedResult{Mutant: m, Verdict: r.Verdict, Reason: r.Reason, Patch: m.Patch(g.Files[m.File]), Took: r.Took})
		})
	if keeping != nil {
		return keeping
	}
	return err
}

// control runs the tests without a mutant, those that have not been run so before, and returns how many seconds each takes. What fails then would say
// nothing of a mutant.
func (g Generated) control(ctx context.Context, lab *kernel.Lab, j *journal, target regress.Target, sample []generate.Mutant) (map[string]float64, error) {
	pattern := ""
	if g.Fast {
		pattern = allTests(sample)
	}
	names, err := regress.Tests(lab.Root(), target.Machine, target.Flavor, pattern)
	if err != nil {
		return nil, err
	}
	missing := j.missing(names)
	if len(missing) == 0 {
		return j.times(), nil
	}
	image, err := lab.Build(ctx, target.Machine, target.Flavor)
	if err != nil {
		return nil, err
	}
	times := map[string]float64{}
	var said strings.Builder // by the test that runs
	step := progress.Start("run the tests without a mutant", len(missing))
	reason, err := stage(ctx, lab, image, Mutant{Tests: missing}.Pattern(), regress.Limit, func(e regress.Event) {
		switch {
		case e.TopLevel() && e.Action == "run":
			said.Reset()
		case e.Action == "output":
			said.WriteString(e.Output)
		case e.TopLevel() && e.Ends():
			times[e.Test] = e.Elapsed
			step.Add(1)
		}
	})
	step.Done(err)
	if err != nil {
		return nil, err
	}
	if reason != "" {
		return nil, fmt.Errorf("without a mutant, too, the tests fail, so they say nothing of one: %s\n%s", reason, strings.TrimSpace(said.String()))
	}
	err = j.add(entry{Times: times})
	return j.times(), err
}

// quick is how many seconds a test may have taken to be one of the first that a mutant is put to: those kill most.
const quick = 1

// stages divides the tests that a mutant is put to, all of which have passed without one and have a time: at first the quick ones of its subject and
// random steps, then what else is its subject's, and at last, if it is to see all, the others. A stage may be empty; all others end with a look at lost memory.
func stages(m generate.Mutant, times map[string]float64, all bool) [3][]string {
	subject := regexp.MustCompile(Tests(m))
	var s [3][]string
	for _, name := range slices.Sorted(maps.Keys(times)) {
		switch {
		case name == lostMemory: // of the guest in which it was lost
		case !subject.MatchString(name):
			if all {
				s[2] = append(s[2], name)
			}
		case times[name] <= quick || name == randomSteps:
			s[0] = append(s[0], name)
		default:
			s[1] = append(s[1], name)
		}
	}
	if _, ok := times[lostMemory]; ok {
		for i := range s {
			if len(s[i]) > 0 {
				s[i] = append(s[i], lostMemory)
			}
		}
	}
	return s
}

// limit is how long a guest may live for tests: much longer than they take without a mutant.
func limit(times map[string]float64, names []string) time.Duration {
	seconds := 0.0
	for _, name := range names {
		seconds += times[name]
	}
	return 2*time.Minute + time.Duration(3*seconds)*time.Second
}

// notC matches what a compiler or linker says of code that is not to be built.
var notC = regexp.MustCompile(`(?m)^\S+\.[ch]:\d+(?::\d+)?: (?:fatal )?error: .*|^.*undefined reference to .*`)

// test puts a mutant to the tests of its subject, and what survives them to all others.
func (g Generated) test(ctx context.Context, lab *kernel.Lab, c candidate, m generate.Mutant, times map[string]float64) (r Result) {
	r.Mutant = c.mutant
	begun := time.Now()
	defer func() { r.Took = c.took + time.Since(begun) }()
	if c.err != nil {
		r.Verdict, r.Reason = Failed, c.err.Error()
		if said := notC.FindString(c.err.Error()); said != "" {
			r.Verdict, r.Reason = NotC, said
		}
		return r
	}
	for _, names := range stages(m, times, !g.Fast) {
		if len(names) == 0 {
			continue
		}
		reason, err := stage(ctx, lab, c.image, Mutant{Tests: names}.Pattern(), limit(times, names), func(regress.Event) {})
		if err != nil {
			r.Verdict, r.Reason = Failed, err.Error()
			return r
		}
		if reason != "" {
			r.Verdict, r.Reason = Killed, reason
			return r
		}
	}
	r.Verdict, r.Reason = Survived, "all tests passed"
	if g.Fast {
		r.Reason = "the tests of its subject and random steps passed"
	}
	return r
}

// stage runs tests in a guest, which ends with the first that fails or with the kernel's first warning. It returns what failed, or nothing.
func stage(ctx context.Context, lab *kernel.Lab, image *kernel.Image, pattern string, limit time.Duration, see func(regress.Event)) (string, error) {
	alive, end := context.WithCancel(ctx)
	defer end()
	failed := ""
	ending, err := regress.RunWith(alive, lab, image, pattern, regress.Options{Limit: limit, Append: clashing}, func(e regress.Event) {
		see(e)
		if e.Action == "fail" && failed == "" {
			failed = e.Test
			end()
		}
	})
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil && failed != "":
		return failed + " failed", nil // and so the guest was ended
	case err != nil:
		return "", err
	}
	return judgeStage(failed, ending)
}

// judgeStage tells what was wrong with a guest that was not ended before its time.
func judgeStage(failed string, ending regress.Ending) (string, error) {
	var panicked *guest.PanicError
	var corrupt *guest.CorruptError
	var stuck *guest.StuckError
	var ended *guest.EndedError
	switch err := ending.Died; {
	case errors.As(err, &panicked):
		return "panic: " + title(panicked.Text), nil
	case errors.As(err, &corrupt):
		return "the kernel complained: " + title(corrupt.Text), nil
	case errors.As(err, &stuck) && stuck.Silent:
		return fmt.Sprintf("the guest hung: nothing was heard of it for %v%s", stuck.After, during(failed)), nil
	case errors.As(err, &stuck):
		return fmt.Sprintf("the tests were not done after %v%s", stuck.After, during(failed)), nil
	case errors.As(err, &ended):
		return "the guest went down before the tests had ended" + during(failed), nil
	case err != nil:
		return "", err
	case len(ending.Complaints) > 0:
		return "the kernel complained: " + ending.Complaints[0].Title, nil
	case failed != "":
		return failed + " failed", nil
	}
	return "", nil
}

// during names the test that a guest's end interrupted, which is the first that failed.
func during(failed string) string {
	if failed == "" || failed == regress.Health {
		return ""
	}
	return ", during " + failed
}

// title is what the kernel says first in a text about its troubles.
func title(text string) string {
	if found := complaint.Find(text); len(found) > 0 {
		return found[0].Title
	}
	return firstLine(strings.TrimSpace(text))
}
