package bench

import (
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// missing stands for a figure that there is none of.
const missing = "-"

// WriteTable writes the costs of one operation in each scenario, what that is above the first kernel, vanilla usually, and how ours compares
// with mainline's: the ratio of what they add to vanilla, or of the whole where vanilla cannot do the operation.
func (r Result) WriteTable(w io.Writer) error {
	columns := []any{r.Machine}
	for _, f := range r.kernels() {
		columns = append(columns, f)
	}
	for _, f := range r.compared() {
		columns = append(columns, f+" above")
	}
	ratio := len(r.compared()) == 2
	if ratio {
		columns = append(columns, "ours/theirs")
	}
	t := newTable(append(columns, "spread")...)
	for _, s := range r.Scenarios {
		row := table.Row{s.Name}
		for _, f := range r.kernels() {
			row = append(row, s.cost(f))
		}
		for _, f := range r.compared() {
			row = append(row, s.above(f, r.base()))
		}
		if ratio {
			row = append(row, s.ratio())
		}
		t.AppendRow(append(row, s.spread()))
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
func (s Scenario) cost(f string) string {
	if c, ok := s.Costs[f]; ok {
		return fmt.Sprintf("%.0f", c.Mean())
	}
	return missing
}

// above is what a kernel adds to another's cost.
func (s Scenario) above(f, other string) string {
	if difference, ok := s.Over(f, other); ok {
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
	if _, measured := s.Costs[vanillaKernel]; measured {
		var both bool
		ours, ok = s.Over(ourKernel, vanillaKernel)
		theirs, both = s.Over(peerKernel, vanillaKernel)
		return ours, theirs, ok && both
	}
	our, ok := s.Costs[ourKernel]
	their, both := s.Costs[peerKernel]
	if !ok || !both {
		return 0, 0, false
	}
	return our.Mean(), their.Mean(), true
}

// spread is the largest of the kernels' spreads.
func (s Scenario) spread() string {
	var most float64
	for _, c := range s.Costs {
		most = max(most, c.Spread())
	}
	return fmt.Sprintf("±%.0f", most)
}
