package bench

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"gpc/harness/guest"
	"gpc/harness/kernel"
	"gpc/harness/machine"
)

// storm is the workload's program in which processes fork on several processors at the same time.
const storm = "storm"

// How storms are measured: in pairs of guests, the second kernel right after the first, with so many processors. Each processor
// of a storm forks so often in each batch.
const (
	stormPairs      = 5
	stormProcessors = 4
	stormForks      = 100
)

// storms is the state in which storms are measured: where forks cost most.
func storms() state {
	st := state{name: storm, hierarchies: []string{trio}, depth: 1}
	for n := 1; n <= stormProcessors; n *= 2 {
		cpus := strconv.Itoa(n)
		st.scenarios = append(st.scenarios, scenario{name: storm + "-" + cpus, program: storm, rounds: stormForks, args: []string{cpus}})
	}
	return st
}

// Storm is what a storm costs in a kernel, in a child container with subsystems mounted, as a ratio to another.
type Storm struct {
	// Name tells on how many processors processes fork, Kernel is the kernel, Against the one that it is compared with.
	Name, Kernel, Against string
	// Ratios are those of each pair of guests, in ascending order.
	Ratios []float64
}

// Median is the ratio in the middle.
func (s Storm) Median() float64 { return s.Ratios[len(s.Ratios)/2] }

// MeasureStorms measures those fork storms whose names match on all processors of a machine, by the wall clock: whether what the
// patches cost grows with the processors. The figures depend on the host and on what else it does; they are ratios for that
// reason, and no test. There are none if no name matches.
func MeasureStorms(ctx context.Context, lab *kernel.Lab, m *machine.Machine, contest Contest, match *regexp.Regexp) ([]Storm, error) {
	st := storms()
	st.scenarios = slices.DeleteFunc(st.scenarios, func(sc scenario) bool { return !match.MatchString(sc.name) })
	if len(st.scenarios) == 0 {
		return nil, nil
	}
	b, err := prepare(ctx, lab, m, contest, match)
	if err != nil {
		return nil, err
	}
	var pairs []map[string]measurement
	for n := range stormPairs {
		pair := map[string]measurement{}
		for _, f := range contest.names() {
			var plan strings.Builder
			st.write(&plan, b.filesystems[f], batches, suite{processors: stormProcessors})
			config := guest.Config{SMP: stormProcessors, Memory: memory, Append: "quiet"}
			if pair[f], err = b.measure(ctx, f, fmt.Sprintf("storm %d of %d", n+1, stormPairs), b.program, plan.String(), config); err != nil {
				return nil, err
			}
		}
		pairs = append(pairs, pair)
	}
	return stormRatios(st, contest.names(), pairs), nil
}

// stormRatios compares the fastest batches, which the host has disturbed least.
func stormRatios(st state, kernels []string, pairs []map[string]measurement) []Storm {
	var all []Storm
	for _, sc := range st.scenarios {
		for _, f := range kernels[1:] {
			s := Storm{Name: sc.name, Kernel: f, Against: kernels[0]}
			for _, pair := range pairs {
				cost, base := pair[f].costs[sc.name], pair[kernels[0]].costs[sc.name]
				if len(cost.Batches) > 0 && len(base.Batches) > 0 {
					s.Ratios = append(s.Ratios, float64(slices.Min(cost.Batches))/float64(slices.Min(base.Batches)))
				}
			}
			if len(s.Ratios) > 0 {
				slices.Sort(s.Ratios)
				all = append(all, s)
			}
		}
	}
	return all
}

// WriteStorms writes the median and the range of each storm's ratios.
func WriteStorms(w io.Writer, machine string, all []Storm) error {
	t := newTable(machine, "kernel", "time to "+all[0].Against+"'s", "from", "to")
	for _, s := range all {
		t.AppendRow(table.Row{s.Name, s.Kernel, fmt.Sprintf("%.3f", s.Median()), fmt.Sprintf("%.3f", s.Ratios[0]),
			fmt.Sprintf("%.3f", s.Ratios[len(s.Ratios)-1])})
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}
