package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gpc/harness/guest"
	"gpc/harness/kernel"
	"gpc/harness/machine"
	"gpc/harness/watch"
)

// watchFlags are the flags of `gpclab watch`.
type watchFlags struct {
	bootFlags
	run string
}

func newWatchCommand() *cobra.Command {
	var flags watchFlags
	cmd := &cobra.Command{
		Use:   "watch [flags] {--run REGEXP | -- CMD [ARG...]}",
		Short: "Build and test again after each edit",
		Long: `Build the kernel, boot it and run tests or one command in it, and do so again whenever a file has been edited: of the series, of
the programs in userspace/, of images/ or of the options; with --kernel, when the image has been built anew. An edit in the midst
of a run begins another one.

What is printed last is the verdict, with the time since the edit. Ctrl-C ends it.`,
		Example: `  gpclab watch --arch x86_64 --run TestRmdir
  gpclab watch --arch ppc64 -- sh -c 'mkdir /dev/container/a && rmdir /dev/container/a'
  gpclab watch --arch x86_64 --kernel ~/linux/build -- mytool`,
		Args: commandAfterDash,
		RunE: func(cmd *cobra.Command, argv []string) error {
			return runWatch(cmd.Context(), cmd.OutOrStdout(), flags, argv)
		},
	}
	flags.bootFlags.add(cmd.Flags())
	cmd.Flags().StringVar(&flags.run, "run", "", "run the in-guest tests whose names match `REGEXP`")
	return cmd
}

func runWatch(ctx context.Context, out io.Writer, flags watchFlags, argv []string) error {
	work, err := flags.work(out, argv)
	if err != nil {
		return exitError{status: statusUsage, err: err}
	}
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	state, err := watch.Look(flags.watched(lab)...)
	if err != nil {
		return err
	}
	edit := watch.Edit{At: time.Now()}
	for {
		run, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- work(run) }()
		edited := make(chan error, 1)
		next := edit
		go func() {
			var err error
			state, next, err = state.Wait(ctx)
			edited <- err
		}()
		select {
		case err = <-ended:
			if ctx.Err() == nil {
				printVerdictOfRun(out, err, time.Since(edit.At))
			}
			err = <-edited
		case err = <-edited:
			stop()
			<-ended
		}
		stop()
		if err != nil {
			return err
		}
		edit = next
		fmt.Fprintf(out, "--- edited: %s\n", strings.Join(shown(lab.Root(), edit.Files), " "))
	}
}

// work returns what is to be done after each edit.
func (f watchFlags) work(out io.Writer, argv []string) (func(context.Context) error, error) {
	config, flavor, err := f.config()
	switch {
	case err != nil:
		return nil, err
	case f.run == "" && len(argv) == 0:
		return nil, errors.New("nothing is to be done after an edit: give --run REGEXP, or a command after --")
	case f.run != "" && len(argv) > 0:
		return nil, errors.New("--run and a command are two things: give one")
	}
	if f.run != "" {
		tests := testFlags{kernelFlags: f.kernelFlags, arch: f.arch, flavor: f.flavor, run: f.run}
		_, err := tests.targets()
		return func(ctx context.Context) error { return runTests(ctx, out, tests) }, err
	}
	return func(ctx context.Context) error {
		config := config
		if err := errors.Join(config.CheckFiles(), prepare(ctx, &config, f.spec(flavor))); err != nil {
			return err
		}
		result, err := guest.Run(ctx, config, guest.Job{Argv: argv, Stdout: out, Stderr: os.Stderr})
		if err != nil {
			return err
		}
		return verdict(result)
	}, nil
}

// watched returns the files and directories in which edits count.
func (f watchFlags) watched(lab *kernel.Lab) []string {
	paths := []string{filepath.Join(lab.Root(), "userspace"), filepath.Join(lab.Root(), "images")}
	_, config := lab.SplitConfig(f.kernelFlags.config)
	paths = append(append(paths, f.files...), config...)
	shares, _ := f.shares() // work has refused wrong ones
	for _, s := range shares {
		// What a guest may write to changes by its own doing.
		if s.ReadOnly {
			paths = append(paths, s.Dir)
		}
	}
	switch {
	case f.kernel != "":
		return append(paths, f.image())
	case f.series != "":
		return append(paths, f.series)
	}
	return append(paths, lab.SeriesDir())
}

// image is the file that is the kernel which the flags name.
func (f watchFlags) image() string {
	if info, err := os.Stat(f.kernel); err == nil && info.IsDir() {
		if m, err := machine.ByName(f.arch); err == nil {
			return filepath.Join(f.kernel, m.Image)
		}
	}
	return f.kernel
}

// shown returns names of files as a user knows them, some of them if they are many.
func shown(root string, files []string) []string {
	const most = 5
	var names []string
	for _, f := range files[:min(most, len(files))] {
		if rel, err := filepath.Rel(root, f); err == nil && !strings.HasPrefix(rel, "..") {
			f = rel
		}
		names = append(names, f)
	}
	if len(files) > most {
		names = append(names, fmt.Sprintf("and %d more", len(files)-most))
	}
	return names
}

// printVerdictOfRun prints how a run has ended, and how long after the edit.
func printVerdictOfRun(out io.Writer, err error, took time.Duration) {
	var exit exitError
	if err != nil && (!errors.As(err, &exit) || exit.err != nil) {
		fmt.Fprintln(out, err)
	}
	what := "ok"
	if status := statusOf(err); status != 0 {
		what = fmt.Sprintf("FAIL (status %d)", status)
	}
	fmt.Fprintf(out, "--- %s, %.1f s after the edit\n", what, took.Seconds())
}
