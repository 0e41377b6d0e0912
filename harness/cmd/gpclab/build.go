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
	var kernels kernelFlags
	cmd := &cobra.Command{
		Use:   "build [flags]",
		Short: "Build kernels and initramfs without booting anything",
		Long: `Build kernels and the initramfs without booting anything: what the other commands do as far as they need it.
Nothing is done for what is up to date.`,
		Example: "  gpclab build --arch ppc64 --flavor debug",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return buildAll(cmd.Context(), archs, flavors, kernels)
		},
	}
	cmd.Flags().StringSliceVar(&archs, "arch", machine.Names(), "machines to build for")
	cmd.Flags().StringSliceVar(&flavors, "flavor", nil, "kernels to build, by default those with the series: "+flavorNames())
	kernels.add(cmd.Flags())
	return cmd
}

func buildAll(ctx context.Context, archs, flavors []string, kernels kernelFlags) error {
	if err := kernels.check(); err != nil {
		return exitError{status: statusUsage, err: err}
	}
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	for _, arch := range archs {
		m, err := machine.ByName(arch)
		if err != nil {
			return exitError{status: statusUsage, err: err}
		}
		chosen, err := chosenFlavors(m, flavors)
		if err != nil {
			return exitError{status: statusUsage, err: err}
		}
		for _, f := range chosen {
			if _, err := lab.Kernel(ctx, m, kernels.spec(f)); err != nil {
				return err
			}
		}
		if _, err := initramfs.Build(ctx, lab.Root(), lab.BuildDir(), m); err != nil {
			return err
		}
	}
	return nil
}

// chosenFlavors returns the flavors called names, those of the machine that have the series if there are none.
func chosenFlavors(m *machine.Machine, names []string) ([]kernel.Flavor, error) {
	if len(names) == 0 {
		return kernel.Patched(m), nil
	}
	var flavors []kernel.Flavor
	for _, name := range names {
		f, err := kernel.ParseFlavor(name)
		if err == nil {
			err = f.On(m)
		}
		if err != nil {
			return nil, err
		}
		flavors = append(flavors, f)
	}
	return flavors, nil
}
