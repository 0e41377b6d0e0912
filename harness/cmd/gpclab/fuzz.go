package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gpc/harness/kernel"
	"gpc/harness/machine"
	"gpc/harness/regress"
	"gpc/userspace/fuzz"
)

// fuzzFlags are what a user may say to gpclab fuzz.
type fuzzFlags struct {
	kernelFlags
	arch, flavor, sequence string
	seed                   uint64
	steps                  uint64
	workers                int
}

func newFuzzCommand() *cobra.Command {
	var flags fuzzFlags
	cmd := &cobra.Command{
		Use:   "fuzz",
		Short: "Do random steps in a guest and on a model of it, and compare",
		Long: `Do random steps in a guest and on a model of it, and compare: mounts, directories, tasks, moves, and good and bad values for every file.
After each step its errno and all that can be seen must be what the model says, which knows the documentation and nothing of the kernel.
A sequence that shows a difference is shortened and printed; it can be given to --sequence.

With more than one worker the same steps are done by so many at once, and nobody can tell what comes of each: what must always be true is
looked at whenever all pause.

The same seed makes the same steps. Exit status 1 tells of a difference.`,
		Example: `  gpclab fuzz --steps 100000
  gpclab fuzz --sequence 'mount 0 none,name=x; mkdir 0/a; rmdir 0/a'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("seed") {
				flags.seed = uint64(time.Now().UnixNano())
			}
			return runFuzz(cmd.Context(), cmd.OutOrStdout(), flags)
		},
	}
	cmd.Flags().StringVar(&flags.arch, "arch", "x86_64", "the guest's architecture: "+strings.Join(machine.Names(), " or "))
	cmd.Flags().StringVar(&flags.flavor, "flavor", "release", "the kernel: release or debug")
	flags.addGiven(cmd.Flags())
	flags.add(cmd.Flags())
	cmd.Flags().Uint64Var(&flags.seed, "seed", 0, "where the random numbers begin, `N`; the clock says if you do not")
	cmd.Flags().Uint64Var(&flags.steps, "steps", 10000, "how many steps, `N`, of each worker")
	cmd.Flags().IntVar(&flags.workers, "workers", 1, "how many do steps at once, `N`, up to 16")
	cmd.Flags().StringVar(&flags.sequence, "sequence", "", "do these `STEPS`, with semicolons between, instead of random ones")
	return cmd
}

// fuzzLimit is how long a guest may live for that many steps.
func fuzzLimit(steps uint64) time.Duration {
	return regress.Limit + time.Duration(steps)*100*time.Millisecond
}

// fuzzJob returns the in-guest test that does what the flags say, and its environment.
func fuzzJob(flags fuzzFlags) (test string, env []string, err error) {
	switch {
	case flags.steps < 1 || flags.steps > 1e9:
		return "", nil, fmt.Errorf("--steps %d: it must be 1 to 1000000000", flags.steps)
	case flags.workers < 1 || flags.workers > 16:
		return "", nil, fmt.Errorf("--workers %d: it must be 1 to 16", flags.workers)
	case flags.sequence != "" && flags.workers > 1:
		return "", nil, errors.New("--sequence is for one worker")
	case flags.sequence != "":
		if _, err := fuzz.Parse(flags.sequence); err != nil {
			return "", nil, fmt.Errorf("--sequence: %w", err)
		}
	}
	env = []string{fmt.Sprint(fuzz.SeedVariable, "=", flags.seed), fmt.Sprint(fuzz.StepsVariable, "=", flags.steps),
		fmt.Sprint(fuzz.WorkersVariable, "=", flags.workers)}
	if flags.sequence != "" {
		env = append(env, fuzz.SequenceVariable+"="+flags.sequence)
	}
	if flags.workers > 1 {
		return "^TestFuzzWorkers$", env, nil
	}
	return "^TestFuzz$", env, nil
}

func runFuzz(ctx context.Context, out io.Writer, flags fuzzFlags) error {
	test, env, err := fuzzJob(flags)
	if err != nil {
		return exitError{status: statusUsage, err: err}
	}
	if err := flags.check(); err != nil {
		return exitError{status: statusUsage, err: err}
	}
	targets, err := chosenTargets(flags.arch, flags.flavor)
	if err != nil {
		return exitError{status: statusUsage, err: err}
	}
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	image, err := lab.Kernel(ctx, targets[0].Machine, flags.spec(targets[0].Flavor))
	if err != nil {
		return err
	}
	if flags.sequence == "" {
		fmt.Fprintf(out, "seed %d, %d steps\n", flags.seed, flags.steps)
	}
	verdict := new(testVerdict)
	ending, err := regress.RunWith(ctx, lab, image, test, regress.Options{Env: env, Limit: fuzzLimit(flags.steps), Lines: true}, func(e regress.Event) {
		verdict.see(e)
		if e.Action == "output" && !strings.HasPrefix(e.Output, "===") {
			fmt.Fprint(out, e.Output) // as it comes: to shorten a sequence takes a while
		}
	})
	if err != nil {
		return err
	}
	verdict.end(image.Machine.Name+"/"+image.Name, ending.Trouble())
	return verdict.err()
}
