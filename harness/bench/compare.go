package bench

import (
	"fmt"
	"io"
	"slices"

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

// Comparison holds a result of one machine against an earlier one.
type Comparison struct {
	// Machine is the architecture's name.
	Machine string
	// Differs are the conditions that are not the same. Where there is one, nothing can be said about the patches.
	Differs []string
	// Changes are the scenarios that both results have, and that have not the same cost in them.
	Changes []Change
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
		all = append(all, Comparison{Machine: now.Machine, Differs: old.conditions(now), Changes: old.changes(now)})
	}
	return all
}

// conditions says what else than the patches differs between two results. The configuration of vanilla is that of all kernels
// but for what they measure.
func (r Result) conditions(now Result) []string {
	var differs []string
	for _, c := range []struct{ name, before, now string }{
		{"Linux", r.Linux, now.Linux},
		{"compiler", r.Compiler, now.Compiler},
		{"emulator", r.QEMU, now.QEMU},
		{"workload", r.Workload, now.Workload},
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

// Dearer returns the changes that are more than is tolerated, none where the conditions are not the same.
func (c Comparison) Dearer() []Change {
	if len(c.Differs) > 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Changes), func(change Change) bool { return !change.Dearer() })
}

// Write writes what has changed, and whether that can be laid to the patches.
func (c Comparison) Write(w io.Writer) error {
	if len(c.Changes) == 0 {
		_, err := fmt.Fprintf(w, "%s: nothing has changed\n", c.Machine)
		return err
	}
	t := newTable(c.Machine, "before", "now", "change", "")
	for _, change := range c.Changes {
		verdict := ""
		if change.Dearer() {
			verdict = "dearer"
		}
		t.AppendRow(table.Row{change.Name, fmt.Sprintf("%.0f", change.Before), fmt.Sprintf("%.0f", change.After),
			fmt.Sprintf("%+.0f", change.After-change.Before), verdict})
	}
	if _, err := fmt.Fprintln(w, t.Render()); err != nil {
		return err
	}
	for _, d := range c.Differs {
		if _, err := fmt.Fprintf(w, "not to be compared, another %s\n", d); err != nil {
			return err
		}
	}
	return nil
}
