package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gpc/harness/kernel"
	"gpc/harness/mutants"
	"gpc/harness/progress"
)

func newMutantsCommand() *cobra.Command {
	var pattern string
	var list bool
	cmd := &cobra.Command{
		Use:   "mutants",
		Short: "Prove that the in-guest tests can fail",
		Long: `Prove that the in-guest tests can fail. Each patch in harness/mutants breaks one promise of the series and names the tests that
must notice: the patched kernel is built and put to them. A mutant is killed where they fail or the kernel panics or complains, and
survives where they pass. A patch that no longer applies, or tests that do not run, are errors. One kernel at a time is built, while
those before it are tested, with more than three processors in guests beside each other.

Exit status 1 tells of a survivor or an error. V=1 in the environment shows what the tests of killed mutants printed, too.`,
		Example: `  gpclab mutants --list
  gpclab mutants --run fork`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runMutants(cmd.Context(), cmd.OutOrStdout(), pattern, list)
		},
	}
	cmd.Flags().StringVar(&pattern, "run", "", "only mutants whose names match `REGEXP`")
	cmd.Flags().BoolVar(&list, "list", false, "only show the mutants and the tests that must kill them")
	cmd.AddCommand(newMutantsGeneratedCommand())
	return cmd
}

func runMutants(ctx context.Context, out io.Writer, pattern string, list bool) error {
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	chosen, err := chosenMutants(mutants.Dir(lab), pattern)
	if err != nil {
		return err
	}
	if list {
		return listMutants(out, chosen)
	}
	var results []mutants.Result
	err = mutants.Run(ctx, lab, chosen, func(r mutants.Result) {
		results = append(results, r)
		fmt.Fprintf(out, "[%d/%d] %s: %s\n", len(results), len(chosen), r.Mutant.Name, r.Mutant.Subject)
		printVerdict(out, r)
	})
	if err != nil {
		return err
	}
	return summarizeMutants(out, results)
}

// chosenMutants returns the mutants in dir whose names pattern matches, at least one.
func chosenMutants(dir, pattern string) ([]mutants.Mutant, error) {
	matches, err := regexp.Compile(pattern)
	if err != nil {
		return nil, exitError{status: statusUsage, err: fmt.Errorf("--run: %w", err)}
	}
	all, err := mutants.Load(dir)
	if err != nil {
		return nil, err
	}
	var chosen []mutants.Mutant
	for _, m := range all {
		if matches.MatchString(m.Name) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return nil, exitError{status: statusUsage, err: fmt.Errorf("no mutant's name matches %q; 'gpclab mutants --list' shows them", pattern)}
	}
	return chosen, nil
}

func listMutants(out io.Writer, all []mutants.Mutant) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MUTANT\tKERNEL\tKILLED BY\tBREAKS")
	for _, m := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", m.Name, m.Target, strings.Join(m.Tests, ", "), m.Subject)
	}
	return table.Flush()
}

// printVerdict says what became of a mutant; in full if that needs somebody's attention.
func printVerdict(out io.Writer, r mutants.Result) {
	if r.Verdict != mutants.Killed || progress.Verbose() {
		fmt.Fprint(out, r.Output)
	}
	fmt.Fprintf(out, "%s: %s (%.0f s)\n", r.Verdict, r.Reason, r.Took.Seconds())
}

// summarizeMutants prints a table of all mutants, and returns an error unless all were killed.
func summarizeMutants(out io.Writer, results []mutants.Result) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nMUTANT\tKERNEL\tTEST\tVERDICT\tSECONDS")
	alive := 0
	for _, r := range results {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%.0f\n", r.Mutant.Name, r.Mutant.Target, strings.Join(r.Mutant.Tests, ", "), r.Verdict, r.Took.Seconds())
		if r.Verdict != mutants.Killed {
			alive++
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if alive > 0 {
		return exitError{status: statusFailed, err: fmt.Errorf("%d of %d mutants were not killed", alive, len(results))}
	}
	return nil
}
