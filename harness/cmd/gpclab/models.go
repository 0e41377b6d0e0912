package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gpc/harness/kernel"
	"gpc/harness/models"
)

func newModelsCommand() *cobra.Command {
	var pattern string
	var list bool
	var jobs int
	cmd := &cobra.Command{
		Use:   "models",
		Short: "Search the models of the hard parts in all orders of steps",
		Long: `Search the models in kernel-patches/models with SPIN: each scene in all orders of its steps, where nothing may go wrong, and each scene
with one step broken, where something must. A search that is cut short by its limits of memory and depth is an error. The litmus tests
beside the models are checked for their form.

build/models keeps what SPIN wrote; README.md beside the models says how to look at an error. Exit status 1 tells of a scene with an
error, a broken step that was missed, or a search that did not come to its end.`,
		Example: `  gpclab models --list
  gpclab models --run '^membership/1'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runModels(cmd.Context(), cmd.OutOrStdout(), pattern, list, jobs)
		},
	}
	cmd.Flags().StringVar(&pattern, "run", "", "only searches whose names match `REGEXP`")
	cmd.Flags().BoolVar(&list, "list", false, "only show the searches")
	cmd.Flags().IntVar(&jobs, "jobs", runtime.NumCPU(), "how many searches at a time, `N`; each may take 3.5 GB of memory")
	return cmd
}

func runModels(ctx context.Context, out io.Writer, pattern string, list bool, jobs int) error {
	if jobs < 1 {
		return exitError{status: statusUsage, err: fmt.Errorf("--jobs %d: at least one search must be made at a time", jobs)}
	}
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	dir := filepath.Join(lab.Root(), "kernel-patches", "models")
	chosen, err := chosenSearches(dir, pattern)
	if err != nil {
		return err
	}
	if list {
		return listSearches(out, chosen)
	}
	litmus, err := models.LoadLitmus(dir)
	if err != nil {
		return err
	}
	results, err := search(ctx, out, filepath.Join(lab.BuildDir(), "models"), chosen, jobs)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d litmus tests have their form\n", len(litmus))
	return summarizeSearches(out, results)
}

// chosenSearches returns the searches of the models in dir whose names pattern matches, at least one.
func chosenSearches(dir, pattern string) ([]models.Search, error) {
	matches, err := regexp.Compile(pattern)
	if err != nil {
		return nil, exitError{status: statusUsage, err: fmt.Errorf("--run: %w", err)}
	}
	all, err := models.Load(dir)
	if err != nil {
		return nil, err
	}
	var chosen []models.Search
	for _, m := range all {
		for _, s := range m.Searches {
			if matches.MatchString(s.Name()) {
				chosen = append(chosen, s)
			}
		}
	}
	if len(chosen) == 0 {
		return nil, exitError{status: statusUsage, err: fmt.Errorf("no search's name matches %q; 'gpclab models --list' shows them", pattern)}
	}
	return chosen, nil
}

func listSearches(out io.Writer, all []models.Search) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SEARCH\tSUBJECT")
	for _, s := range all {
		fmt.Fprintf(table, "%s\t%s\n", s.Name(), s.Subject)
	}
	return table.Flush()
}

// search makes all searches, some at a time, and prints what becomes of each when it is over.
func search(ctx context.Context, out io.Writer, work string, all []models.Search, jobs int) ([]models.Result, error) {
	var mu sync.Mutex
	var workers sync.WaitGroup
	var results []models.Result
	var failure error
	queue := make(chan models.Search)
	for range jobs {
		workers.Go(func() {
			for s := range queue {
				place := filepath.Join(work, strings.ReplaceAll(s.Name(), "/", "-"))
				r, err := models.Run(ctx, place, s)
				mu.Lock()
				if err != nil {
					failure = err
				} else {
					results = append(results, r)
					fmt.Fprintf(out, "[%d/%d] %s: %s: %s (%.0f s)\n", len(results), len(all), s.Name(), r.Verdict, r.Reason, r.Took.Seconds())
				}
				mu.Unlock()
			}
		})
	}
	for _, s := range all {
		queue <- s
	}
	close(queue)
	workers.Wait()
	return results, failure
}

// summarizeSearches prints how many searches ended well, and returns an error that names the others.
func summarizeSearches(out io.Writer, results []models.Result) error {
	count := map[models.Verdict]int{}
	var bad []string
	for _, r := range results {
		count[r.Verdict]++
		if !r.Verdict.Good() {
			bad = append(bad, r.Search.Name()+" ("+string(r.Verdict)+")")
		}
	}
	fmt.Fprintf(out, "%d scenes hold, %d broken steps were found\n", count[models.Holds], count[models.Found])
	if len(bad) > 0 {
		return exitError{status: statusFailed, err: fmt.Errorf("%d of %d searches did not end as they must: %s", len(bad), len(results), strings.Join(bad, ", "))}
	}
	return nil
}
