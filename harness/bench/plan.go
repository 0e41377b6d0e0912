package bench

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// peers are mainline's names of subsystems that it calls otherwise; empty where it has nothing like it.
var peers = map[string]string{"numtasks": "pids", "bc": "", "ns": ""}

// The types of filesystems that hierarchies are mounted with: ours and mainline's.
const (
	containerType = "container"
	cgroupType    = "cgroup"
)

// options returns the options with which a kernel mounts a hierarchy, the n-th of a state, of a type; and whether the kernel has anything
// like it. Of several subsystems those are left out that it has nothing like. An empty type says that it has no hierarchies.
func options(filesystem, subsystems string, n int) (list string, ok bool) {
	switch {
	case filesystem == "":
		return "", false
	case subsystems == "":
		return fmt.Sprintf("none,name=h%d", n), true
	case filesystem == containerType:
		return subsystems, true
	}
	var names []string
	for _, name := range strings.Split(subsystems, ",") {
		peer, differs := peers[name]
		if !differs {
			peer = name
		}
		if peer != "" {
			names = append(names, peer)
		}
	}
	return strings.Join(names, ","), len(names) > 0
}

// The kernel keeps tasks by number in a tree that has one level more above 4096, and fork is dearer there. So numbers stay
// below, but where more are needed.
const (
	fewPids  = 4000
	manyPids = 32768
)

// plan returns what the workload is to do in a kernel with that type of hierarchies, with those scenarios of a suite whose labels match, each in so many
// batches; nothing if there are none. userspace/workload/plan.c tells what the lines mean.
func (s suite) plan(filesystem string, match *regexp.Regexp, batches int) string {
	var b strings.Builder
	for _, st := range s.states {
		var wanted []scenario
		for _, sc := range st.scenarios {
			if match.MatchString(label(sc, st)) {
				wanted = append(wanted, sc)
			}
		}
		if len(wanted) > 0 {
			st.scenarios = wanted
			st.write(&b, filesystem, batches, s)
		}
	}
	return b.String()
}

// labels returns the names of the scenarios of all suites that match, in the order in which they are measured.
func labels(match *regexp.Regexp) []string {
	var names []string
	for _, s := range suites {
		names = append(names, s.labels(match)...)
	}
	return names
}

// labels returns the names of the scenarios that match, in the order in which they are measured.
func (s suite) labels(match *regexp.Regexp) []string {
	var names []string
	for _, st := range s.states {
		for _, sc := range st.scenarios {
			if name := label(sc, st); match.MatchString(name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// Matches reports whether there is a scenario whose name matches, storms included.
func Matches(match *regexp.Regexp) bool {
	for _, sc := range storms().scenarios {
		if match.MatchString(sc.name) {
			return true
		}
	}
	for _, s := range []suite{budgets, growth, sharing} {
		if len(s.labels(match)) > 0 {
			return true
		}
	}
	return len(labels(match)) > 0
}

// Has reports whether there is a scenario of that name that can be counted by function: any but a storm.
func Has(name string) bool {
	all := regexp.MustCompile("")
	return slices.Contains(labels(all), name) || slices.Contains(budgets.labels(all), name)
}

// write writes the plan of one state for a kernel with that type of hierarchies, in so many batches, as a part of a suite.
func (st state) write(b *strings.Builder, filesystem string, batches int, s suite) {
	pids := cmp.Or(s.pids, fewPids)
	if st.name == manyTasks {
		pids = manyPids
	}
	fmt.Fprintf(b, "state %s\nset /proc/sys/kernel pid_max %d\nset /proc/sys/kernel threads-max %d\n", st.name, pids, manyPids)
	var undo []string
	mounted := false
	for i, subsystems := range st.hierarchies {
		list, ok := options(filesystem, subsystems, i+1)
		if !ok {
			continue
		}
		mounted = true
		top := fmt.Sprintf("/h%d", i+1)
		fmt.Fprintf(b, "mount %s %s %s\n", top, filesystem, list)
		undo = append(undo, "umount "+top)
		for _, dir := range st.containers(top) {
			makeContainer(b, dir, subsystems, s.processors)
			undo = append(undo, "rmdir "+dir)
		}
		fmt.Fprintf(b, "enter %s\n", inside(top, st.depth))
	}
	for _, sc := range st.scenarios {
		if sc.possible(filesystem, mounted) {
			sc.write(b, label(sc, st), st.standIns(filesystem), batches)
		}
	}
	for i := len(undo) - 1; i >= 0; i-- {
		fmt.Fprintln(b, undo[i])
	}
}

// containers returns the containers of a hierarchy, parents first: a line as deep as the state is, and a sibling of its end.
func (st state) containers(top string) []string {
	if st.depth == 0 {
		return nil
	}
	var dirs []string
	for depth := 1; depth <= st.depth; depth++ {
		dirs = append(dirs, inside(top, depth))
	}
	return append(dirs, sibling(top, st.depth))
}

// inside is the container at a depth of a hierarchy, and sibling the one beside it.
func inside(top string, depth int) string { return top + strings.Repeat("/a", depth) }

func sibling(top string, depth int) string { return inside(top, depth-1) + "/b" }

// makeContainer makes a container that can take tasks: a cpuset is empty at first.
func makeContainer(b *strings.Builder, dir, subsystems string, processors int) {
	fmt.Fprintf(b, "mkdir %s\n", dir)
	if strings.Contains(subsystems, "cpuset") {
		fmt.Fprintf(b, "set %s cpuset.cpus 0-%d\nset %s cpuset.mems 0\n", dir, processors-1, dir)
	}
}

// standIns returns what the stand-ins among the arguments of scenarios stand for in a kernel with that type of hierarchies. Containers are those of the
// first hierarchy.
func (st state) standIns(kind string) map[string]string {
	const first = "/h1"
	all := map[string]string{here: inside(first, st.depth), top: first, filesystem: kind, listing: "/proc/containers"}
	if st.depth > 0 {
		all[other] = sibling(first, st.depth)
	}
	if kind == cgroupType {
		all[listing] = "/proc/cgroups"
	}
	all[ofTrio], _ = options(kind, trio, 1)
	return all
}

// write writes the line that measures a scenario under a name, in so many batches.
func (sc scenario) write(b *strings.Builder, name string, standIns map[string]string, batches int) {
	program := sc.program
	if program == "" {
		program = sc.name
	}
	fmt.Fprintf(b, "run %s %s %d %d", name, program, batches, sc.rounds)
	for _, arg := range sc.args {
		if real, ok := standIns[arg]; ok {
			arg = real
		}
		b.WriteString(" " + arg)
	}
	b.WriteString("\n")
}
