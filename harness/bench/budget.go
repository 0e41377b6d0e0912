package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"gpc/harness/symbols"
)

// Budget is what the series adds to one operation, by function. Unlike the cost of a scenario it does not hold what the rest of the kernel happens to do
// meanwhile, so it is known to less than an instruction.
type Budget struct {
	// Name is the scenario's.
	Name string `json:"name"`
	// Functions are by part of the series and name: the instructions of the series' own functions, by the step that brings them, and what those of the
	// kernel that it has changed execute more than the unpatched ones ("callers").
	Functions map[string]map[string]float64 `json:"functions"`
}

// Part is what a part of the series adds.
func (b Budget) Part(name string) float64 {
	var sum float64
	for _, f := range slices.Sorted(maps.Keys(b.Functions[name])) {
		sum += b.Functions[name][f]
	}
	return sum
}

// Sum is what the whole series adds.
func (b Budget) Sum() float64 {
	var sum float64
	for _, part := range slices.Sorted(maps.Keys(b.Functions)) {
		sum += b.Part(part)
	}
	return sum
}

// budgetBatches is in how many batches the scenarios of budgets run.
const budgetBatches = 4

// measureBudgets counts by function, twice as all, and tells where two runs differ.
func (c counter) measureBudgets(ctx context.Context) ([]Budget, []Drift, error) {
	spec := c.contest[slices.Index(c.contest.names(), ourKernel)].Spec
	s, err := c.lab.Series(spec)
	if err != nil {
		return nil, nil, err
	}
	own, err := findOwners(s, c.images[vanillaKernel], c.images[ourKernel])
	if err != nil {
		return nil, nil, err
	}
	measured := map[string]measurement{}
	var drifts []Drift
	for _, f := range []string{vanillaKernel, ourKernel} {
		run := func(n int) (measurement, error) { return c.countOwned(ctx, f, n, own) }
		agreed, differ, err := agree(f, run)
		if err != nil {
			return nil, nil, err
		}
		measured[f] = agreed
		drifts = append(drifts, differ...)
	}
	return assemble(budgets.labels(c.match), own, measured[vanillaKernel], measured[ourKernel]), drifts, nil
}

// ofFunction is how a measurement names what a function costs in a scenario.
func ofFunction(scenario, function string) string { return scenario + " " + function }

// countOwned counts the instructions of the functions that the series owns, in a kernel, for the n-th time.
func (c counter) countOwned(ctx context.Context, f string, n int, own owners) (measurement, error) {
	all := newMeasurement()
	functions, err := symbols.Read(c.images[f])
	if err != nil {
		return all, err
	}
	counts, err := c.blocks(ctx, f, fmt.Sprintf("by function, run %d", n), budgets, budgetBatches)
	if err != nil {
		return all, err
	}
	for _, scenario := range counts.order {
		cost := counts.costs[scenario]
		sums := map[string]int64{}
		for name, count := range countByFunction(functions, counts.sections[scenario]) {
			if own[baseName(name)] != "" {
				sums[baseName(name)] += count
			}
		}
		for _, name := range slices.Sorted(maps.Keys(sums)) {
			label := ofFunction(scenario, name)
			all.order = append(all.order, label)
			all.costs[label] = Cost{Operations: cost.Operations * int64(len(cost.Batches)), Batches: []int64{sums[name]}}
		}
	}
	return all, nil
}

// assemble makes budgets of what was counted in both kernels. Where the unpatched one cannot do the operation, nothing is known of callers.
func assemble(scenarios []string, own owners, vanilla, ours measurement) []Budget {
	var all []Budget
	for _, scenario := range scenarios {
		b := Budget{Name: scenario, Functions: map[string]map[string]float64{}}
		comparable := slices.ContainsFunc(vanilla.order, func(label string) bool { return strings.HasPrefix(label, ofFunction(scenario, "")) })
		for name, part := range own {
			was, had := vanilla.costs[ofFunction(scenario, name)]
			is, has := ours.costs[ofFunction(scenario, name)]
			var added float64
			if has {
				added = is.Mean()
			}
			if part == callers && !comparable {
				continue
			}
			if part == callers && had {
				added -= was.Mean()
			}
			if added = math.Round(added*100) / 100; added == 0 {
				continue
			}
			if b.Functions[part] == nil {
				b.Functions[part] = map[string]float64{}
			}
			b.Functions[part][name] = added
		}
		if len(b.Functions) > 0 {
			all = append(all, b)
		}
	}
	return all
}

// WriteBudgets writes what each part of the series adds to an operation.
func WriteBudgets(w io.Writer, machine string, all []Budget) error {
	var parts []string
	for _, b := range all {
		for part := range b.Functions {
			if !slices.Contains(parts, part) {
				parts = append(parts, part)
			}
		}
	}
	slices.SortFunc(parts, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	columns := []any{machine + ", by function"}
	for _, part := range parts {
		columns = append(columns, part)
	}
	t := newTable(append(columns, "sum")...)
	for _, b := range all {
		row := table.Row{b.Name}
		for _, part := range parts {
			row = append(row, fmt.Sprintf("%.1f", b.Part(part)))
		}
		t.AppendRow(append(row, fmt.Sprintf("%.1f", b.Sum())))
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

// rank sorts parts: callers first, the rest by name.
func rank(part string) string {
	if part == callers {
		return ""
	}
	return part
}

// usual tells whether a contest is that of the series, whose functions are known.
func (c Contest) usual() bool {
	return slices.Equal(c.names(), usualNames()) && !slices.ContainsFunc(c, func(one Contestant) bool { return one.Spec.Given != "" })
}
