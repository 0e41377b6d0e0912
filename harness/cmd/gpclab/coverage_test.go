package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"gpc/harness/coverage"
)

func TestCoverageUsage(t *testing.T) {
	for _, tt := range [][2]string{{"vax", ""}, {"", "("}, {"x86_64", "TestNoSuchThing"}} {
		var exit exitError
		if err := runCoverage(context.Background(), io.Discard, tt[0], tt[1]); !errors.As(err, &exit) || exit.status != statusUsage {
			t.Errorf("--arch %q --run %q: got %v, want a usage error", tt[0], tt[1], err)
		}
	}
}

func TestJudgeCoverage(t *testing.T) {
	file := func(lines, branches coverage.Share, never ...coverage.Line) *coverage.Report {
		return &coverage.Report{Files: []coverage.File{{Name: "kernel/container/x.c", Lines: lines, Branches: branches, Never: never}}}
	}
	line := coverage.Line{Number: 7, Function: "f", Text: "return;"}
	good := coverage.Share{Run: 97, All: 100}
	for _, tt := range []struct {
		report   *coverage.Report
		document string
		want     string
	}{
		{file(good, good), "", ""},
		{file(coverage.Share{Run: 96, All: 100}, good), "", "96.0 % of the lines"},
		{file(good, coverage.Share{Run: 89, All: 100}), "", "89.0 % of the branches"},
		{file(good, good, line), "", "1 lines were never run"},
		{file(good, good, line), "| `x.c` | `f` | `return;` | why |\n", ""},
	} {
		var out strings.Builder
		got := strings.Join(judgeCoverage(&out, tt.report, coverage.ReadExplained(tt.document)), "\n")
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("got %q, want %q", got, tt.want)
		}
		if named := strings.Contains(out.String(), "x.c:7: never run, in f(): return;"); named != strings.Contains(got, "never run") {
			t.Errorf("the line is named: %v, in\n%s", named, out.String())
		}
	}
}
