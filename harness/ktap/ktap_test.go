package ktap

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// render writes tests as one line each.
func render(b *strings.Builder, indent string, tests []Test) {
	for _, t := range tests {
		fmt.Fprintf(b, "%s%s %s", indent, t.Outcome, t.Name)
		if t.Why != "" {
			fmt.Fprintf(b, " (%s)", t.Why)
		}
		if len(t.Output) > 0 {
			fmt.Fprintf(b, " %q", t.Output)
		}
		b.WriteString("\n")
		render(b, indent+"  ", t.Parts)
	}
}

// TestTimes lets a second pass with each line.
func TestTimes(t *testing.T) {
	seconds := 0
	p := Parser{Now: func() time.Time { return time.Unix(int64(seconds), 0) }}
	for line := range strings.Lines("TAP version 13\n1..2\nsaid\nok 1 a\n# TAP version 13\n# ok 1 x\nok 2 b\n") {
		seconds++
		p.Line(line)
	}
	if tests := p.End(); len(tests) != 2 || tests[0].Took != 3*time.Second || tests[1].Took != 3*time.Second || tests[1].Parts[0].Took != time.Second {
		t.Errorf("got %+v", tests)
	}
}

func TestParser(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"none", "hello\nok then\n", ""},
		{"a program of kselftest", `TAP version 13
1..4
# something
ok 1 Test basic
not ok 2 - Test it
ok 3 # SKIP no such device
not ok 4 known # XFAIL one day
# Totals: pass:1 fail:1 xfail:1 xpass:0 skip:1 error:0
`, `pass Test basic ["# something"]
fail Test it
skip 3 (no such device)
pass known (one day)
`},
		{"kselftest's runner", `TAP version 13
1..2
# timeout set to 45
# selftests: timers: posix_timers
# TAP version 13
# 1..2
# ok 1 check
# not ok 2 deliver
not ok 1 selftests: timers: posix_timers # exit=1
# selftests: timers: nsleep
# ok whatever
ok 2 selftests: timers: nsleep
`, `fail selftests: timers: posix_timers (exit=1) ["# timeout set to 45" "# selftests: timers: posix_timers"]
  pass check
  fail deliver
pass selftests: timers: nsleep ["# selftests: timers: nsleep" "# ok whatever"]
`},
		{"KUnit", `KTAP version 1
1..2
    KTAP version 1
    # Subtest: containers
    # module: container
    1..2
    ok 1 first
    # second: EXPECTATION FAILED at x.c:1
    not ok 2 second
# containers: pass:1 fail:1 skip:0 total:2
not ok 1 containers
    KTAP version 1
    # Subtest: params
    1..1
        KTAP version 1
        # Subtest: each
        ok 1 one
        ok 2 two # SKIP not here
    ok 1 each
ok 2 params
`, `fail containers ["# containers: pass:1 fail:1 skip:0 total:2"]
  pass first ["# module: container"]
  fail second ["# second: EXPECTATION FAILED at x.c:1"]
pass params
  pass each
    pass one
    skip two (not here)
`},
		{"one document after the other", "KTAP version 1\n1..1\nok 1 a\nnoise\nTAP version 13\n1..1\nok 1 b\n", "pass a\npass b [\"noise\"]\n"},
		{"a test that did not end", "KTAP version 1\n1..2\nok 1 a\n  KTAP version 1\n  # Subtest: b\n  1..3\n  ok 1 x\n  Oops\n", `pass a
fail b ["Oops" "it did not come to its end"]
  pass x
  fail missing ["Oops" "2 of 3 tests have no result"]
`},
		{"a test that did not end, and another after it", "KTAP version 1\n1..2\n  KTAP version 1\n  ok 1 x\n  KTAP version 1\n  ok 1 y\nok 2 b\n", `fail 1 ["it did not come to its end"]
  pass x
pass b
  pass y
`},
		{"a test with two documents", "TAP version 13\n1..1\n# TAP version 13\n# 1..1\n# ok 1 x\n# TAP version 13\n# 1..1\n# ok 1 y\nok 1 a\n", "pass a\n  pass x\n  pass y\n"},
		{"nothing was done", "TAP version 13\n1..3\n", "fail missing [\"3 of 3 tests have no result\"]\n"},
	} {
		var p Parser
		for line := range strings.Lines(tt.text) {
			p.Line(line)
		}
		var got strings.Builder
		render(&got, "", p.End())
		if got.String() != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, &got, tt.want)
		}
		if again := p.End(); again != nil {
			t.Errorf("%s: something is left: %v", tt.name, again)
		}
	}
}
