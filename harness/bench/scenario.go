package bench

import (
	"slices"
)

// scenario is an operation that is measured.
type scenario struct {
	// name is what reports call it, and program what the workload does; empty if that is the same.
	name, program string
	// rounds is how often it is done in each batch.
	rounds int
	// args are the workload's, with stand-ins among them.
	args []string
}

// Stand-ins among a scenario's arguments for what differs between states and kernels.
const (
	here       = "HERE"    // the container that the scenario runs in
	other      = "OTHER"   // its sibling
	top        = "TOP"     // the root of the first hierarchy
	filesystem = "TYPE"    // of hierarchies, in this kernel
	ofTrio     = "TRIO"    // the options that mount trio there
	listing    = "LISTING" // the file in /proc that tells of hierarchies
)

// possible tells whether a kernel with that type of hierarchies can do the operation, where one is mounted or not.
func (sc scenario) possible(kind string, mounted bool) bool {
	if slices.Contains(sc.args, here) || slices.Contains(sc.args, top) {
		return mounted
	}
	return kind != "" || !slices.Contains(sc.args, filesystem)
}

// batches is how many batches a scenario has; between them the clock is read.
const batches = 6

// The rounds are enough for a timer interrupt more or less to be lost in the sum.
var (
	fork     = scenario{name: "fork", rounds: 100}
	unshare  = scenario{name: "unshare", rounds: 100}
	thread   = scenario{name: "thread", rounds: 200}
	exec     = scenario{name: "exec", rounds: 40}
	open     = scenario{name: "open", rounds: 1000}
	mmap     = scenario{name: "mmap", rounds: 1000}
	switches = scenario{name: "switch", rounds: 500}
	tick     = scenario{name: "tick", rounds: 20}
	fault    = scenario{name: "fault", rounds: 500}
	wakeup   = scenario{name: "wakeup", rounds: 32}
	affinity = scenario{name: "affinity", rounds: 500}
	move     = scenario{name: "move", rounds: 50, args: []string{here, other}}
	mkdir    = scenario{name: "mkdir", rounds: 20, args: []string{here}}
)

// change is the change of the CPUs of a cpuset with so many tasks.
func change(tasks string) scenario {
	return scenario{name: "cpus-" + tasks, program: "cpus", rounds: 10, args: []string{here, other, tasks}}
}

// tasksOf is the reading of a list of 10 tasks, where so many are in the hierarchy.
func tasksOf(all string) scenario {
	return scenario{name: "tasks-10-of-" + all, program: "tasks", rounds: 100, args: []string{here, other, "10", all}}
}

// state is a situation that scenarios are measured in.
type state struct {
	name string
	// hierarchies are mounted, each a comma list of subsystems, or empty for one that only has a name.
	hierarchies []string
	// depth is where the scenario's processes are in each: 0 is the root.
	depth     int
	scenarios []scenario
}

// trio are the subsystems that the peer's three controllers correspond to.
const trio = "cpuset,cpuacct,numtasks"

// manyTasks is the state that needs more numbers for tasks than others do.
const manyTasks = "many"

// suite is what is measured in one guest.
type suite struct {
	processors int
	// nodes is how many NUMA nodes they are on, one if 0.
	nodes int
	// pids is how many numbers for tasks there are, fewPids if 0.
	pids   int
	states []state
}

// suites are the whole benchmark. Every kernel goes through a suite in the same order; one that cannot mount what a state asks for
// measures it with nothing mounted, so that the others have a figure with the same history to be compared with. There is a second
// processor only where the operation needs one.
var suites = []suite{{processors: 1, states: []state{
	{"unmounted", nil, 0, []scenario{fork, thread, exec, open, mmap, switches, tick, fault, wakeup, affinity}},
	{"named/root", []string{""}, 0, []scenario{fork, thread}},
	{"named/1", []string{""}, 1, []scenario{fork, thread, exec, open, switches, mkdir, move}},
	{"named/5", []string{""}, 5, []scenario{fork, thread}},
	{"2-hierarchies", []string{"", ""}, 1, []scenario{fork, thread}},
	{"4-hierarchies", []string{"", "", "", ""}, 1, []scenario{fork, thread}},
	{"cpuset/1", []string{"cpuset"}, 1, []scenario{fork, thread, fault, wakeup, affinity}},
	{"cpuacct/1", []string{"cpuacct"}, 1, []scenario{fork, thread, switches, tick}},
	{"numtasks/1", []string{"numtasks"}, 1, []scenario{fork, thread}},
	{"bc/1", []string{"bc"}, 1, []scenario{fork, thread, exec, open, mmap}},
	{"ns/1", []string{"ns"}, 1, []scenario{fork, unshare}},
	{"bc/5", []string{"bc"}, 5, []scenario{fork, thread, exec, open, mmap}},
	{"trio/root", []string{trio}, 0, []scenario{fork, thread}},
	{"trio/1", []string{trio}, 1, []scenario{fork, thread, exec, open, switches, tick, mkdir, move, fault}},
	{"trio/5", []string{trio}, 5, []scenario{fork, thread, tick}},
	{"numtasks/5", []string{"numtasks"}, 5, []scenario{fork, thread}},
	{manyTasks, []string{""}, 1, []scenario{tasksOf("10"), tasksOf("1000"), tasksOf("10000")}},
}}, {processors: 2, states: []state{
	{"two-cpus", []string{"cpuset"}, 1, []scenario{change("1000")}},
}}}

