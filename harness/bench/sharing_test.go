package bench

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gpc/harness/kernel"
	"gpc/harness/symbols"
)

func TestSharedStores(t *testing.T) {
	alone := store{Address: 1, Line: 10, Executions: [mostProcessors]uint32{5}}
	first := store{Address: 1, Line: 11, Executions: [mostProcessors]uint32{1}}
	second := store{Address: 2, Line: 11, Executions: [mostProcessors]uint32{0, 2}}
	both := store{Address: 3, Line: 12, Executions: [mostProcessors]uint32{0, 0, 1, 1}}
	got := sharedStores([]store{alone, first, second, both})
	if want := []store{first, second, both}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestCheckPlanted checks that the known case is not taken for found if anything of it is missing.
func TestCheckPlanted(t *testing.T) {
	shared := func(cpu int) store {
		s := store{Address: 1, Line: planted >> 6, Place: planted}
		s.Executions[cpu] = 10
		return s
	}
	own := func(cpu int) store {
		place := uint64(planted + 256*(1+cpu))
		s := store{Address: 2, Line: place >> 6, Place: place}
		s.Executions[cpu] = 10
		return s
	}
	kernel := store{Address: 1 << 63, Line: 1 << 57, Place: 1 << 63, Executions: [mostProcessors]uint32{1, 1, 1, 1}}
	whole := []store{kernel}
	for cpu := range mostProcessors {
		whole = append(whole, shared(cpu), own(cpu))
	}
	if err := checkPlanted(whole, 40); err != nil {
		t.Error(err)
	}
	for name, stores := range map[string][]store{
		"nothing seen":         {kernel},
		"one write not seen":   whole[:len(whole)-1],
		"lines taken together": append(slices.Clone(whole[:len(whole)-1]), store{Address: 2, Line: planted >> 6, Place: planted + 4*256, Executions: [mostProcessors]uint32{0, 0, 0, 10}}),
	} {
		if err := checkPlanted(stores, 40); err == nil {
			t.Errorf("%s: passed", name)
		}
	}
}

func TestByScenario(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "System.map"), []byte("1000 T copy_process\n1100 t helper.constprop.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	base, err := symbols.Read(&kernel.Image{Symbols: filepath.Join(dir, "System.map")})
	if err != nil {
		t.Fatal(err)
	}
	m := newMeasurement()
	for name, writes := range map[string]int64{"copy_process: lock": 20, "helper": 10, "__container_join": 5} {
		l := ofFunction("apart@trio/root", name)
		m.order = append(m.order, l)
		m.costs[l] = Cost{Operations: 10, Batches: []int64{writes}}
	}
	got := byScenario(ourKernel, m, base)
	if len(got) != 1 || got[0].Sum() != 3.5 || got[0].own() != 0.5 || !slices.Equal(got[0].Own, []string{"__container_join"}) {
		t.Errorf("got %+v", got)
	}
	vanilla := Sharing{Name: "together@trio/root", Kernel: vanillaKernel, Functions: map[string]float64{"helper": 3}}
	var b strings.Builder
	if err := WriteSharing(&b, "m", append([]Sharing{vanilla}, got...)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"+0.50", "copy_process: lock", "-2.00"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, &b)
		}
	}
}
