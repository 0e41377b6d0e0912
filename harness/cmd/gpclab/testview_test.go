package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gpc/harness/regress"
)

// show shows two guests: one with a test of each fate, and one that passes.
func show(view testView) {
	v := new(testVerdict)
	view.begin(2)
	for _, g := range []struct {
		name   string
		events []regress.Event
	}{
		{"x86_64/debug", []regress.Event{
			{Action: "run", Test: "TestA"}, {Action: "output", Test: "TestA", Output: "quiet\n"}, {Action: "pass", Test: "TestA"},
			{Action: "run", Test: "TestB"}, {Action: "run", Test: "TestB/sub"}, {Action: "output", Test: "TestB/sub", Output: "went wrong\nbadly"},
			{Action: "fail", Test: "TestB/sub"}, {Action: "fail", Test: "TestB"},
			{Action: "run", Test: "TestC"}, {Action: "output", Test: "TestC", Output: "no disk\n"}, {Action: "skip", Test: "TestC"},
		}},
		{"ppc64/release", []regress.Event{{Action: "run", Test: "TestA"}, {Action: "pass", Test: "TestA"}}},
	} {
		view.beginGuest(g.name, len(g.events)/3+1)
		for _, e := range g.events {
			v.see(e)
			view.see(e)
		}
		view.endGuest(1500 * time.Millisecond)
	}
	view.end(v)
}

func TestTAP(t *testing.T) {
	var out strings.Builder
	show(&tapView{out: &out})
	const want = `KTAP version 1
1..2
  KTAP version 1
  # Subtest: x86_64/debug
  1..4
  ok 1 TestA
  # went wrong
  # badly
  not ok 2 TestB
  # no disk
  ok 3 TestC # SKIP
# x86_64/debug took 1.5s
not ok 1 x86_64/debug
  KTAP version 1
  # Subtest: ppc64/release
  1..1
  ok 1 TestA
# ppc64/release took 1.5s
ok 2 ppc64/release
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

func TestPlainView(t *testing.T) {
	var out strings.Builder
	show(&plainView{out: &out})
	for _, want := range []string{"ok    x86_64/debug [1/4] TestA (", "went wrong\nbadlyFAIL  x86_64/debug [2/4] TestB (", "x86_64/debug took 1.5s\nppc64/release took 1.5s\n3 passed, 1 failed\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "quiet") {
		t.Errorf("what a test that passed has said is in\n%s", &out)
	}
}

func TestReportsAppearWhole(t *testing.T) {
	dir := t.TempDir()
	flags := reportFlags{junit: filepath.Join(dir, "a.xml"), html: filepath.Join(dir, "a.html")}
	for _, complete := range []bool{false, true} {
		r, err := openReports(flags)
		if err != nil {
			t.Fatal(err)
		}
		r.Record(regress.Event{Action: "pass", Package: "x/y", Test: "TestA"})
		want := 0
		if complete {
			want = 2
			if err := r.write(); err != nil {
				t.Fatal(err)
			}
		}
		r.discard()
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != want {
			t.Errorf("complete %v: %v are there, %v", complete, left, err)
		}
	}
	if _, err := openReports(reportFlags{junit: flags.junit, html: "/nonexistent/a.html"}); statusOf(err) != statusNotTested {
		t.Errorf("a report in a directory that is not there: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("%v are left", left)
	}
}
