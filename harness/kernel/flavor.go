package kernel

import (
	"fmt"
	"slices"
	"strings"

	"gpc/harness/machine"
)

// Flavor is one of the ways in which the laboratory builds a kernel.
type Flavor string

// The flavors.
const (
	Release Flavor = "release" // patched, all subsystems, no debugging
	Debug   Flavor = "debug"   // patched, with what finds mistakes that a lucky run hides
	Vtime   Flavor = "vtime"   // Release, with CPU time measured where the others count ticks
	Vanilla Flavor = "vanilla" // the configuration of Release, unpatched
	Cgroup  Flavor = "cgroup"  // Vanilla with mainline's cgroup v1: the peer in benchmarks

	// What Debug has for tests, and in place of its checks another watcher.
	Coverage Flavor = "coverage" // gcov counts how often each line of containers runs
	KCSAN    Flavor = "kcsan"    // looks for accesses of containers that race with others
	KASAN    Flavor = "kasan"    // looks for use of memory that is not one's own; where Debug does not
)

// Flavors returns all flavors.
func Flavors() []Flavor {
	return []Flavor{Release, Debug, Vtime, Vanilla, Cgroup, Coverage, KCSAN, KASAN}
}

// Patched returns the flavors of a machine that have the series and that every change is tested with.
func Patched(m *machine.Machine) []Flavor {
	patched := []Flavor{Release, Debug}
	if Vtime.On(m) == nil {
		patched = append(patched, Vtime)
	}
	return patched
}

// Watching returns the flavors of a machine that watch what the tests do for more than tests can see.
func Watching(m *machine.Machine) []Flavor {
	watching := []Flavor{Coverage, KCSAN}
	if KASAN.On(m) == nil {
		watching = append(watching, KASAN)
	}
	return watching
}

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
func (f Flavor) Patched() bool { return f != Vanilla && f != Cgroup }

// InjectsFailures reports whether the kernel has what tests of the debug flavor need: the debug pair of subsystems, and failing allocations.
func (f Flavor) InjectsFailures() bool {
	return slices.Contains([]Flavor{Debug, Coverage, KCSAN, KASAN}, f)
}

// On returns an error unless the machine has this flavor.
func (f Flavor) On(m *machine.Machine) error {
	if f == Vtime && !m.TickAccounting {
		return fmt.Errorf("there is no flavor %s for %s, which always measures CPU time: use %s", f, m.Name, Release)
	}
	if f == KASAN && m.DebugKASAN {
		return fmt.Errorf("there is no flavor %s for %s, whose flavor %s has KASAN", f, m.Name, Debug)
	}
	return nil
}

// fragments returns the names of the flavor's config fragments in the order in which they are merged. Those of an
// architecture need not exist.
func (f Flavor) fragments(arch string) []string {
	names := []string{"common", arch}
	switch f {
	case Release:
		names = append(names, "containers")
	case Vtime:
		names = append(names, "containers", "vtime")
	case Debug:
		names = append(names, "containers", "debug", "debug-"+arch, "debug-containers")
	case Cgroup:
		names = append(names, "cgroup")
	case Coverage, KCSAN, KASAN:
		names = append(names, "containers", "debug", "debug-containers", "unchecked", "unchecked-"+arch, string(f), string(f)+"-"+arch)
	}
	return names
}

// ours is for make: it is not empty where a file of containers is compiled.
const ours = "$(filter kernel/container/% kernel/sched/container.o,$@)"

// gcovFlags are those of the kernel's makefile, and more: where a function is put into its callers or copied for some of them, each copy has branches of its
// own, and those that are constant there are never taken.
const gcovFlags = "-fprofile-arcs -ftest-coverage -fprofile-update=prefer-atomic -fno-tree-loop-im -fno-inline -fno-partial-inlining -fno-ipa-cp -fno-ipa-sra"

// makeArgs returns arguments of make that say which files the flavor's compiler adds something to. They are evaluated where each is compiled,
// and so the kernel's makefiles need not know.
func (f Flavor) makeArgs() []string {
	switch f {
	case Coverage:
		return []string{"GCOV_PROFILE=" + ours, "CFLAGS_GCOV=" + gcovFlags}
	case KCSAN:
		return []string{"KCSAN_SANITIZE=$(if " + ours + ",y,n)"}
	}
	return nil
}
