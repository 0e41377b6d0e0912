package bench

import (
	"os"
	"slices"

	"github.com/go-analyze/charts"
)

// The chart's measures, in pixels.
const (
	chartWidth  = 900
	chartMargin = 140 // title, legend and axis
	rowHeight   = 34  // a scenario: a bar for each kernel
)

// WriteChart draws an SVG picture to a file: what our kernel and mainline's add to vanilla, or one kernel to another, in each scenario that the latter can do,
// below each other for each machine.
func (r *Report) WriteChart(path string) error {
	height := 0
	for _, result := range r.Machines {
		height += result.chartHeight()
	}
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: chartWidth, Height: height})
	top := 0
	for _, result := range r.Machines {
		bottom := top + result.chartHeight()
		box := charts.NewBox(0, top, chartWidth, bottom)
		if err := painter.Child(charts.PainterBoxOption(box)).BarChart(result.chart()); err != nil {
			return err
		}
		top = bottom
	}
	svg, err := painter.Bytes()
	if err != nil {
		return err
	}
	return os.WriteFile(path, svg, 0o644)
}

// comparable returns the scenarios that have a bar, the first one last: the chart counts from its foot.
func (r Result) comparable() []Scenario {
	var chosen []Scenario
	for _, s := range r.Scenarios {
		if _, ok := s.Over(r.compared()[0], r.base()); ok {
			chosen = append(chosen, s)
		}
	}
	slices.Reverse(chosen)
	return chosen
}

func (r Result) chartHeight() int { return chartMargin + rowHeight*len(r.comparable()) }

// chart describes the picture of one machine.
func (r Result) chart() charts.BarChartOption {
	var names []string
	compared := r.compared()
	values := make([][]float64, len(compared))
	for _, s := range r.comparable() {
		names = append(names, s.Name)
		for i, f := range compared {
			above, ok := s.Over(f, r.base())
			if !ok {
				above = charts.GetNullValue()
			}
			values[i] = append(values[i], above)
		}
	}
	option := charts.NewBarChartOptionWithData(values)
	option.Title.Text = "Instructions above " + r.base() + ", one operation, " + r.Machine
	option.Legend.SeriesNames = compared
	if len(r.Kernels) == 0 {
		option.Legend.SeriesNames = []string{"containers", "mainline cgroup v1"}
	}
	option.Legend.Offset = charts.OffsetRight
	option.Horizontal = true
	option.CategoryAxis.Labels = names
	return option
}
