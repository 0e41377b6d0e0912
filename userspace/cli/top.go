package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// topFlags are what a user may say to gpc top.
type topFlags struct {
	batch, reverse bool
	times          int
	delay          float64
	sort           string
	json           bool
}

func topCommand() *cobra.Command {
	var flags topFlags
	cmd := &cobra.Command{
		Use:   "top [-b] [-n TIMES] [-d SECONDS] [-s KEY] [CONTAINER...]",
		Short: "Show what containers use, again and again",
		Long: `Show what containers use, each with all below it: CPU time since the last table in percent of one CPU, and in all; tasks; what
subsystem bc counts of open files and pages of private writable mappings; and how often something was refused. A figure that no
subsystem of the hierarchy counts is a dash.

On a terminal: q ends it, r turns the order round, arrows and page keys scroll, and these choose what to sort by:
  ` + keyHelp() + `
Otherwise, and with -b, tables are printed one after the other, for pipes and files.`,
		Example: `  gpc top
  gpc top -s tasks /dev/container/jobs
  gpc top -b -n 3 -d 5 | grep jobs`,
		ValidArgsFunction: completeContainers,
	}
	f := cmd.Flags()
	f.BoolVarP(&flags.batch, "batch", "b", false, "print tables instead of filling the terminal")
	f.IntVarP(&flags.times, "iterations", "n", 0, "end after so many `TIMES` (default: never)")
	f.Float64VarP(&flags.delay, "delay", "d", 2, "the time between two tables, in `SECONDS`")
	f.StringVarP(&flags.sort, "sort", "s", "cpu", "sort by `KEY`: "+strings.Join(sortKeyNames(), ", "))
	f.BoolVar(&flags.reverse, "reverse", false, "the smallest first")
	_ = cmd.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(sortKeyNames(), cobra.ShellCompDirectiveNoFileComp))
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		flags.json = *asJSON
		if err := flags.check(); err != nil {
			return err
		}
		if flags.batch || flags.json || !isTerminal() {
			return flags.print(cmd, args)
		}
		return showTop(cmd.Context(), args, flags)
	}
	return cmd
}

func (f topFlags) check() error {
	if !slices.Contains(sortKeyNames(), f.sort) {
		return usagef("-s %s: choose one of %s", f.sort, strings.Join(sortKeyNames(), ", "))
	}
	if f.times < 0 {
		return usagef("-n %d: give a number greater than 0", f.times)
	}
	return checkDelay("-d", f.delay)
}

// sampleDocument is a sample, for JSON.
type sampleDocument struct {
	Time       time.Time   `json:"time"`
	Containers []sampleRow `json:"containers"`
}

// print prints tables, each a delay after the one before. The first needs figures to compare with, too.
func (f topFlags) print(cmd *cobra.Command, args []string) error {
	out := cmd.OutOrStdout()
	last, err := takeSample(args, nil)
	if err != nil {
		return err
	}
	documents := &jsonArray{out: out}
	for i := 0; (f.times == 0 || i < f.times) && pause(cmd, f.delay); i++ {
		s, err := takeSample(args, last)
		if err != nil {
			return err
		}
		last = s
		s.sortBy(f.sort, f.reverse)
		if f.json {
			err = documents.add(sampleDocument{s.at, s.rows})
		} else {
			if i > 0 {
				fmt.Fprintln(out)
			}
			err = s.table().print(out)
		}
		if err != nil {
			return err
		}
	}
	if f.json {
		return documents.end()
	}
	return nil
}
