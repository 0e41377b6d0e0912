package bench

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gpc/harness/kernel"
	"gpc/harness/series"
)

func TestPartOf(t *testing.T) {
	for patch, want := range map[string]string{"0001-containers-core.patch": "core", "0011-containers-bc-numfiles.patch": "bc-numfiles", "0001-other.patch": "other"} {
		if got := partOf(series.Step{Patch: patch}); got != want {
			t.Errorf("%s: got %q, want %q", patch, got, want)
		}
	}
}

func TestBaseName(t *testing.T) {
	for symbol, want := range map[string]string{"copy_process": "copy_process", ".copy_process": "copy_process", "put.part.0": "put", ".exit.cold": "exit"} {
		if got := baseName(symbol); got != want {
			t.Errorf("%s: got %q, want %q", symbol, got, want)
		}
	}
}

func TestAddChanged(t *testing.T) {
	own := owners{}
	own.addChanged(map[string]uint64{"same": 10, "longer": 10, "inlined": 4}, map[string]uint64{"same": 10, "longer": 20, "outlined": 4})
	if want := (owners{"longer": callers, "inlined": callers, "outlined": callers}); !maps.Equal(own, want) {
		t.Errorf("got %v, want %v", own, want)
	}
}

func TestAddOwner(t *testing.T) {
	own := owners{"both": callers}
	for _, step := range []string{"numtasks", "bc", "bc"} {
		own.add("give_back", step)
	}
	own.add("both", "core")
	if want := (owners{"give_back": "numtasks/bc", "both": "core"}); !maps.Equal(own, want) {
		t.Errorf("got %v, want %v", own, want)
	}
}

func TestDropAmbiguous(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "System.map")
	if err := os.WriteFile(path, []byte("1000 T copy_process\n1100 t copy_process.cold\n1200 t __raw_spin_unlock\n1300 t __raw_spin_unlock\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	own := owners{"copy_process": callers, "__raw_spin_unlock": callers}
	if err := own.dropAmbiguous(&kernel.Image{Symbols: path}); err != nil {
		t.Fatal(err)
	}
	if want := (owners{"copy_process": callers}); !maps.Equal(own, want) {
		t.Errorf("got %v, want %v", own, want)
	}
}

// countedIn makes a measurement of instructions of one operation, by scenario and function.
func countedIn(of map[string]int64) measurement {
	m := newMeasurement()
	for label, count := range of {
		m.order = append(m.order, label)
		m.costs[label] = Cost{Operations: 100, Batches: []int64{count * 100}}
	}
	return m
}

func TestAssemble(t *testing.T) {
	own := owners{"join": "core", "charge": "numtasks", "copy_process": callers, "do_exit": callers, "gone": callers}
	vanilla := countedIn(map[string]int64{"fork@a copy_process": 100, "fork@a do_exit": 50, "fork@a gone": 7, "fork@a other": 1})
	ours := countedIn(map[string]int64{"fork@a copy_process": 110, "fork@a do_exit": 50, "fork@a join": 20, "fork@a charge": 5, "move@a join": 3, "move@a copy_process": 9})
	all := assemble([]string{"fork@a", "move@a", "none@a"}, own, vanilla, ours)
	if len(all) != 2 || all[0].Name != "fork@a" || all[1].Name != "move@a" {
		t.Fatalf("got %v", all)
	}
	fork, move := all[0], all[1]
	if fork.Part("core") != 20 || fork.Part("numtasks") != 5 || fork.Part(callers) != 3 || fork.Sum() != 28 {
		t.Errorf("fork: got %v", fork.Functions)
	}
	if _, ok := fork.Functions[callers]["do_exit"]; ok {
		t.Errorf("what is the same is no figure: got %v", fork.Functions)
	}
	if move.Part("core") != 3 || move.Functions[callers] != nil {
		t.Errorf("move, which vanilla cannot do: got %v", move.Functions)
	}
	var b strings.Builder
	if err := WriteBudgets(&b, "m", all); err != nil || !strings.Contains(b.String(), "28.0") {
		t.Errorf("%v, got\n%s", err, &b)
	}
}

func budgetOf(name string, core map[string]float64) Budget {
	return Budget{Name: name, Functions: map[string]map[string]float64{"core": core}}
}

// TestBudgetTolerance checks that three instructions more are too many, in any part of the series, and fewer are not.
func TestBudgetTolerance(t *testing.T) {
	before := Result{Machine: "m", Counted: "a", Budgets: []Budget{budgetOf("fork@a", map[string]float64{"join": 20, "exit": 30})}}
	for _, tt := range []struct {
		name    string
		now     Budget
		counted string
		dearer  int
		changes int
	}{
		{"the same", budgetOf("fork@a", map[string]float64{"join": 20, "exit": 30}), "a", 0, 0},
		{"a little dearer", budgetOf("fork@a", map[string]float64{"join": 22.99, "exit": 30}), "a", 0, 1},
		{"dearer", budgetOf("fork@a", map[string]float64{"join": 21, "exit": 32}), "a", 1, 1},
		{"one dearer, another cheaper", budgetOf("fork@a", map[string]float64{"join": 25, "exit": 25}), "a", 0, 1},
		{"a new function", budgetOf("fork@a", map[string]float64{"join": 20, "exit": 30, "new": 3}), "a", 1, 1},
		{"dearer, and another program", budgetOf("fork@a", map[string]float64{"join": 29, "exit": 30}), "b", 0, 1},
		{"another scenario", budgetOf("exec@a", map[string]float64{"join": 29}), "a", 0, 0},
		{"cheaper by a part", Budget{Name: "fork@a"}, "a", 0, 1},
		{"a part more", Budget{Name: "fork@a", Functions: map[string]map[string]float64{"core": {"join": 20, "exit": 30}, "ns": {"look": 4}}}, "a", 1, 1},
	} {
		now := before
		now.Counted, now.Budgets = tt.counted, []Budget{tt.now}
		c := Compare(&Report{Machines: []Result{before}}, &Report{Machines: []Result{now}})[0]
		if len(c.DearerBudgets()) != tt.dearer || len(c.BudgetChanges) != tt.changes {
			t.Errorf("%s: %d dearer of %v, want %d of %d", tt.name, len(c.DearerBudgets()), c.BudgetChanges, tt.dearer, tt.changes)
		}
		var b strings.Builder
		if err := c.Write(&b); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.counted != before.Counted && !strings.Contains(b.String(), "not to be compared, another counted workload") {
			t.Errorf("%s: got\n%s", tt.name, &b)
		}
	}
}
