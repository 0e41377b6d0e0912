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
	// args are the workload's: here stands for the container that the scenario runs in, other for its sibling. What names
	// them needs a hierarchy.
	args []string
}

func (sc scenario) needsHierarchy() bool { return slices.Contains(sc.args, here) }

// Stand-ins for containers among a scenario's arguments.
const (
	here  = "HERE"
	other = "OTHER"
)

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

// listing is the reading of a list of 10 tasks, where so many are in the hierarchy.
func listing(all string) scenario {
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
	states     []state
}

// suites are the whole benchmark. Every kernel goes through a suite in the same order; one that cannot mount what a state asks for
// measures it with nothing mounted, so that the others have a figure with the same history to be compared with. There is a second
// processor only where the operation needs one.
var suites = []suite{{1, []state{
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
	{manyTasks, []string{""}, 1, []scenario{listing("10"), listing("1000"), listing("10000")}},
}}, {2, []state{
	{"two-cpus", []string{"cpuset"}, 1, []scenario{change("1000")}},
}}}

// label is how reports name a scenario in a state. A storm has one state only.
func label(sc scenario, st state) string {
	if sc.program == storm {
		return sc.name
	}
	return sc.name + "@" + st.name
}
