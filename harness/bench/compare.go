package bench

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// What a scenario may become dearer by without anybody asking: instructions for each operation, a part of its cost, or a part of its spread,
// whichever is more. A kernel that does anything else at boot shifts what falls into which batch, and so moves a mean by about as much as
// six batches let it be known.
const (
	toleranceInstructions = 30
	tolerancePart         = 0.001
	toleranceSpread       = 0.5
)

// Change is what became of a scenario in the patched kernel since an earlier result.
type Change struct {
	// Machine and Name say which scenario it is.
	Machine, Name string
	// Before and After are the costs of one operation, in instructions.
	Before, After float64
	// Spread is the larger of the two costs' spreads.
	Spread float64
}

// Dearer reports whether the cost has grown by more than is tolerated.
func (c Change) Dearer() bool {
	return c.After-c.Before > max(toleranceInstructions, tolerancePart*c.Before, toleranceSpread*c.Spread)
}

// toleranceBudget is how many instructions a part of the series may add to an operation before it counts as dearer.
const toleranceBudget = 3

// BudgetChange is what became of what a part of the series adds to an operation.
type BudgetChange struct {
	// Name is the scenario, and Part the part of the series.
	Name, Part string
	// Before and After are instructions of one operation.
	Before, After float64
	// Functions are those that have changed, and by how much.
	Functions map[string]float64
}

// Dearer reports whether it has grown by more than is tolerated.
func (c BudgetChange) Dearer() bool { return c.After-c.Before >= toleranceBudget }

// functions tells which functions have changed, those first that have most.
func (c BudgetChange) functions() string {
	names := slices.SortedFunc(maps.Keys(c.Functions), func(a, b string) int {
		return cmp.Or(cmp.Compare(math.Abs(c.Functions[b]), math.Abs(c.Functions[a])), cmp.Compare(a, b))
	})
	var words []string
	for _, name := range names {
		words = append(words, fmt.Sprintf("%s %+.2f", name, c.Functions[name]))
	}
	return strings.Join(words, ", ")
}

// Comparison holds a result of one machine against an earlier one.
type Comparison struct {
	// Machine is the architecture's name.
	Machine string
	// Differs are the conditions that are not the same. Where there is one, nothing can be said about the patches.
	Differs []string
	// Changes are the scenarios that both results have, and that have not the same cost in them.
	Changes []Change
	// FunctionsDiffer is Differs for what is counted by function, and BudgetChanges are what has changed there.
	FunctionsDiffer []string
	BudgetChanges   []BudgetChange
}

// Compare holds a report against an earlier one, machine by machine; machines that the earlier one lacks are left out.
func Compare(before, after *Report) []Comparison {
	var all []Comparison
	for _, now := range after.Machines {
		i := slices.IndexFunc(before.Machines, func(r Result) bool { return r.Machine == now.Machine })
		if i < 0 {
			continue
		}
		old := before.Machines[i]
		all = append(all, Comparison{Machine: now.Machine, Differs: old.conditions(now, "workload", old.Workload, now.Workload), Changes: old.changes(now),
			FunctionsDiffer: old.conditions(now, "counted workload", old.Counted, now.Counted), BudgetChanges: budgetChanges(old.Budgets, now.Budgets)})
	}
	return all
}

// conditions says what else than the patches differs between two results, the workload of that name among it. The configuration of vanilla is that of all
// kernels but for what they measure.
func (r Result) conditions(now Result, workload, before, after string) []string {
	var differs []string
	for _, c := range []struct{ name, before, now string }{
		{"Linux", r.Linux, now.Linux},
		{"compiler", r.Compiler, now.Compiler},
		{"emulator", r.QEMU, now.QEMU},
		{workload, before, after},
		{"configuration", r.Configs[vanillaKernel], now.Configs[vanillaKernel]},
	} {
		if c.before != c.now {
			differs = append(differs, fmt.Sprintf("%s: %s, was %s", c.name, c.now, c.before))
		}
	}
	return differs
}

