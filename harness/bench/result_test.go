package bench

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// cost is a cost of so many instructions for one operation, in batches that say so exactly.
func cost(instructions int64) Cost {
	return Cost{Operations: 10, Batches: []int64{10 * instructions, 10 * instructions}}
}

// sample is a result with one scenario that all can do and one that vanilla cannot.
func sample(release int64) Result {
	return Result{Machine: "x86_64", Linux: "6.12.1", Compiler: "gcc 1", QEMU: "qemu 1", Workload: "w",
		Configs: map[string]string{vanillaKernel: "v", ourKernel: "r"},
		Scenarios: []Scenario{
			{"fork@unmounted", map[string]Cost{vanillaKernel: cost(1000), ourKernel: cost(release), peerKernel: cost(1200)}},
			{"move@named/1", map[string]Cost{ourKernel: cost(50), peerKernel: cost(200)}},
		}}
}

func TestCost(t *testing.T) {
	c := Cost{Operations: 10, Batches: []int64{1000, 1040, 960}, Elapsed: 3600}
	if c.Mean() != 100 || c.Spread() != 4 || c.Wait() != 20 {
		t.Errorf("mean %v, spread %v, wait %v; want 100, 4, 20", c.Mean(), c.Spread(), c.Wait())
	}
	c.Elapsed = 2900 // work put off until after the batches
	if c.Wait() != 0 {
		t.Errorf("wait %v of what did not wait", c.Wait())
	}
}

func TestOver(t *testing.T) {
	r := sample(1050)
	if got, ok := r.Scenarios[0].Over(ourKernel, vanillaKernel); !ok || got != 50 {
		t.Errorf("got %v, %v; want 50", got, ok)
	}
	if got, ok := r.Scenarios[1].Over(ourKernel, vanillaKernel); ok {
		t.Errorf("got %v above a kernel that cannot do it", got)
	}
}

func TestCompareRuns(t *testing.T) {
	run := func(a, b Cost) measurement {
		return measurement{order: []string{"a", "b"}, costs: map[string]Cost{"a": a, "b": b}}
	}
	if drifts := compareRuns(ourKernel, run(cost(5), cost(6)), run(cost(5), cost(6))); len(drifts) != 0 {
		t.Errorf("got %v of two runs that are the same", drifts)
	}
	// The mean is the same, the digits are not.
	other := Cost{Operations: 10, Batches: []int64{59, 61}}
	want := []Drift{{"b", ourKernel, 6, 6}}
	if drifts := compareRuns(ourKernel, run(cost(5), cost(6)), run(cost(5), other)); !reflect.DeepEqual(drifts, want) {
		t.Errorf("got %v, want %v", drifts, want)
	}
	if drifts := compareRuns(ourKernel, run(cost(5), cost(6)), measurement{costs: map[string]Cost{"a": cost(5)}}); len(drifts) != 1 {
		t.Errorf("got %v where a scenario is missing", drifts)
	}
}

func TestAgree(t *testing.T) {
	for _, tt := range []struct {
		costs             []int64 // of each run
		runs, want, drift int
	}{
		{[]int64{5, 5, 6}, 2, 5, 0},
		{[]int64{5, 6, 5}, 3, 5, 0},
		{[]int64{5, 6, 6}, 3, 6, 0},
		{[]int64{5, 6, 7}, 3, 5, 1},
	} {
		runs := 0
		got, drifts, err := agree(ourKernel, func(n int) (measurement, error) {
			runs = n
			return measurement{order: []string{"a"}, costs: map[string]Cost{"a": cost(tt.costs[n-1])}}, nil
		})
		if err != nil || runs != tt.runs || got.costs["a"].Mean() != float64(tt.want) || len(drifts) != tt.drift {
			t.Errorf("%v: %d runs, cost %v, %v, %v; want %d runs, cost %d, %d drifts", tt.costs, runs, got.costs["a"].Mean(), drifts, err,
				tt.runs, tt.want, tt.drift)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "result.json")
	report := &Report{Machines: []Result{sample(1050)}}
	if err := report.Save(path); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(path)
	if err != nil || !reflect.DeepEqual(loaded, report) {
		t.Errorf("got %+v, %v; want %+v", loaded, err, report)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), `"batches": [10500, 10500]`) {
		t.Errorf("a list is not on one line:\n%s", text)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "no result of") {
		t.Errorf("nonsense: %v", err)
	}
}

