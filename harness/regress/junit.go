package regress

import (
	"io"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/gtr"
	"github.com/jstemmer/go-junit-report/v2/junit"
)

// Recorder keeps what has become of tests, for a report. The zero value is ready for use.
type Recorder struct{ report gtr.Report }

// Record adds an event.
func (r *Recorder) Record(e Event) {
	if e.Test == "" {
		return
	}
	test := r.test(e.Package, e.Test)
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

// test returns the record of a test, a new one for its first event. Events come in the order of packages and almost in that of tests.
func (r *Recorder) test(pkg, name string) *gtr.Test {
	n := len(r.report.Packages)
	if n == 0 || r.report.Packages[n-1].Name != pkg {
		r.report.Packages = append(r.report.Packages, gtr.Package{Name: pkg, Timestamp: time.Now()})
		n++
	}
	p := &r.report.Packages[n-1]
	for i := len(p.Tests) - 1; i >= 0; i-- {
		if p.Tests[i].Name == name {
			return &p.Tests[i]
		}
	}
	p.Tests = append(p.Tests, gtr.NewTest(len(p.Tests), name))
	return &p.Tests[len(p.Tests)-1]
}

// WriteJUnit writes what has been recorded as a JUnit XML report, a test suite for each target.
func (r *Recorder) WriteJUnit(w io.Writer) error {
	suites := junit.CreateFromReport(r.report, "")
	return suites.WriteXML(w)
}