// changes returns the scenarios that have changed in the patched kernel.
func (r Result) changes(now Result) []Change {
	var changes []Change
	for _, s := range now.Scenarios {
		i := slices.IndexFunc(r.Scenarios, func(old Scenario) bool { return old.Name == s.Name })
		if i < 0 {
			continue
		}
		before, had := r.Scenarios[i].Costs[ourKernel]
		after, has := s.Costs[ourKernel]
		if had && has && before.Mean() != after.Mean() {
			changes = append(changes, Change{now.Machine, s.Name, before.Mean(), after.Mean(), max(before.Spread(), after.Spread())})
		}
	}
	return changes
}

// budgetChanges returns the parts of the series that add another number of instructions, to scenarios that both results have.
func budgetChanges(before, now []Budget) []BudgetChange {
	var changes []BudgetChange
	for _, b := range now {
		i := slices.IndexFunc(before, func(old Budget) bool { return old.Name == b.Name })
		if i < 0 {
			continue
		}
		old := before[i]
		parts := slices.Sorted(maps.Keys(b.Functions))
		for part := range old.Functions {
			if b.Functions[part] == nil {
				parts = append(parts, part)
			}
		}
		for _, part := range parts {
			c := BudgetChange{Name: b.Name, Part: part, Before: old.Part(part), After: b.Part(part), Functions: differences(old.Functions[part], b.Functions[part])}
			if len(c.Functions) > 0 {
				changes = append(changes, c)
			}
		}
	}
	return changes
}

// differences returns by how much each value has changed, where it has.
func differences(before, now map[string]float64) map[string]float64 {
	all := map[string]float64{}
	for name, value := range now {
		all[name] = value
	}
	for name, value := range before {
		all[name] -= value
	}
	maps.DeleteFunc(all, func(_ string, change float64) bool { return math.Abs(change) < 0.005 })
	return all
}

// DearerBudgets returns the parts of the series that have become dearer, none where the conditions are not the same.
func (c Comparison) DearerBudgets() []BudgetChange {
	if len(c.FunctionsDiffer) > 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.BudgetChanges), func(change BudgetChange) bool { return !change.Dearer() })
}

// Dearer returns the changes that are more than is tolerated, none where the conditions are not the same.
func (c Comparison) Dearer() []Change {
	if len(c.Differs) > 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Changes), func(change Change) bool { return !change.Dearer() })
}

// Write writes what has changed, and whether that can be laid to the patches.
func (c Comparison) Write(w io.Writer) error {
	if len(c.Changes) == 0 && len(c.BudgetChanges) == 0 {
		_, err := fmt.Fprintf(w, "%s: nothing has changed\n", c.Machine)
		return err
	}
	if len(c.Changes) > 0 {
		t := newTable(c.Machine, "before", "now", "change", "")
		for _, change := range c.Changes {
			t.AppendRow(table.Row{change.Name, fmt.Sprintf("%.0f", change.Before), fmt.Sprintf("%.0f", change.After),
				fmt.Sprintf("%+.0f", change.After-change.Before), verdict(change.Dearer())})
		}
		if err := writeCompared(w, t, c.Differs); err != nil {
			return err
		}
	}
	if len(c.BudgetChanges) == 0 {
		return nil
	}
	t := newTable(c.Machine+", by function", "part", "before", "now", "change", "", "of which")
	for _, change := range c.BudgetChanges {
		t.AppendRow(table.Row{change.Name, change.Part, fmt.Sprintf("%.1f", change.Before), fmt.Sprintf("%.1f", change.After),
			fmt.Sprintf("%+.1f", change.After-change.Before), verdict(change.Dearer()), change.functions()})
	}
	return writeCompared(w, t, c.FunctionsDiffer)
}

func verdict(dearer bool) string {
	if dearer {
		return "dearer"
	}
	return ""
}

// writeCompared writes a table of changes, and what else has changed.
func writeCompared(w io.Writer, t table.Writer, differs []string) error {
	if _, err := fmt.Fprintln(w, t.Render()); err != nil {
		return err
	}
	for _, d := range differs {
		if _, err := fmt.Fprintf(w, "not to be compared, another %s\n", d); err != nil {
			return err
		}
	}
	return nil
}
