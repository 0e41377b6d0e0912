package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gpc/harness/machine"
	"gpc/harness/mutants"
	"gpc/harness/regress"
)

func TestSummarizeMutants(t *testing.T) {
	result := func(name string, v mutants.Verdict) mutants.Result {
		m := mutants.Mutant{Name: name, Tests: []string{"TestOne"}, Target: regress.Target{Machine: machine.All()[0], Flavor: "debug"}}
		return mutants.Result{Mutant: m, Verdict: v, Took: 90 * time.Second}
	}
	tests := []struct {
		verdicts []mutants.Verdict
		want     string // error
	}{
		{[]mutants.Verdict{mutants.Killed, mutants.Killed}, ""},
		{[]mutants.Verdict{mutants.Killed, mutants.Survived}, "1 of 2 mutants were not killed"},
		{[]mutants.Verdict{mutants.Failed}, "1 of 1 mutants were not killed"},
	}
	for _, tt := range tests {
		var results []mutants.Result
		for _, v := range tt.verdicts {
			results = append(results, result("0001-x", v))
		}
		var out strings.Builder
		err := summarizeMutants(&out, results)
		var exit exitError
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%v: %v", tt.verdicts, err)
		case tt.want != "" && (!errors.As(err, &exit) || exit.status != 1 || exit.Error() != tt.want):
			t.Errorf("%v: got %v, want %q and status 1", tt.verdicts, err, tt.want)
		}
		for _, v := range tt.verdicts {
			line := strings.Join([]string{"0001-x", "TestOne", string(v), "90"}, " ")
			if !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(out.String(), results[0].Mutant.Target.String(), "")), " "), line) {
				t.Errorf("no line %q in\n%s", line, out.String())
			}
		}
	}
}

func TestChosenMutantsErrors(t *testing.T) {
	dir := t.TempDir()
	text := "Subject: x\nArch: x86_64\nFlavor: debug\nKilled-by: TestOne\n"
	if err := os.WriteFile(filepath.Join(dir, "0001-x.patch"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if chosen, err := chosenMutants(dir, "^0001"); err != nil || len(chosen) != 1 {
		t.Errorf("got %v, %v", chosen, err)
	}
	for _, pattern := range []string{"(", "0002"} {
		_, err := chosenMutants(dir, pattern)
		var exit exitError
		if !errors.As(err, &exit) || exit.status != statusUsage {
			t.Errorf("--run %q: got %v, want a usage error", pattern, err)
		}
	}
}
