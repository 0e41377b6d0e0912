package main

import (
	"context"

	"github.com/spf13/cobra"

	"gpc/harness/initramfs"
	"gpc/harness/kernel"
	"gpc/harness/machine"
)

func newBuildCommand() *cobra.Command {
	var archs, flavors []string
	cmd := &cobra.Command{
		Use:   "build [flags]",
		Short: "Build kernels and initramfs without booting anything",
		Long: `Build kernels and the initramfs without booting anything: what the other commands do as far as they need it.
Nothing is done for what is up to date.`,
		Example: "  gpclab build --arch ppc64 --flavor debug",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return buildAll(cmd.Context(), archs, flavors)
		},
	}
	cmd.Flags().StringSliceVar(&archs, "arch", machine.Names(), "machines to build for")
	cmd.Flags().StringSliceVar(&flavors, "flavor", []string{string(kernel.Release), string(kernel.Debug)}, "kernels to build: "+flavorNames())
	return cmd
}

func buildAll(ctx context.Context, archs, flavors []string) error {
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	for _, arch := range archs {
		m, err := machine.ByName(arch)
		if err != nil {
			return exitError{status: statusUsage, err: err}
		}
		for _, name := range flavors {
			f, err := kernel.ParseFlavor(name)
			if err != nil {
				return exitError{status: statusUsage, err: err}
			}
			if _, err := lab.Build(ctx, m, f); err != nil {
				return err
			}
		}
		if _, err := initramfs.Build(ctx, lab.Root(), lab.BuildDir(), m); err != nil {
			return err
		}
	}
	return nil
}
