package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"

	"gpc/harness/kernel"
	"gpc/harness/machine"
	"gpc/harness/symbols"
)

// profileBatches is in how many batches a profile's scenario runs.
const profileBatches = 6

// Profile tells in which functions of each kernel the instructions of an operation are spent.
type Profile struct {
	// Machine and Scenario are what was profiled.
	Machine, Scenario string
	// Kernels are the names of those that can do the operation.
	Kernels []string
	// Functions are those that any of them has executed, in no order.
	Functions []Function
}

// Function is a function of the kernel, or several of one name.
type Function struct {
	// Name is the function's.
	Name string
	// Instructions are those of one operation, by kernel.
	Instructions map[string]float64
}

// MeasureProfile counts the instructions of one operation by function. The scenario is given by its whole name, as fork@trio/1.
// Cancelling ctx ends the guest.
func MeasureProfile(ctx context.Context, lab *kernel.Lab, m *machine.Machine, scenario string) (Profile, error) {
	p := Profile{Machine: m.Name, Scenario: scenario}
	b, err := prepare(ctx, lab, m, Usual(kernel.Spec{}), regexp.MustCompile("^"+regexp.QuoteMeta(scenario)+"$"))
	if err != nil {
		return p, err
	}
	c, err := b.counting(ctx)
	if err != nil {
		return p, err
	}
	functions := map[string]map[string]float64{}
	for _, f := range usualNames() {
		counts, err := c.profile(ctx, f, scenario)
		if err != nil {
			return p, err
		}
		if counts == nil {
			continue
		}
		p.Kernels = append(p.Kernels, f)
		for name, count := range counts {
			if functions[name] == nil {
				functions[name] = map[string]float64{}
			}
			functions[name][f] = count
		}
	}
	for name, instructions := range functions {
		p.Functions = append(p.Functions, Function{name, instructions})
	}
	return p, nil
}

// profile returns the instructions of an operation in one kernel, by function; nil where the kernel cannot do the operation.
func (c counter) profile(ctx context.Context, f, scenario string) (map[string]float64, error) {
	functions, err := symbols.Read(c.images[f])
	if err != nil {
		return nil, err
	}
	for _, s := range append(slices.Clone(suites), budgets) {
		counts, err := c.blocks(ctx, f, "by function", s, profileBatches)
		if err != nil {
			return nil, err
		}
		if cost, ok := counts.costs[scenario]; ok {
			return perOperation(countByFunction(functions, counts.sections[scenario]), cost), nil
		}
	}
	return nil, nil
}

// perOperation divides the counts of all batches by their operations.
func perOperation(counts map[string]int64, cost Cost) map[string]float64 {
	each := map[string]float64{}
	for name, count := range counts {
		each[name] = float64(count) / float64(cost.Operations*int64(len(cost.Batches)))
	}
	return each
}

// over is how many instructions more a kernel spends in a function than vanilla.
func (fn Function) over(f string) float64 {
	return fn.Instructions[f] - fn.Instructions[vanillaKernel]
}

// change is how far the kernel that differs most from vanilla is from it.
func (fn Function) change() float64 {
	return max(math.Abs(fn.over(ourKernel)), math.Abs(fn.over(peerKernel)))
}

// shown tells whether any figure of the function is more than 0 when it is printed.
func (fn Function) shown() bool {
	for _, count := range fn.Instructions {
		if math.Abs(count) >= 0.05 {
			return true
		}
	}
	return false
}

// WriteTable writes the functions whose names match and in which the kernels differ most from vanilla, at most so many, and the
// sums of all functions that match. Where vanilla cannot do the operation, those in which they spend most.
func (p Profile) WriteTable(w io.Writer, match *regexp.Regexp, most int) error {
	t := newTable(p.Machine+" "+p.Scenario, "vanilla", "release", "cgroup", "release above", "cgroup above")
	sum := Function{"sum", map[string]float64{}}
	var shown []Function
	for _, fn := range p.Functions {
		if !match.MatchString(fn.Name) || !fn.shown() {
			continue
		}
		shown = append(shown, fn)
		for f, count := range fn.Instructions {
			sum.Instructions[f] += count
		}
	}
	slices.SortFunc(shown, func(a, b Function) int {
		return cmp.Or(cmp.Compare(b.change(), a.change()), cmp.Compare(a.Name, b.Name))
	})
	for _, fn := range append(shown[:min(most, len(shown))], sum) {
		t.AppendRow(p.row(fn))
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

// row is a function's row of the table.
func (p Profile) row(fn Function) table.Row {
	row := table.Row{fn.Name}
	for _, f := range usualNames() {
		if slices.Contains(p.Kernels, f) {
			row = append(row, fmt.Sprintf("%.1f", fn.Instructions[f]))
		} else {
			row = append(row, missing)
		}
	}
	for _, f := range usualNames()[1:] {
		if slices.Contains(p.Kernels, f) && slices.Contains(p.Kernels, vanillaKernel) {
			row = append(row, fmt.Sprintf("%+.1f", fn.over(f)))
		} else {
			row = append(row, missing)
		}
	}
	return row
}
