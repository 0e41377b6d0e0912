package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gpc/harness/mutants"
	"gpc/harness/mutants/generate"
)

func TestGeneratedFlagsAreChecked(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"--count 0", "--count 0: it must be 1 to 100000"},
		{"--count 100001", "--count 100001: it must be 1 to 100000"},
		{"--guests -1", "--guests -1: it must be 0 to 16"},
		{"--guests 17", "--guests 17: it must be 0 to 16"},
		{"--seed -1", `invalid argument "-1"`},
		{"--kind logic", "unknown flag"},
		{"dir.c", "dir.c"},
	} {
		cmd := newRootCommand()
		cmd.SetArgs(append([]string{"mutants", "generated"}, strings.Fields(tt.args)...))
		err := cmd.ExecuteContext(t.Context())
		var exit exitError
		if !errors.As(err, &exit) || exit.status != statusUsage || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q and status %d", tt.args, err, tt.want, statusUsage)
		}
	}
}

func TestSummarizeGenerated(t *testing.T) {
	tests := []struct {
		verdicts []mutants.Verdict
		line     string
		want     string // error
	}{
		{[]mutants.Verdict{mutants.Killed, mutants.NotC}, "2 mutants: 1 killed, 0 survived, 1 did not compile; 100 % of those that compile were killed\n", ""},
		{[]mutants.Verdict{mutants.NotC}, "1 mutants: 0 killed, 0 survived, 1 did not compile\n", ""},
		{[]mutants.Verdict{mutants.Killed, mutants.Survived}, "2 mutants: 1 killed, 1 survived, 0 did not compile; 50 % of those that compile were killed\n",
			"1 of 2 mutants survived: each wants a test, or an entry in harness/mutants/equivalents.txt"},
		{[]mutants.Verdict{mutants.Failed, mutants.Survived}, "2 mutants: 0 killed, 1 survived,", "nothing is known of 1 of 2 mutants, and 1 survived"},
	}
	for _, tt := range tests {
		var results []mutants.GeneratedResult
		survivors := 0
		for _, v := range tt.verdicts {
			results = append(results, mutants.GeneratedResult{Mutant: generate.Mutant{File: "a.c", Line: 7, Kind: generate.Bound, Old: "<", New: "<=", Text: "a < b"}, Verdict: v, Patch: "the patch\n"})
			if v == mutants.Survived {
				survivors++
			}
		}
		var out strings.Builder
		err := summarizeGenerated(&out, results)
		var exit exitError
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%v: %v", tt.verdicts, err)
		case tt.want != "" && (!errors.As(err, &exit) || exit.status != statusFailed || exit.Error() != tt.want):
			t.Errorf("%v: got %v, want %q and status 1", tt.verdicts, err, tt.want)
		}
		if !strings.Contains(out.String(), tt.line) {
			t.Errorf("%v: no line %q in\n%s", tt.verdicts, tt.line, out.String())
		}
		if n := strings.Count(out.String(), "survived: a.c:7: bound: < -> <= in a < b\nthe patch\n"); n != survivors {
			t.Errorf("%v: %d survivors are shown in\n%s", tt.verdicts, n, out.String())
		}
	}
}

func TestGeneratedVerdict(t *testing.T) {
	r := mutants.GeneratedResult{Verdict: mutants.Killed, Reason: "TestOne failed\nmore", Took: 61 * time.Second}
	if got := generatedVerdict(r); got != "killed: TestOne failed (61 s)" {
		t.Errorf("got %q", got)
	}
	r.Before = true
	if got := generatedVerdict(r); got != "killed: TestOne failed (in an earlier run)" {
		t.Errorf("got %q", got)
	}
}
