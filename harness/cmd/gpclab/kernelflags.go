package main

import (
	"errors"
	"slices"

	"github.com/spf13/pflag"

	"gpc/harness/kernel"
)

// kernelFlags are what a user may say about the kernel, beside its flavor.
type kernelFlags struct {
	kernel, series string
	config         []string
}

// errEmptyConfig is for a name that a script has left empty.
var errEmptyConfig = errors.New("--config needs the name of a file with options, or of some in images/config")

// add adds the flags that tell how a kernel is built.
func (f *kernelFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.series, "series", "", "apply the series in `DIR`, of the form of kernel-patches, in place of that; with --flavor vanilla if it brings no containers")
	flags.StringArrayVar(&f.config, "config", nil, "merge the options in `FILE`, or those of that name in images/config, over the flavor's (may be repeated)")
}

// addGiven adds the flag for a kernel that is there.
func (f *kernelFlags) addGiven(flags *pflag.FlagSet) {
	flags.StringVar(&f.kernel, "kernel", "", "take the kernel `IMAGE`, or that in the build directory IMAGE, as it is")
}

// spec says which kernel that is with a flavor.
func (f kernelFlags) spec(flavor kernel.Flavor) kernel.Spec {
	return kernel.Spec{Flavor: flavor, Series: f.series, Config: f.config, Given: f.kernel}
}

// check returns an error if the flags do not go together.
func (f kernelFlags) check() error {
	if f.kernel != "" && (f.series != "" || len(f.config) > 0) {
		return errors.New("--kernel takes a kernel as it is: --series and --config are for one that is built")
	}
	if slices.Contains(f.config, "") {
		return errEmptyConfig
	}
	return nil
}
