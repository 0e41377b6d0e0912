package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"

	"gpc/harness/kernel"
	"gpc/harness/machine"
	"gpc/harness/qemu"
	"gpc/harness/symbols"
)

// A profile is the difference between two runs that differ in the number of batches only, so it does not hold what the guest does
// before and after.
const (
	fewBatches  = 3
	manyBatches = 13
)

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
	plugin, err := buildPlugin(ctx, lab, m.QEMU)
	if err != nil {
		return p, err
	}
	functions := map[string]map[string]float64{}
	for _, f := range usualNames() {
		counts, err := b.profile(ctx, f, plugin)
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
func (b *bench) profile(ctx context.Context, f string, plugin string) (map[string]float64, error) {
	functions, err := symbols.Read(b.images[f])
	if err != nil {
		return nil, err
	}
	few, _, err := b.countBlocks(ctx, f, plugin, fewBatches)
	if err != nil {
		return nil, err
	}
	many, operations, err := b.countBlocks(ctx, f, plugin, manyBatches)
	if err != nil || operations == 0 {
		return nil, err
	}
	counts := map[string]float64{}
	before := countByFunction(functions, few)
	for name, count := range countByFunction(functions, many) {
		counts[name] = float64(count-before[name]) / float64(operations*(manyBatches-fewBatches))
	}
	return counts, nil
}

// userSpace stands for all code that is no function of the kernel.
const userSpace = "(user space)"

// countByFunction adds up the instructions of each function.
func countByFunction(functions symbols.Table, blocks []block) map[string]int64 {
	counts := map[string]int64{}
	for _, b := range blocks {
		name, _, ok := functions.At(b.Address)
		if !ok {
			name = userSpace
		}
		counts[name] += int64(b.Instructions * b.Executions)
	}
	return counts
}

// countBlocks lets the emulator count executions while the scenario runs in so many batches. It returns the counts, and how many
// operations there are in a batch, 0 if the kernel has nothing like the scenario.
func (b *bench) countBlocks(ctx context.Context, f string, plugin string, batches int) ([]block, int64, error) {
	counts, err := os.CreateTemp("", "gpc-profile-")
	if err != nil {
		return nil, 0, err
	}
	defer os.Remove(counts.Name())
	defer counts.Close()
	m, err := b.measureSuites(ctx, f, fmt.Sprintf("%d batches", batches), batches, qemu.PluginArgs(plugin, counts.Name()))
	if err != nil {
		return nil, 0, err
	}
	blocks, err := readBlocks(counts)
	for _, cost := range m.costs {
		return blocks, cost.Operations, err
	}
	return blocks, 0, err
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
