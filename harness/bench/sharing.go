package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"math/bits"
	"regexp"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"gpc/harness/symbols"
)

// Sharing is how often one operation writes to lines of memory that another processor writes, too, while all do the same.
type Sharing struct {
	// Name is the scenario's, Kernel the kernel.
	Name   string `json:"name"`
	Kernel string `json:"kernel"`
	// Functions are the writes of one operation by function of the kernel, as "function" where the line is in memory that was allocated, or
	// "function: variable" where it has a name.
	Functions map[string]float64 `json:"functions"`
	// Own are the names among them of functions that the unpatched kernel has not.
	Own []string `json:"own,omitempty"`
}

// Sum is the number of writes of one operation.
func (s Sharing) Sum() float64 {
	var sum float64
	for _, name := range slices.Sorted(maps.Keys(s.Functions)) {
		sum += s.Functions[name]
	}
	return sum
}

// own is the number of writes by functions that the unpatched kernel has not.
func (s Sharing) own() float64 {
	var sum float64
	for _, name := range s.Own {
		sum += s.Functions[name]
	}
	return sum
}

// measureSharing counts writes to shared lines in each kernel, twice as all. Before that the case that is known must be found as it is.
func (c counter) measureSharing(ctx context.Context) ([]Sharing, []Drift, error) {
	var all []Sharing
	var drifts []Drift
	base, err := symbols.Read(c.images[vanillaKernel])
	if err != nil {
		return nil, nil, err
	}
	for _, f := range c.contest.names() {
		run := func(n int) (measurement, error) { return c.countShared(ctx, f, n) }
		agreed, differ, err := agree(f, run)
		if err != nil {
			return nil, nil, err
		}
		drifts = append(drifts, differ...)
		all = append(all, byScenario(f, agreed, base)...)
	}
	return all, drifts, nil
}

// countShared counts writes to lines that several processors write, for the n-th time. A measurement has a cost for each scenario, function, and
// variable.
func (c counter) countShared(ctx context.Context, f string, n int) (measurement, error) {
	all := newMeasurement()
	functions, err := symbols.Read(c.images[f])
	if err != nil {
		return all, err
	}
	variables, err := symbols.ReadVariables(c.images[f])
	if err != nil {
		return all, err
	}
	counts, err := c.stores(ctx, f, fmt.Sprintf("sharing, run %d", n), sharing)
	if err != nil {
		return all, err
	}
	for _, scenario := range counts.order {
		stores, cost := counts.sections[scenario], counts.costs[scenario]
		if scenario == plantedName+"@unmounted" {
			if err := checkPlanted(stores, cost.Operations); err != nil {
				return all, err
			}
			continue
		}
		sums := map[string]int64{}
		for _, s := range sharedStores(stores) {
			sums[nameStore(s, functions, variables)] += s.sum()
		}
		for _, name := range slices.Sorted(maps.Keys(sums)) {
			label := ofFunction(scenario, name)
			all.order = append(all.order, label)
			all.costs[label] = Cost{Operations: cost.Operations, Batches: []int64{sums[name]}}
		}
	}
	return all, nil
}

// sum is how often an instruction has written to a line.
func (s store) sum() int64 {
	var sum int64
	for _, n := range s.Executions {
		sum += int64(n)
	}
	return sum
}

// writers are the processors that have, a bit for each.
func (s store) writers() (mask uint) {
	for cpu, n := range s.Executions {
		if n > 0 {
			mask |= 1 << cpu
		}
	}
	return mask
}

// sharedStores returns those to lines that several processors have written.
func sharedStores(all []store) []store {
	writers := map[uint64]uint{}
	for _, s := range all {
		writers[s.Line] |= s.writers()
	}
	var shared []store
	for _, s := range all {
		if bits.OnesCount(writers[s.Line]) > 1 {
			shared = append(shared, s)
		}
	}
	return shared
}

