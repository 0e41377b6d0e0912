package bench

import (
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"gpc/harness/kernel"
)

// missing stands for a figure that there is none of.
const missing = "-"

// WriteTable writes the costs of one operation in each scenario, what that is above vanilla, and how ours compares with
// mainline's: the ratio of what they add to vanilla, or of the whole where vanilla cannot do the operation.
func (r Result) WriteTable(w io.Writer) error {
	t := newTable(r.Machine, "vanilla", "release", "cgroup", "release above", "cgroup above", "ours/theirs", "spread")
	for _, s := range r.Scenarios {
		t.AppendRow(table.Row{s.Name, s.cost(kernel.Vanilla), s.cost(kernel.Release), s.cost(kernel.Cgroup),
			s.above(kernel.Release), s.above(kernel.Cgroup), s.ratio(), s.spread()})
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

// newTable returns a table whose first column is text and whose others are numbers.
func newTable(columns ...any) table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	style.Options.DrawBorder = false
	t.SetStyle(style)
	t.AppendHeader(columns)
	var configs []table.ColumnConfig
	for n := 2; n <= len(columns); n++ {
		configs = append(configs, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(configs)
	return t
}

// cost is the cost of an operation in a kernel.
func (s Scenario) cost(f kernel.Flavor) string {
	if c, ok := s.Costs[f]; ok {
		return fmt.Sprintf("%.0f", c.Mean())
	}
	return missing
}

// above is what a kernel adds to vanilla's cost.
func (s Scenario) above(f kernel.Flavor) string {
	if difference, ok := s.Over(f); ok {
		return fmt.Sprintf("%+.0f", difference)
	}
	return missing
}

// ratio compares our kernel with mainline's. What adds nothing cannot be divided by.
func (s Scenario) ratio() string {
	ours, theirs, ok := s.pair()
	if !ok || theirs < 1 {
		return missing
	}
	return fmt.Sprintf("%.2f", ours/theirs)
}

// pair returns what is compared of our kernel and of mainline's.
func (s Scenario) pair() (ours, theirs float64, ok bool) {
	if _, vanilla := s.Costs[kernel.Vanilla]; vanilla {
		var both bool
		ours, ok = s.Over(kernel.Release)
		theirs, both = s.Over(kernel.Cgroup)
		return ours, theirs, ok && both
	}
	release, ok := s.Costs[kernel.Release]
	cgroup, both := s.Costs[kernel.Cgroup]
	if !ok || !both {
		return 0, 0, false
	}
	return release.Mean(), cgroup.Mean(), true
}

// spread is the largest of the kernels' spreads.
func (s Scenario) spread() string {
	var most float64
	for _, c := range s.Costs {
		most = max(most, c.Spread())
	}
	return fmt.Sprintf("±%.0f", most)
}
