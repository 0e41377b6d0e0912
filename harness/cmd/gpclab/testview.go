package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"gpc/harness/regress"
)

// testView shows tests while they run, one guest after the other: it begins with the number of guests, and that of a guest's tests.
type testView interface {
	begin(guests int)
	beginGuest(name string, tests int)
	see(e regress.Event)
	endGuest(took time.Duration)
	end(v *testVerdict)
}

// plainView shows people how far the tests are, and the output of those that failed.
type plainView struct {
	out         io.Writer
	guest       string
	done, total int
	output      []string // of the current test
	times       []string // a line for each guest
}

func (p *plainView) begin(int) {}

func (p *plainView) beginGuest(name string, tests int) { p.guest, p.done, p.total = name, 0, tests }

func (p *plainView) see(e regress.Event) {
	switch {
	case e.Action == "output":
		p.output = append(p.output, e.Output)
	case e.Action == "run" && e.TopLevel():
		p.output = nil
	case e.Ends() && e.TopLevel():
		p.finished(e)
	}
}

// finished prints a line for a test, after its output if it has failed.
func (p *plainView) finished(e regress.Event) {
	p.done++
	result := "ok  "
	if e.Action == "fail" {
		result = "FAIL"
		fmt.Fprint(p.out, strings.Join(p.output, ""))
	}
	fmt.Fprintf(p.out, "%s  %s [%d/%d] %s (%.1fs)\n", result, p.guest, p.done, p.total, e.Test, e.Elapsed)
}

func (p *plainView) endGuest(took time.Duration) {
	p.times = append(p.times, fmt.Sprintf("%s took %.1fs", p.guest, took.Seconds()))
}

func (p *plainView) end(v *testVerdict) {
	for _, line := range p.times {
		fmt.Fprintln(p.out, line)
	}
	fmt.Fprintf(p.out, "%d passed, %d failed\n", v.passed, v.failed)
}

// tapView shows programs what becomes of the tests, in the kernel's own Test Anything Protocol: a test for each guest, with its tests as
// subtests.
type tapView struct {
	out            io.Writer
	guest          string
	guests, number int
	failed         bool     // a test of the guest has
	output         []string // of the current test
}

func (t *tapView) begin(guests int) { fmt.Fprintf(t.out, "KTAP version 1\n1..%d\n", guests) }

func (t *tapView) beginGuest(name string, tests int) {
	t.guest, t.number, t.failed = name, 0, false
	t.guests++
	fmt.Fprintf(t.out, "  KTAP version 1\n  # Subtest: %s\n  1..%d\n", name, tests)
}

func (t *tapView) see(e regress.Event) {
	switch {
	case e.Action == "output":
		t.output = append(t.output, e.Output)
	case e.Action == "run" && e.TopLevel():
		t.output = nil
	case e.Ends() && e.TopLevel():
		t.finished(e)
	}
}

// finished prints the result of a test, after what it has said if it did not pass.
func (t *tapView) finished(e regress.Event) {
	t.number++
	if e.Action != "pass" {
		for line := range strings.Lines(strings.Join(t.output, "")) {
			fmt.Fprintf(t.out, "  # %s\n", strings.TrimRight(line, "\r\n"))
		}
	}
	result, directive := "ok", ""
	switch e.Action {
	case "fail":
		result, t.failed = "not ok", true
	case "skip":
		directive = " # SKIP"
	}
	fmt.Fprintf(t.out, "  %s %d %s%s\n", result, t.number, e.Test, directive)
}

func (t *tapView) endGuest(took time.Duration) {
	result := "ok"
	if t.failed {
		result = "not ok"
	}
	fmt.Fprintf(t.out, "# %s took %.1fs\n%s %d %s\n", t.guest, took.Seconds(), result, t.guests, t.guest)
}

func (t *tapView) end(*testVerdict) {}
