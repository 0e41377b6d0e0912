package regress

import (
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/gtr"

	"gpc/harness/kernel"
)

// Recorder keeps what has become of tests, for a report. The zero value is ready for use.
type Recorder struct {
	report gtr.Report
	// Chart is the path of a picture, in SVG, of what operations cost, for the page for people; Coverage is where its reader finds which lines
	// of the kernel's code have run. Empty for none.
	Chart, Coverage string
}

// Record adds an event.
func (r *Recorder) Record(e Event) {
	if e.Test == "" {
		return
	}
	test := record(r.suite(e.Package), e.Test)
	switch e.Action {
	case "output":
		test.Output = append(test.Output, strings.TrimSuffix(e.Output, "\n"))
	case "pass":
		test.Result = gtr.Pass
	case "fail":
		test.Result = gtr.Fail
	case "skip":
		test.Result = gtr.Skip
	}
	if e.Ends() {
		test.Duration = time.Duration(e.Elapsed * float64(time.Second))
	}
}

// The properties of a suite in a report.
const (
	propertyLinux   = "linux"
	propertyConsole = "console"
	propertyTrouble = "trouble"
)

// End adds how a guest has ended that was put to tests.
func (r *Recorder) End(image *kernel.Image, ending Ending) {
	s := r.suite(Name(image))
	s.Timestamp, s.Duration = ending.Began, ending.Took
	s.AddProperty(propertyLinux, image.Release)
	s.AddProperty(propertyConsole, ending.ConsoleLog)
	if trouble := ending.Trouble(); trouble != nil {
		s.AddProperty(propertyTrouble, trouble.Error())
	}
}

// suite returns the record of a guest's tests, a new one for its first event. Guests come one after the other.
func (r *Recorder) suite(name string) *gtr.Package {
	n := len(r.report.Packages)
	if n == 0 || r.report.Packages[n-1].Name != name {
		r.report.Packages = append(r.report.Packages, gtr.Package{Name: name})
		n++
	}
	return &r.report.Packages[n-1]
}

// record returns the record of a test, a new one for its first event. Events come almost in the order of tests.
func record(s *gtr.Package, name string) *gtr.Test {
	for i := len(s.Tests) - 1; i >= 0; i-- {
		if s.Tests[i].Name == name {
			return &s.Tests[i]
		}
	}
	s.Tests = append(s.Tests, gtr.NewTest(len(s.Tests), name))
	return &s.Tests[len(s.Tests)-1]
}