func TestWriteTable(t *testing.T) {
	var b strings.Builder
	if err := sample(1050).WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"fork@unmounted │ 1000 │ 1050 │ 1200 │ +50 │ +200 │ 0.25 │ ±0",
		"move@named/1 │ - │ 50 │ 200 │ - │ - │ 0.25 │ ±0",
	} {
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}

func TestWriteChart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "result.svg")
	report := &Report{Machines: []Result{sample(1050)}}
	if err := report.WriteChart(path); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "x86_64", "fork@unmounted", "mainline cgroup v1"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("no %q in the chart", want)
		}
	}
	if strings.Contains(string(svg), "move@named/1") {
		t.Error("a bar for what vanilla cannot do")
	}
}

func TestStormRatios(t *testing.T) {
	pair := func(vanilla, release int64) map[string]measurement {
		at := func(ns int64) measurement {
			return measurement{costs: map[string]Cost{"storm-1": {Operations: 1, Batches: []int64{ns, 5 * ns}}}}
		}
		return map[string]measurement{vanillaKernel: at(vanilla), ourKernel: at(release)}
	}
	st := storms()
	got := stormRatios(st, usualNames(), []map[string]measurement{pair(100, 110), pair(100, 100), pair(200, 210)})
	want := []Storm{{"storm-1", ourKernel, vanillaKernel, []float64{1, 1.05, 1.1}}}
	if !reflect.DeepEqual(got, want) || got[0].Median() != 1.05 {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestKeep checks that a new measurement of one kind leaves the others, and other machines, as they were.
func TestKeep(t *testing.T) {
	old := &Report{Machines: []Result{
		{Machine: "x86_64", Linux: "old", Workload: "w", Scenarios: []Scenario{{Name: "s"}}, Counted: "c", Budgets: []Budget{{Name: "b"}}, Sharing: []Sharing{{Name: "x"}}},
		{Machine: "ppc64", Workload: "p"},
	}}
	now := &Report{Machines: []Result{{Machine: "x86_64", Linux: "new", Workload: "other", Counted: "d", Budgets: []Budget{{Name: "e"}}, Growth: []Scenario{{Name: "g"}}}}}
	now.Keep(old, []string{Functions, Growing})
	if len(now.Machines) != 2 || now.Machines[0].Machine != "x86_64" || now.Machines[1].Workload != "p" {
		t.Fatalf("got %+v", now)
	}
	got := now.Machines[0]
	if got.Linux != "new" || got.Workload != "w" || len(got.Scenarios) != 1 || got.Counted != "d" || got.Budgets[0].Name != "e" || len(got.Growth) != 1 || len(got.Sharing) != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestGrowthChart checks that numbers of one operation come to one picture, in their order, and memory of all states to another.
func TestGrowthChart(t *testing.T) {
	cost := func(n int64) map[string]Cost {
		return map[string]Cost{ourKernel: {Operations: 1, Batches: []int64{n}}, peerKernel: {Operations: 1, Batches: []int64{2 * n}}}
	}
	all := []Scenario{{"mkdir-beside-10@named/1", cost(10)}, {"mkdir-beside-1000@named/1", cost(11)}, {"memory@named/1", cost(4000)},
		{"mkdir-beside-10@trio/1", cost(20)}, {"memory@trio/1", cost(8000)}}
	var titles []string
	got := growthCharts("m", all)
	for _, p := range got {
		titles = append(titles, p.title)
	}
	if want := []string{"mkdir-beside@named/1, instructions, m", "memory of a container, bytes, m", "mkdir-beside@trio/1, instructions, m"}; !slices.Equal(titles, want) {
		t.Fatalf("got %q, want %q", titles, want)
	}
	if !slices.Equal(got[0].rows, []string{"mkdir-beside-1000@named/1", "mkdir-beside-10@named/1"}) || !slices.Equal(got[0].values[1], []float64{22, 20}) {
		t.Errorf("got %+v", got[0])
	}
	path := filepath.Join(t.TempDir(), "growth.svg")
	if err := (&Report{Machines: []Result{{Machine: "m", Growth: all}}}).WriteChart(path); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(svg), "memory@trio/1") {
		t.Errorf("%v: the chart has not all rows", err)
	}
}
