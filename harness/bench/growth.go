package bench

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// growthBatches is in how many batches the scenarios of growth run.
const growthBatches = 2

// measureGrowth measures what operations cost where there is more and more of what they do not touch, twice as all.
func (c counter) measureGrowth(ctx context.Context) ([]Scenario, []Drift, error) {
	var all []Scenario
	for _, name := range growth.labels(c.match) {
		all = append(all, Scenario{Name: name, Costs: map[string]Cost{}})
	}
	var drifts []Drift
	for _, f := range []string{ourKernel, peerKernel} {
		run := func(n int) (measurement, error) {
			plan := growth.plan(c.filesystems[f], c.match, growthBatches)
			return c.measure(ctx, f, fmt.Sprintf("growth, run %d", n), c.program, plan, c.exactly(growth))
		}
		agreed, differ, err := agree(f, run)
		if err != nil {
			return nil, nil, err
		}
		for i := range all {
			if cost, ok := agreed.costs[all[i].Name]; ok {
				all[i].Costs[f] = cost
			}
		}
		drifts = append(drifts, differ...)
	}
	return all, drifts, nil
}

// isMemory tells that a scenario's cost is memory.
func (s Scenario) isMemory() bool { return strings.HasPrefix(s.Name, memoryName+"@") }

// unit is what a scenario's cost is counted in.
func (s Scenario) unit() string {
	if s.isMemory() {
		return "bytes"
	}
	return "instructions"
}

// WriteGrowth writes what operations cost where there is more and more.
func WriteGrowth(w io.Writer, machine string, all []Scenario) error {
	t := newTable(machine+", growth", "of", ourKernel, peerKernel, "ours/theirs", "spread")
	for _, s := range all {
		t.AppendRow(table.Row{s.Name, s.unit(), s.cost(ourKernel), s.cost(peerKernel), s.ratio(), s.spread()})
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}
