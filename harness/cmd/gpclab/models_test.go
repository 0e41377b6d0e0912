package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gpc/harness/models"
)

func TestChosenSearches(t *testing.T) {
	dir := t.TempDir()
	text := "/*\n *   1  Something happens.\n *   -DBREAK  1  a step is left out\n */\n#ifdef BREAK\n#endif\n"
	if err := os.WriteFile(filepath.Join(dir, "x.pml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]int{"": 2, "^x/1$": 1, "BREAK": 1} {
		if chosen, err := chosenSearches(dir, pattern); err != nil || len(chosen) != want {
			t.Errorf("--run %q: got %v, %v; want %d searches", pattern, chosen, err, want)
		}
	}
	for _, pattern := range []string{"(", "x/2"} {
		_, err := chosenSearches(dir, pattern)
		var exit exitError
		if !errors.As(err, &exit) || exit.status != statusUsage {
			t.Errorf("--run %q: got %v, want a usage error", pattern, err)
		}
	}
}

func TestModelsJobs(t *testing.T) {
	err := runModels(context.Background(), io.Discard, "", true, 0)
	var exit exitError
	if !errors.As(err, &exit) || exit.status != statusUsage {
		t.Errorf("--jobs 0: got %v, want a usage error", err)
	}
}

func TestSummarizeSearches(t *testing.T) {
	result := func(v models.Verdict) models.Result {
		return models.Result{Search: models.Search{Model: "m", Scene: "1"}, Verdict: v}
	}
	tests := []struct {
		verdicts []models.Verdict
		line     string
		want     string // error
	}{
		{[]models.Verdict{models.Holds, models.Found, models.Found}, "1 scenes hold, 2 broken steps were found", ""},
		{[]models.Verdict{models.Holds, models.Missed}, "1 scenes hold, 0 broken", "1 of 2 searches did not end as they must: m/1 (missed)"},
		{[]models.Verdict{models.Wrong, models.Failed}, "0 scenes hold", "2 of 2 searches did not end as they must: m/1 (wrong), m/1 (error)"},
	}
	for _, tt := range tests {
		var results []models.Result
		for _, v := range tt.verdicts {
			results = append(results, result(v))
		}
		var out strings.Builder
		err := summarizeSearches(&out, results)
		var exit exitError
		switch {
		case !strings.Contains(out.String(), tt.line):
			t.Errorf("%v: no %q in %q", tt.verdicts, tt.line, out.String())
		case tt.want == "" && err != nil:
			t.Errorf("%v: %v", tt.verdicts, err)
		case tt.want != "" && (!errors.As(err, &exit) || exit.status != 1 || exit.Error() != tt.want):
			t.Errorf("%v: got %v, want %q and status 1", tt.verdicts, err, tt.want)
		}
	}
}
