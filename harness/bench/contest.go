package bench

import (
	"fmt"
	"os"

	"gpc/harness/kconfig"
	"gpc/harness/kernel"
)

// The names of the kernels in the usual contest: the unpatched one, ours, and its peer.
const (
	vanillaKernel = string(kernel.Vanilla)
	ourKernel     = string(kernel.Release)
	peerKernel    = string(kernel.Cgroup)
)

// Contestant is a kernel that is measured.
type Contestant struct {
	// Name is what reports call it.
	Name string
	// Spec says which kernel it is.
	Spec kernel.Spec
}

// Contest is what is measured together. The first is what the others are compared with.
type Contest []Contestant

// Usual is the contest of the series: what it adds to the unpatched kernel, beside what mainline's cgroups add. more is what all of the
// kernels have beside their flavors; its series is for the patched one.
func Usual(more kernel.Spec) Contest {
	var c Contest
	for _, f := range []kernel.Flavor{kernel.Vanilla, kernel.Release, kernel.Cgroup} {
		spec := kernel.Spec{Flavor: f, Config: more.Config}
		if f.Patched() {
			spec.Series = more.Series
		}
		c = append(c, Contestant{string(f), spec})
	}
	return c
}

// Pair is the contest of one kernel against another.
func Pair(one, against Contestant) Contest { return Contest{against, one} }

// names are those of all contestants.
func (c Contest) names() []string {
	var names []string
	for _, one := range c {
		names = append(names, one.Name)
	}
	return names
}

// usualNames are the names of the usual contest.
func usualNames() []string { return Usual(kernel.Spec{}).names() }

// hierarchies returns the type of the filesystem in which a kernel has hierarchies of tasks: ours, mainline's, or none, which is empty and
// taken where its configuration is not known.
func hierarchies(image *kernel.Image) (filesystem string, err error) {
	if image.Config == "" {
		return "", nil
	}
	config, err := os.ReadFile(image.Config)
	if err != nil {
		return "", fmt.Errorf("the configuration of %s: %w", image.Name, err)
	}
	switch {
	case kconfig.Value(config, "CONFIG_CONTAINERS") == "y":
		return containerType, nil
	case kconfig.Value(config, "CONFIG_CGROUPS") == "y":
		return cgroupType, nil
	}
	return "", nil
}
