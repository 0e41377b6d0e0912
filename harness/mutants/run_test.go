package mutants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gpc/harness/machine"
	"gpc/harness/regress"
)

// some are mutants by their names.
func some(n int) []Mutant {
	var all []Mutant
	for i := range n {
		all = append(all, Mutant{Name: fmt.Sprint(i), Target: regress.Target{Machine: machine.All()[0], Flavor: "debug"}})
	}
	return all
}

// TestRunBesideEachOther lets two be tested at a time, of which the later one ends first: one kernel at a time is built beside them, in a
// tree that nobody uses, and what became of them is told in order.
func TestRunBesideEachOther(t *testing.T) {
	const guests = 2
	var mu sync.Mutex
	used := map[string]bool{}
	building, testing, most := 0, 0, 0
	build := func(m Mutant, tree string) candidate {
		mu.Lock()
		defer mu.Unlock()
		if used[tree] {
			t.Errorf("%s is built in %s, which is in use", m.Name, tree)
		}
		used[tree] = true
		if building++; building > 1 {
			t.Error("two are built at a time")
		}
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		building--
		return candidate{mutant: m, tree: tree}
	}
	second := make(chan struct{})
	test := func(c candidate) Result {
		mu.Lock()
		testing++
		most = max(most, testing)
		mu.Unlock()
		switch c.mutant.Name {
		case "0":
			<-second
		case "1":
			close(second)
		}
		mu.Lock()
		defer mu.Unlock()
		testing--
		used[c.tree] = false
		return Result{Mutant: c.mutant}
	}
	var told []string
	err := run(t.Context(), some(6), guests, build, test, func(r Result) { told = append(told, r.Mutant.Name) })
	if err != nil || !slices.Equal(told, []string{"0", "1", "2", "3", "4", "5"}) {
		t.Errorf("told of %q, %v", told, err)
	}
	if most != guests {
		t.Errorf("%d were tested at a time, want %d", most, guests)
	}
	if len(used) != guests+1 {
		t.Errorf("there are %d trees, want %d", len(used), guests+1)
	}
}

func TestRunIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	err := run(ctx, some(6), 1, func(m Mutant, tree string) candidate { return candidate{mutant: m, tree: tree} },
		func(c candidate) Result {
			if c.mutant.Name == "1" {
				cancel()
			}
			return Result{Mutant: c.mutant}
		}, func(Result) { told++ })
	if !errors.Is(err, context.Canceled) || told > 1 {
		t.Errorf("told of %d, %v", told, err)
	}
}
