package mutants

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gpc/harness/complaint"
	"gpc/harness/guest"
	"gpc/harness/regress"
)

func TestJudge(t *testing.T) {
	plain := Mutant{Tests: []string{"TestOne", "TestTwo"}}
	panics := Mutant{Tests: plain.Tests, Panics: true, PanicsIn: "some_hook"}
	failed := outcomes{"TestOne": "fail", "TestTwo": "fail", regress.Health: "fail"}
	passed := outcomes{"TestOne": "pass", "TestTwo": "pass", regress.Health: "pass"}

	died := func(err error) regress.Ending { return regress.Ending{Died: err} }
	panicIn := func(function string) regress.Ending {
		return died(&guest.PanicError{Text: "Call Trace:\n " + function + "+0x1/0x2"})
	}
	complained := regress.Ending{Result: guest.Result{Complaints: []complaint.Report{{Text: "=====\nWARNING: bad\n trace"}}}}
	notRun := regress.Ending{Died: &guest.PanicError{}, NotRun: plain.Tests}

	tests := []struct {
		name   string
		mutant Mutant
		ended  outcomes
		how    regress.Ending
		want   Verdict
		reason string
	}{
		{"all failed", plain, failed, regress.Ending{}, Killed, "TestOne, TestTwo failed"},
		{"all passed", plain, passed, regress.Ending{}, Survived, "TestOne passed"},
		{"one passed", plain, outcomes{"TestOne": "fail", "TestTwo": "pass"}, regress.Ending{}, Survived, "TestTwo passed"},
		{"skipped", plain, outcomes{"TestOne": "skip", "TestTwo": "fail"}, regress.Ending{}, Failed, "TestOne was skipped"},
		{"no event", plain, outcomes{"TestOne": "fail"}, regress.Ending{}, Failed, "TestTwo did not end"},
		{"complaint", plain, passed, complained, Killed, "WARNING: bad"},
		{"panic", plain, failed, panicIn("anything"), Killed, "panic"},
		{"panic before the tests", panics, failed, notRun, Failed, "no test has begun"},
		{"timeout", plain, failed, died(&guest.StuckError{After: time.Minute}), Failed, "not done after 1m0s"},
		{"hang", plain, failed, died(&guest.StuckError{After: time.Minute, Silent: true}), Failed, "nothing was heard of it for 1m0s"},
		{"corrupt memory", plain, outcomes{}, died(&guest.CorruptError{Text: "=====\nBUG: KASAN: x"}), Killed, "BUG: KASAN: x"},
		{"corrupt memory but no panic", panics, failed, died(&guest.CorruptError{Text: "BUG: KASAN: x"}), Failed, "KASAN"},
		{"broken pipe", plain, failed, died(errors.New("no emulator")), Failed, "no emulator"},
		{"expected panic", panics, failed, panicIn("some_hook"), Killed, "panic in some_hook"},
		{"panic elsewhere", panics, failed, panicIn("not_some_hook"), Survived, "not in some_hook"},
		{"no panic", panics, failed, regress.Ending{}, Survived, "did not panic"},
		{"complaint but no panic", panics, failed, complained, Survived, "did not panic"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, reason := judge(tt.mutant, tt.ended, tt.how)
			if got != tt.want || !strings.Contains(reason, tt.reason) {
				t.Errorf("got %s: %s; want %s: %s", got, reason, tt.want, tt.reason)
			}
		})
	}
}

// Subtests and Health do not speak for a test.
func TestOutcomes(t *testing.T) {
	o := outcomes{}
	for _, e := range []regress.Event{
		{Action: "run", Test: "TestOne"}, {Action: "fail", Test: "TestOne/sub"}, {Action: "output", Test: "TestOne"},
		{Action: "pass", Test: "TestTwo"}, {Action: "fail"},
	} {
		o.record(e)
	}
	if len(o) != 1 || o["TestTwo"] != "pass" {
		t.Errorf("got %v", o)
	}
}