// budgets are the scenarios whose cost by function is held against an earlier one, in a guest of their own.
var budgets = suite{processors: 1, states: []state{
	{"unmounted", nil, 0, []scenario{fork, thread, open, mmap, switches}},
	{"bc/1", []string{"bc"}, 1, []scenario{fork, thread, open, mmap, switches, move}},
	{"trio/1", []string{trio}, 1, []scenario{fork, thread, open, mmap, switches, move}},
	{"trio/5", []string{trio}, 5, []scenario{fork, thread, open, mmap, switches, move}},
}}

// everySubsystem are all that the series has.
const everySubsystem = "cpuset,cpuacct,numtasks,bc,ns"

// growth is where there is more and more of what an operation does not touch.
var growth = suite{processors: 1, pids: manyPids, states: []state{
	{"unmounted", nil, 0, []scenario{mounting("", "10"), mounting("", "1000"), mounting("", "10000"),
		mounting(trio, "10"), mounting(trio, "1000"), mounting(trio, "10000")}},
	{"named/1", []string{""}, 1, []scenario{siblings("10"), siblings("1000"), siblings("10000"),
		listed("10"), listed("10000"), containerMemory}},
	{"trio/1", []string{trio}, 1, []scenario{siblings("10"), siblings("1000"), sets("1"), sets("100"), sets("1000"), containerMemory}},
	{"all/1", []string{everySubsystem}, 1, []scenario{containerMemory}},
}}

// mounting is a first mount and the last unmount while so many tasks sleep.
func mounting(subsystems, tasks string) scenario {
	if subsystems == trio {
		return scenario{name: "mount-trio-" + tasks, program: "mount", rounds: 4, args: []string{filesystem, ofTrio, tasks}}
	}
	return scenario{name: "mount-" + tasks, program: "mount", rounds: 4, args: []string{filesystem, "none,name=mounted", tasks}}
}

// siblings is mkdir and rmdir beside so many containers.
func siblings(n string) scenario {
	return scenario{name: "mkdir-beside-" + n, program: "siblings", rounds: 20, args: []string{here, n}}
}

// listed is the reading of the list of hierarchies while one has so many containers.
func listed(n string) scenario {
	return scenario{name: "listing-" + n, program: "listing", rounds: 50, args: []string{here, n, listing}}
}

// sets is a fork while tasks sleep in so many other containers.
func sets(n string) scenario {
	return scenario{name: "fork-sets-" + n, program: "sets", rounds: 50, args: []string{here, top, n}}
}

// containerMemory is what containers take of memory: its cost is bytes.
var containerMemory = scenario{name: memoryName, program: "memory", rounds: 500, args: []string{here}}

const memoryName = "memory"

// sharing is where all processors do the same, and the lines that several write are counted. Each has a node of its own: so the kernel seldom
// gives to one what another has freed, and does not write to it in turn for that reason alone.
var sharing = suite{processors: mostProcessors, nodes: mostProcessors, states: []state{
	{"unmounted", nil, 0, []scenario{{name: plantedName, rounds: 1000}, together}},
	{"trio/1", []string{trio}, 1, []scenario{together}},
	{"trio/root", []string{trio}, 0, []scenario{together, apart}},
}}

// The scenarios of sharing: the case that is known, and forks on all processors, in one container or each in its own.
const plantedName = "planted"

var (
	together = scenario{name: "together", rounds: 100}
	apart    = scenario{name: "apart", rounds: 100, args: []string{top}}
)

// label is how reports name a scenario in a state. A storm has one state only.
func label(sc scenario, st state) string {
	if sc.program == storm {
		return sc.name
	}
	return sc.name + "@" + st.name
}
