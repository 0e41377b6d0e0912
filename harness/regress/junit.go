package regress

import (
	"io"

	"github.com/jstemmer/go-junit-report/v2/junit"
)

// WriteJUnit writes what has been recorded as a JUnit XML report, a test suite for each target.
func (r *Recorder) WriteJUnit(w io.Writer) error {
	suites := junit.CreateFromReport(r.report, "")
	return suites.WriteXML(w)
}
