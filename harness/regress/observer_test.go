package regress

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gpc/harness/guest"
)

// outcome feeds an observer for the tests A, B and C, and returns how each ended and all output by test.
func outcome(events []Event, result guest.Result, err error) (ends map[string]string, output map[string]string, order []string) {
	ends, output = map[string]string{}, map[string]string{}
	o := newObserver("x/y", []string{"A", "B", "C"}, func(e Event) {
		if e.Ends() {
			ends[e.Test] = e.Action
			order = append(order, e.Test)
		}
		output[e.Test] += e.Output
	})
	for _, e := range events {
		o.see(e)
	}
	o.finish(result, err)
	return ends, output, order
}

func step(action, test string) Event { return Event{Action: action, Test: test} }

var (
	allPass = []Event{step("run", "A"), step("pass", "A"), step("run", "B"), step("pass", "B"), step("run", "C"), step("pass", "C")}
	oneFail = []Event{step("run", "A"), step("fail", "A"), step("run", "B"), step("pass", "B"), step("run", "C"), step("pass", "C")}
	cutOff  = []Event{step("run", "A"), step("pass", "A"), step("run", "B"), step("run", "B/sub")}
)

func TestObserver(t *testing.T) {
	tests := []struct {
		name   string
		events []Event
		result guest.Result
		err    error
		failed []string
		says   string // in the output of the last failed test
	}{
		{"all is well", allPass, guest.Result{}, nil, nil, ""},
		{"a test fails", oneFail, guest.Result{ExitStatus: 1}, nil, []string{"A"}, ""},
		{"only the check at the end fails", append(slices.Clone(allPass), Event{Action: "output", Output: "left behind"}),
			guest.Result{ExitStatus: 1}, nil, []string{Health}, "left behind"},
		{"taint", allPass, guest.Result{Taint: 512}, nil, []string{Health}, "0x200"},
		{"the guest dies", cutOff, guest.Result{ConsoleLog: "the.log"}, errors.New("guest lost"),
			[]string{"B/sub", "B", "C", Health}, "the.log"},
		{"the guest never starts", nil, guest.Result{}, errors.New("no memory"), []string{"A", "B", "C", Health}, "no memory"},
		{"the tests stop early", cutOff, guest.Result{}, nil, []string{"B/sub", "B", "C", Health}, "during B/sub"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ends, output, order := outcome(tt.events, tt.result, tt.err)
			for _, name := range []string{"A", "B", "C", Health} {
				want := "pass"
				if slices.Contains(tt.failed, name) {
					want = "fail"
				}
				if ends[name] != want {
					t.Errorf("%s: got %q, want %q", name, ends[name], want)
				}
			}
			if n := len(tt.failed); n > 0 && !strings.Contains(output[tt.failed[n-1]], tt.says) {
				t.Errorf("%s says %q, want %q in it", tt.failed[n-1], output[tt.failed[n-1]], tt.says)
			}
			failed := slices.DeleteFunc(order, func(name string) bool { return ends[name] != "fail" })
			if !slices.Equal(failed, tt.failed) {
				t.Errorf("failed in the order %v, want %v", failed, tt.failed)
			}
		})
	}
}

func TestObserverNamesTheTestThatKilledTheGuest(t *testing.T) {
	_, output, _ := outcome(cutOff, guest.Result{}, errors.New("guest lost"))
	for test, want := range map[string]string{"B/sub": "guest lost", "C": "B/sub"} {
		if !strings.Contains(output[test], want) {
			t.Errorf("%s says %q, want %q in it", test, output[test], want)
		}
	}
}
