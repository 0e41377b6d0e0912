package regress

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gpc/harness/guest"
)

// Health is the name of the test that stands for the run as a whole: that the guest lived to its end, that the kernel did not complain,
// and that the tests left the machine as they had found it.
const Health = "Health"

// observer passes events on, and knows which tests are still to end.
type observer struct {
	target  string
	sink    func(Event)
	waiting []string // tests that have not begun
	open    []string // tests and subtests that have begun and not ended, outermost first
	failed  bool
	outside strings.Builder // output of no test
}

func newObserver(target string, names []string, sink func(Event)) *observer {
	return &observer{target: target, sink: sink, waiting: slices.Clone(names)}
}

// see takes an event from the guest. Those of the whole run are kept for finish, which judges it.
func (o *observer) see(e Event) {
	if e.Test == "" {
		o.outside.WriteString(e.Output)
		return
	}
	switch {
	case e.Action == "run":
		o.open = append(o.open, e.Test)
		o.waiting = slices.DeleteFunc(o.waiting, func(name string) bool { return name == e.Test })
	case e.Ends():
		o.open = slices.DeleteFunc(o.open, func(name string) bool { return name == e.Test })
		o.failed = o.failed || e.Action == "fail"
	}
	o.sink(e)
}

// finish ends all tests: those that had begun and those that had not have failed, by the guest's death or otherwise; and Health says
// what else is wrong. What happened stands in full in one place, the innermost test that had begun or else Health.
func (o *observer) finish(result guest.Result, err error) {
	o.kernelsOwn(result.Log)
	problem := o.verdict(result, err)
	lost := "as the tests were cut off"
	for i, name := range slices.Backward(o.open) {
		if i == len(o.open)-1 {
			o.fail(name, "did not end: "+problem)
			lost += " during " + name
			problem = "not well, " + lost
			continue
		}
		o.fail(name, "did not end, "+lost)
	}
	for _, name := range o.waiting {
		o.emit("run", name, "")
		o.fail(name, "was not run, "+lost)
	}
	o.emit("run", Health, "")
	if problem != "" {
		o.fail(Health, problem+"\nconsole: "+result.ConsoleLog)
		return
	}
	o.emit("pass", Health, "")
}

// kernelsOwn tells what has become of the tests that the kernel itself has run, if it is one that has.
func (o *observer) kernelsOwn(log string) {
	i := slices.Index(o.waiting, KUnit)
	if i < 0 {
		return
	}
	o.waiting = slices.Delete(o.waiting, i, i+1)
	Report(o.target, "", kunit(log), o.sink)
}

// taintTest is the taint of a kernel that has run tests of its own, which is no complaint.
const taintTest = 1 << 18

// verdict returns what is wrong with a run, beyond tests that have failed as such; empty for nothing.
func (o *observer) verdict(result guest.Result, err error) string {
	var panicked *guest.PanicError
	var corrupt *guest.CorruptError
	if errors.As(err, &panicked) || errors.As(err, &corrupt) {
		return err.Error() // it has the complaints
	}
	var problems []string
	if err != nil {
		problems = append(problems, err.Error())
	}
	for _, c := range result.Complaints {
		problems = append(problems, "the kernel complained:\n"+c.Text)
	}
	if taint := result.Taint &^ taintTest; taint != 0 {
		problems = append(problems, fmt.Sprintf("the kernel is tainted: %#x", taint))
	}
	if err == nil && (o.cutOff() || result.ExitStatus != 0 && !o.failed) {
		problems = append(problems, fmt.Sprintf("the tests ended with status %d:\n%s", result.ExitStatus, o.outside.String()))
	}
	return strings.Join(problems, "\n")
}

// cutOff tells whether tests have not ended.
func (o *observer) cutOff() bool { return len(o.open)+len(o.waiting) > 0 }

func (o *observer) fail(name, output string) {
	o.emit("output", name, output+"\n")
	o.emit("fail", name, "")
}

func (o *observer) emit(action, test, output string) {
	o.sink(Event{Action: action, Package: o.target, Test: test, Output: output})
}
