package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"gpc/harness/kernel"
)

func newSeriesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "series",
		Short: "Edit, export and check the kernel series",
		Long: `Edit, export and check the kernel series in kernel-patches/: patches to existing kernel files, new files as real
files, and their order.`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSeriesApplyCommand(), newSeriesRefreshCommand(), newSeriesExportCommand(), newSeriesCheckCommand())
	return cmd
}

// argument returns the one optional argument of a command, or the lab's own place for it.
func argument(lab *kernel.Lab, args []string, place ...string) string {
	if len(args) > 0 {
		return args[0]
	}
	return filepath.Join(append([]string{lab.BuildDir()}, place...)...)
}

func newSeriesApplyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "apply [DIR]",
		Short: "Make a kernel tree with one git commit per step, to be edited",
		Long: `Make DIR (default build/src/series), a git tree of the kernel with one commit per step of the series. Edit it,
amend or rebase its commits, and read it back with 'gpclab series refresh'.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lab, err := kernel.OpenLab()
			if err != nil {
				return err
			}
			dir := argument(lab, args, "src", "series")
			if err := lab.ApplySeries(cmd.Context(), dir); err != nil {
				return err
			}
			fmt.Println(dir)
			return nil
		},
	}
}

func newSeriesRefreshCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "refresh [DIR]",
		Short: "Write kernel-patches/ anew from an edited tree",
		Long: `Write kernel-patches/ anew from the commits of DIR (default build/src/series), a tree that 'gpclab series apply' has
made: each commit becomes a step, its edits to existing files the patch, its new files real files.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lab, err := kernel.OpenLab()
			if err != nil {
				return err
			}
			return lab.RefreshSeries(cmd.Context(), argument(lab, args, "src", "series"))
		},
	}
}

func newSeriesExportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export [DIR]",
		Short: "Write the series as mails for 'git am', new files included",
		Long:  `Write the complete series to DIR (default build/patches), one mail for 'git am' per step, new files included.`,
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lab, err := kernel.OpenLab()
			if err != nil {
				return err
			}
			return exportSeries(cmd.Context(), lab, argument(lab, args, "patches"))
		},
	}
}

func exportSeries(ctx context.Context, lab *kernel.Lab, dir string) error {
	patches, err := lab.ExportSeries(ctx, dir)
	for _, p := range patches {
		fmt.Println(p)
	}
	return err
}

func newSeriesCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Prove that the series applies, builds step by step, and is clean",
		Long: `Prove of the series that
  - it goes through 'git am' on the pristine source;
  - checkpatch.pl --strict finds nothing in any step;
  - each step builds on every machine, our files without a warning at W=1 and without a word from sparse;
  - with CONFIG_CONTAINERS=n the patched kernel's code is the unpatched kernel's.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lab, err := kernel.OpenLab()
			if err != nil {
				return err
			}
			err = lab.CheckSeries(cmd.Context())
			var failed *kernel.FailedProofs
			if errors.As(err, &failed) {
				return exitError{status: statusFailed, err: err}
			}
			return err
		},
	}
}
