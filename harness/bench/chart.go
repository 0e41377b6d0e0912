package bench

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/go-analyze/charts"
)

// The chart's measures, in pixels.
const (
	chartWidth  = 900
	chartMargin = 140 // title, legend and axis
	rowHeight   = 34  // a scenario: a bar for each kernel
)

// picture is one of the charts that are drawn below each other: a bar for each series in each row.
type picture struct {
	title  string
	series []string    // the names of what is compared
	rows   []string    // the last one is drawn first: the chart counts from its foot
	values [][]float64 // by series and row
}

func (p picture) height() int { return chartMargin + rowHeight*len(p.rows) }

func (p picture) option() charts.BarChartOption {
	option := charts.NewBarChartOptionWithData(p.values)
	option.Title.Text = p.title
	option.Legend.SeriesNames = p.series
	option.Legend.Offset = charts.OffsetRight
	option.Horizontal = true
	option.CategoryAxis.Labels = p.rows
	return option
}

// WriteChart draws an SVG picture to a file: what our kernel and mainline's add to vanilla, or one kernel to another, in each scenario that the latter can do,
// and what operations cost where there is more and more of something, below each other for each machine.
func (r *Report) WriteChart(path string) error {
	var all []picture
	for _, result := range r.Machines {
		if len(result.Scenarios) > 0 {
			all = append(all, result.chart())
		}
		if len(result.Growth) > 0 {
			all = append(all, growthCharts(result.Machine, result.Growth)...)
		}
	}
	height := 0
	for _, p := range all {
		height += p.height()
	}
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: chartWidth, Height: height})
	top := 0
	for _, p := range all {
		bottom := top + p.height()
		box := charts.NewBox(0, top, chartWidth, bottom)
		if err := painter.Child(charts.PainterBoxOption(box)).BarChart(p.option()); err != nil {
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

// comparable returns the scenarios that have a bar, the first one last.
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

// The names of the two systems in charts.
var systems = []string{"containers", "mainline cgroup v1"}

// chart describes the picture of one machine's scenarios.
func (r Result) chart() picture {
	compared := r.compared()
	short := shortNames(r.kernels())
	p := picture{title: "Instructions above " + short[0] + ", one operation, " + r.Machine, series: short[1:], values: make([][]float64, len(compared))}
	if len(r.Kernels) == 0 {
		p.series = systems
	}
	for _, s := range r.comparable() {
		p.rows = append(p.rows, s.Name)
		for i, f := range compared {
			above, ok := s.Over(f, r.base())
			if !ok {
				above = charts.GetNullValue()
			}
			p.values[i] = append(p.values[i], above)
		}
	}
	return p
}

// shortNames returns the ends of names that are paths, which do not fit into a picture whole; the names themselves where the ends are the same.
func shortNames(names []string) []string {
	var short []string
	for _, name := range names {
		if end := filepath.Base(name); !slices.Contains(short, end) {
			short = append(short, end)
		}
	}
	if len(short) < len(names) {
		return names
	}
	return short
}

// growthCharts describes the pictures of what operations cost where there is more and more of something: one for each operation and state, as they are
// of different sizes, and one for the memory that containers take.
func growthCharts(machine string, all []Scenario) []picture {
	var pictures []picture
	for _, s := range all {
		title := s.family() + ", " + s.unit() + ", " + machine
		i := slices.IndexFunc(pictures, func(p picture) bool { return p.title == title })
		if i < 0 {
			i = len(pictures)
			pictures = append(pictures, picture{title: title, series: systems, values: make([][]float64, 2)})
		}
		p := &pictures[i]
		p.rows = slices.Insert(p.rows, 0, s.Name)
		for i, f := range []string{ourKernel, peerKernel} {
			value := charts.GetNullValue()
			if cost, ok := s.Costs[f]; ok {
				value = cost.Mean()
			}
			p.values[i] = slices.Insert(p.values[i], 0, value)
		}
	}
	return pictures
}

var (
	growingNumber = regexp.MustCompile(`-\d+@`)
	atState       = regexp.MustCompile(`@.*`)
)

// family is what a scenario has in common with those that differ in the number only; what containers take of memory is one family in all states.
func (s Scenario) family() string {
	if s.isMemory() {
		return atState.ReplaceAllString(s.Name, "") + " of a container"
	}
	return growingNumber.ReplaceAllString(s.Name, "@")
}
