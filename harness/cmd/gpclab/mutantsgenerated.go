package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"gpc/harness/kernel"
	"gpc/harness/mutants"
)

// generatedFlags are what a user may say to gpclab mutants generated.
type generatedFlags struct {
	seed       uint64
	count      int
	guests     int
	fast, list bool
}

// hostDecides is the number of guests that nobody has asked for.
const hostDecides = -1

func newMutantsGeneratedCommand() *cobra.Command {
	var flags generatedFlags
	cmd := &cobra.Command{
		Use:   "generated",
		Short: "Put slips of the hand, made by a generator, to the in-guest tests",
		Long: `Put slips of the hand, made by a generator, to the in-guest tests. Places in the C files of containers make a mutant each, if the last
'gpclab coverage' has seen their lines run, or of all lines where it has not counted the files as they are:

  statement  a call, an assignment or a jump is left out
  unlock     what takes or drops a lock or a reference is left out
  condition  that of an if or a while is negated
  logic      && for ||, or the other way round
  bound      < for <=, > for >=, or the other way round; a 1 is not added or taken away
  return     success for an error; true for false, or the other way round

Assertions and messages are left alone, and so is what harness/mutants/equivalents.txt lists. The seed chooses a sample. At first the tests are run
without a mutant: they must pass, and a mutant's tests may take three times as long as they did, and two minutes. Then each mutant's kernel (x86_64,
debug) is built and put to the tests of the file's subject, the quick ones and random steps first, and what survives those, without --fast, to all
others. The first test that fails, a complaint of the kernel's, a panic or a hang kills it. What does not compile is no mutant, and counted apart.

What was found out is kept in build/mutants-generated: who has been interrupted goes on from there. A mutant that was killed stays so as long as its
file is as it was; survivors are put to the tests again when these or anything in the series have changed. Exit status 1 tells of a survivor, whose
patch is shown: it wants a test, or an entry in the list.`,
		Example: `  gpclab mutants generated --list
  gpclab mutants generated --seed 7 --count 20 --fast`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.check(cmd.Flags().Changed("guests")); err != nil {
				return exitError{status: statusUsage, err: err}
			}
			return runGenerated(cmd.Context(), cmd.OutOrStdout(), flags)
		},
	}
	cmd.Flags().Uint64Var(&flags.seed, "seed", 1, "the sample, `N`: the same one of the same code")
	cmd.Flags().IntVar(&flags.count, "count", 200, "how many mutants, `N`; the smaller of two samples is the beginning of the larger one")
	cmd.Flags().IntVar(&flags.guests, "guests", hostDecides, "test `N` beside each other and a build, or with 0 do one thing at a time; the host decides if you do not")
	cmd.Flags().BoolVar(&flags.fast, "fast", false, "leave it at the tests of a mutant's subject and random steps")
	cmd.Flags().BoolVar(&flags.list, "list", false, "only show the sample")
	return cmd
}

// maxGenerated and maxGuests are more than anybody wants.
const (
	maxGenerated = 100000
	maxGuests    = 16
)

func (f generatedFlags) check(guests bool) error {
	switch {
	case f.count < 1 || f.count > maxGenerated:
		return fmt.Errorf("--count %d: it must be 1 to %d", f.count, maxGenerated)
	case guests && (f.guests < 0 || f.guests > maxGuests):
		return fmt.Errorf("--guests %d: it must be 0 to %d", f.guests, maxGuests)
	}
	return nil
}

func runGenerated(ctx context.Context, out io.Writer, flags generatedFlags) error {
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	files, sample, note, err := mutants.Choose(lab, flags.seed, flags.count)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, note)
	if flags.list {
		for _, m := range sample {
			fmt.Fprintln(out, m)
		}
		return nil
	}
	var results []mutants.GeneratedResult
	g := mutants.Generated{Files: files, Fast: flags.fast, Guests: flags.guests}
	err = g.Run(ctx, lab, sample, func(r mutants.GeneratedResult) {
		results = append(results, r)
		fmt.Fprintf(out, "[%d/%d] %s\n%s\n", len(results), len(sample), r.Mutant, generatedVerdict(r))
	})
	if err != nil {
		return err
	}
	return summarizeGenerated(out, results)
}

// generatedVerdict is a line on what became of a mutant.
func generatedVerdict(r mutants.GeneratedResult) string {
	first, _, _ := strings.Cut(r.Reason, "\n")
	if r.Verdict == mutants.Failed {
		first = r.Reason
	}
	if r.Before {
		return fmt.Sprintf("%s: %s (in an earlier run)", r.Verdict, first)
	}
	return fmt.Sprintf("%s: %s (%.0f s)", r.Verdict, first, r.Took.Seconds())
}

// summarizeGenerated shows the survivors and how many mutants had which fate, and returns an error where a mutant's fate wants somebody's attention.
func summarizeGenerated(out io.Writer, results []mutants.GeneratedResult) error {
	count := map[mutants.Verdict]int{}
	for _, r := range results {
		count[r.Verdict]++
		if r.Verdict == mutants.Survived {
			fmt.Fprintf(out, "\nsurvived: %s\n%s", r.Mutant, r.Patch)
		}
	}
	killed, survived, failed := count[mutants.Killed], count[mutants.Survived], count[mutants.Failed]
	fmt.Fprintf(out, "\n%d mutants: %d killed, %d survived, %d did not compile", len(results), killed, survived, count[mutants.NotC])
	if killed+survived > 0 {
		fmt.Fprintf(out, "; %.0f %% of those that compile were killed", 100*float64(killed)/float64(killed+survived))
	}
	fmt.Fprintln(out)
	switch {
	case failed > 0:
		return exitError{status: statusFailed, err: fmt.Errorf("nothing is known of %d of %d mutants, and %d survived", failed, len(results), survived)}
	case survived > 0:
		return exitError{status: statusFailed, err: fmt.Errorf("%d of %d mutants survived: each wants a test, or an entry in harness/mutants/equivalents.txt", survived, len(results))}
	}
	return nil
}
