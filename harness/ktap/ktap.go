// Package ktap reads the kernel's Test Anything Protocol, KTAP, and what came before it, TAP: what kselftest's programs and their runner print,
// and what KUnit writes to the kernel's log.
//
// A document has a result for each of its tests, in a line of its own. A test may consist of others: their document, indented by blanks or, as
// kselftest's runner does it, by "# ", comes before the line with the result of the whole.
package ktap

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Outcome is what has become of a test.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "pass"
	Failed  Outcome = "fail"
	Skipped Outcome = "skip"
)

// Test is a test with its result.
type Test struct {
	// Name is the test's own, without those of the tests that it is part of.
	Name    string
	Outcome Outcome
	// Why is the remark behind the result: why it was skipped, or expected to fail.
	Why string
	// Took is how long after the result before it, or after the beginning of its document, its result came; 0 where the parser has no clock.
	Took time.Duration
	// Output are the lines that came before the result, without the parts' own.
	Output []string
	// Parts are the tests that it consists of.
	Parts []Test
}

// Parser reads documents line by line. The zero value is ready for use.
type Parser struct {
	// Now tells the time when a line is read, if it is known.
	Now    func() time.Time
	levels []level
}

// level is a document that has begun: the outermost one, or that of a test whose own result is still to come.
type level struct {
	indent  string // what stands before each of its lines
	name    string // of the test, if it was told in advance
	planned int    // how many tests there are to be, -1 where nothing was said
	tests   []Test
	output  []string  // since the last result
	since   time.Time // the last result, or the beginning
}

var (
	versionLine = regexp.MustCompile(`^((?:#? +)*)K?TAP version \d+$`)
	planLine    = regexp.MustCompile(`^1\.\.(\d+)(?: # SKIP ?(.*))?$`)
	nameLine    = regexp.MustCompile(`^# Subtest: (.+)$`)
	resultLine  = regexp.MustCompile(`^(not )?ok (\d+)(?:[ -]+([^#\s].*?))?(?:\s+# ?(.*))?$`)
	// What stands behind a result's # and says something of it. Others, as the runner's exit=1, are remarks.
	directive = regexp.MustCompile(`^(SKIP|TODO|XFAIL)\b:? ?(.*)$`)
)

// Line reads a line. What belongs to no document is passed over.
func (p *Parser) Line(line string) {
	line = strings.TrimRight(line, "\r\n ")
	if m := versionLine.FindStringSubmatch(line); m != nil {
		p.begin(m[1])
		return
	}
	for i, l := range slices.Backward(p.levels) {
		if text, ok := strings.CutPrefix(line, l.indent); ok && p.read(i, text) {
			return
		}
	}
	if n := len(p.levels); n > 0 {
		l := &p.levels[n-1]
		l.output = append(l.output, strings.TrimPrefix(line, l.indent))
	}
}

// begin begins a document. Those that are indented further have ended, whether they were complete or not; so has one that is indented as much, but
// where it is complete and its test has more than one: a script may run several programs.
func (p *Parser) begin(indent string) {
	for len(p.levels) > 1 {
		last := p.levels[len(p.levels)-1]
		if len(last.indent) < len(indent) || len(last.indent) == len(indent) && len(last.tests) == last.planned {
			break
		}
		p.closeLast()
	}
	// One document after the other counts as one.
	if n := len(p.levels); n == 0 || len(p.levels[n-1].indent) < len(indent) {
		p.levels = append(p.levels, level{indent: indent, planned: -1, since: p.now()})
	}
}

// read reads a line of the i-th document, without its indentation, and tells whether it is one that says something.
func (p *Parser) read(i int, text string) bool {
	l := &p.levels[i]
	if m := planLine.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return false
		}
		l.planned = max(l.planned, 0) + n
		return true
	}
	if m := nameLine.FindStringSubmatch(text); m != nil {
		l.name = m[1]
		return true
	}
	m := resultLine.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	t := Test{Name: cmp.Or(strings.TrimSpace(m[3]), m[2]), Outcome: Passed, Why: m[4]}
	if m[1] != "" {
		t.Outcome = Failed
	}
	if d := directive.FindStringSubmatch(m[4]); d != nil {
		t.Outcome, t.Why = Passed, d[2] // even if it failed, as that was expected
		if d[1] == "SKIP" {
			t.Outcome = Skipped
		}
	}
	now := p.now()
	t.Took, l.since = now.Sub(l.since), now
	// A document that is indented further is the test's own: there is one at most, but where another test did not come to its end.
	for len(p.levels) > i+2 {
		p.closeLast()
	}
	if len(p.levels) == i+2 {
		inner := p.levels[i+1]
		p.levels = p.levels[:i+1]
		t.Parts, t.Output = inner.complete(), append(l.output, inner.output...)
	} else {
		t.Output = l.output
	}
	l.output = nil
	l.tests = append(l.tests, t)
	return true
}

// now is the time, always the same one without a clock.
func (p *Parser) now() time.Time {
	if p.Now == nil {
		return time.Time{}
	}
	return p.Now()
}

// closeLast makes a failed test of the innermost document, whose result has not come.
func (p *Parser) closeLast() {
	n := len(p.levels) - 1
	inner := p.levels[n]
	p.levels = p.levels[:n]
	outer := &p.levels[n-1]
	name := cmp.Or(inner.name, strconv.Itoa(len(outer.tests)+1))
	outer.tests = append(outer.tests, Test{Name: name, Outcome: Failed, Output: append(append(outer.output, inner.output...), "it did not come to its end"), Parts: inner.complete()})
	outer.output = nil
}

// complete returns the tests of a document. That some are missing is a failed one.
func (l level) complete() []Test {
	if missing := l.planned - len(l.tests); missing > 0 {
		return append(l.tests, Test{Name: "missing", Outcome: Failed,
			Output: append(slices.Clone(l.output), strconv.Itoa(missing)+" of "+strconv.Itoa(l.planned)+" tests have no result")})
	}
	return l.tests
}

// End returns the tests of all documents, and begins anew. Tests that were begun or announced and have no result have failed.
func (p *Parser) End() []Test {
	for len(p.levels) > 1 {
		p.closeLast()
	}
	if len(p.levels) == 0 {
		return nil
	}
	tests := p.levels[0].complete()
	p.levels = nil
	return tests
}
