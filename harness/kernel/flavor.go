package kernel

import (
	"fmt"
	"strings"
)

// Flavor is one of the ways in which the laboratory builds a kernel.
type Flavor string

// The flavors.
const (
	Release Flavor = "release" // patched, all subsystems, no debugging
	Debug   Flavor = "debug"   // patched, with what finds mistakes that a lucky run hides
	Vanilla Flavor = "vanilla" // the configuration of Release, unpatched
	Cgroup  Flavor = "cgroup"  // Vanilla with mainline's cgroup v1: the peer in benchmarks
)

// Flavors returns all flavors.
func Flavors() []Flavor { return []Flavor{Release, Debug, Vanilla, Cgroup} }

// ParseFlavor returns the flavor called name, or an error that lists those there are.
func ParseFlavor(name string) (Flavor, error) {
	var names []string
	for _, f := range Flavors() {
		if string(f) == name {
			return f, nil
		}
		names = append(names, string(f))
	}
	return "", fmt.Errorf("unknown flavor %q: choose one of %s", name, strings.Join(names, ", "))
}

// Patched reports whether the series is applied.
func (f Flavor) Patched() bool { return f == Release || f == Debug }

// fragments returns the names of the flavor's config fragments in the order in which they are merged. Those of an
// architecture need not exist.
func (f Flavor) fragments(arch string) []string {
	names := []string{"common", arch}
	switch f {
	case Release:
		names = append(names, "containers")
	case Debug:
		names = append(names, "containers", "debug", "debug-"+arch, "debug-containers")
	case Cgroup:
		names = append(names, "cgroup")
	}
	return names
}
