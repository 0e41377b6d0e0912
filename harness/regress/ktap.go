package regress

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"gpc/harness/kconfig"
	"gpc/harness/kernel"
	"gpc/harness/ktap"
)

// KUnit is the name of the test that stands for all that the kernel itself has run while it booted, and which are its subtests.
const KUnit = "KUnit"

// KUnitOf returns the tests that a kernel has run itself while it booted, as one, by what it has said; ok is false for a kernel that does not.
func KUnitOf(image *kernel.Image, log string) (t ktap.Test, ok bool, err error) {
	ok, err = runsKUnit(image)
	return kunit(log), ok, err
}

// runsKUnit tells whether a kernel tests itself when it boots. Of one whose configuration is not known nothing is expected.
func runsKUnit(image *kernel.Image) (bool, error) {
	if image.Config == "" {
		return false, nil
	}
	config, err := os.ReadFile(image.Config)
	return kconfig.Value(config, "CONFIG_KUNIT") == "y", err
}

// stamp is the time that stands before each line of the kernel's log.
var stamp = regexp.MustCompile(`^\[ *\d+\.\d+\] `)

// kunit returns the tests whose results are in the kernel's log, as one.
func kunit(log string) ktap.Test {
	var p ktap.Parser
	for line := range strings.Lines(log) {
		p.Line(stamp.ReplaceAllString(line, ""))
	}
	return whole(KUnit, p.End())
}

// whole makes one test of the tests in a document. It has failed if one of them has, or if there is none.
func whole(name string, parts []ktap.Test) ktap.Test {
	all := ktap.Test{Name: name, Outcome: ktap.Passed, Parts: parts}
	if len(parts) == 0 {
		all.Outcome, all.Output = ktap.Failed, []string{"there is no result of any test"}
	}
	for _, t := range parts {
		if t.Outcome == ktap.Failed {
			all.Outcome = ktap.Failed
		}
	}
	return all
}

// Report calls sink with the events of a test that is known by its result, and of those that it consists of. within is the name of the test that it
// is a part of, empty for none.
func Report(pkg, within string, t ktap.Test, sink func(Event)) {
	// In an event, a slash stands between the name of a test and its part's.
	name := strings.ReplaceAll(t.Name, "/", ":")
	if within != "" {
		name = within + "/" + name
	}
	event := func(action, output string) Event {
		return Event{Action: action, Package: pkg, Test: name, Output: output}
	}
	sink(event("run", ""))
	for _, line := range t.Output {
		sink(event("output", line+"\n"))
	}
	if t.Why != "" {
		sink(event("output", t.Why+"\n"))
	}
	for _, part := range Distinct(t.Parts) {
		Report(pkg, name, part, sink)
	}
	end := event(string(t.Outcome), "")
	end.Elapsed = t.Took.Seconds()
	sink(end)
}

// Distinct returns tests with a number behind the names of those that are called as one before them.
func Distinct(tests []ktap.Test) []ktap.Test {
	seen := map[string]int{}
	distinct := slices.Clone(tests)
	for i, t := range distinct {
		if seen[t.Name]++; seen[t.Name] > 1 {
			distinct[i].Name += fmt.Sprintf("#%d", seen[t.Name])
		}
	}
	return distinct
}