// checkPlanted returns an error unless of the planted writes exactly half are found to be shared: each operation of the workload's writes once to a line
// of all processors and once to one of its own.
func checkPlanted(all []store, operations int64) error {
	isPlanted := func(s store) bool { return s.Place >= planted && s.Place < planted+pageSize }
	var found, shared int64
	for _, s := range all {
		if isPlanted(s) {
			found += s.sum()
		}
	}
	for _, s := range sharedStores(all) {
		if isPlanted(s) {
			shared += s.sum()
		}
	}
	if found != 2*operations || shared != operations {
		return fmt.Errorf("of %d planted writes, half of them to a shared line, the emulator's plugin has seen %d, and %d of those shared", 2*operations, found, shared)
	}
	return nil
}

// nameStore names the function that has written, and the variable if that has a name.
func nameStore(s store, functions, variables symbols.Table) string {
	function, _, ok := functions.At(s.Address)
	if !ok {
		return userSpace
	}
	name := baseName(function)
	if variable, _, ok := variables.At(s.Place); ok {
		name += variableMark + variable
	}
	return name
}

// variableMark stands between a function and the variable that it has written.
const variableMark = ": "

// functionOf is the function in such a name.
func functionOf(name string) string {
	function, _, _ := strings.Cut(name, variableMark)
	return function
}

// byScenario sorts what was measured in a kernel by scenario. base has the functions of the unpatched kernel.
func byScenario(f string, m measurement, base symbols.Table) []Sharing {
	known := map[string]bool{userSpace: true}
	for _, name := range base.Names() {
		known[baseName(name)] = true
	}
	var all []Sharing
	for _, scenario := range sharing.labels(regexp.MustCompile("")) {
		one := Sharing{Name: scenario, Kernel: f, Functions: map[string]float64{}}
		for _, label := range m.order {
			name, ok := strings.CutPrefix(label, ofFunction(scenario, ""))
			if !ok {
				continue
			}
			one.Functions[name] = math.Round(m.costs[label].Mean()*1000) / 1000
			if !known[functionOf(name)] {
				one.Own = append(one.Own, name)
			}
		}
		if len(one.Functions) > 0 {
			all = append(all, one)
		}
	}
	return all
}

// baseline returns what the unpatched kernel writes at the same place of the plan: there forks know no containers, and all are together.
func baseline(all []Sharing, scenario string) (Sharing, bool) {
	_, state, _ := strings.Cut(scenario, "@")
	for _, name := range []string{scenario, together.name + "@" + state} {
		i := slices.IndexFunc(all, func(s Sharing) bool { return s.Kernel == vanillaKernel && s.Name == name })
		if i >= 0 {
			return all[i], true
		}
	}
	return Sharing{}, false
}

// over returns by how much each function's writes differ from another kernel's, those first that differ most.
func (s Sharing) over(base Sharing) (names []string, by map[string]float64) {
	by = differences(base.Functions, s.Functions)
	names = slices.SortedFunc(maps.Keys(by), func(a, b string) int {
		return cmp.Or(cmp.Compare(math.Abs(by[b]), math.Abs(by[a])), cmp.Compare(a, b))
	})
	return names, by
}

// mostShown is how many functions are shown of each scenario.
const mostShown = 12

// WriteSharing writes how many shared writes there are in an operation, how many more than in the unpatched kernel, and by which functions.
func WriteSharing(w io.Writer, machine string, all []Sharing) error {
	t := newTable(machine+", shared writes", "kernel", "each", "above vanilla", "by own functions")
	details := newTable(machine+", shared writes", "kernel", "function: variable", "above vanilla")
	for _, s := range all {
		base, ok := baseline(all, s.Name)
		if !ok {
			continue
		}
		t.AppendRow(table.Row{s.Name, s.Kernel, fmt.Sprintf("%.2f", s.Sum()), fmt.Sprintf("%+.2f", s.Sum()-base.Sum()), fmt.Sprintf("%.2f", s.own())})
		names, by := s.over(base)
		for _, name := range names[:min(mostShown, len(names))] {
			details.AppendRow(table.Row{s.Name, s.Kernel, name, fmt.Sprintf("%+.2f", by[name])})
		}
	}
	_, err := fmt.Fprintf(w, "%s\n\n%s\n", t.Render(), details.Render())
	return err
}
