package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gpc/harness/regress"
)

// testVerdict finds out what all guests together say. The zero value has seen none.
type testVerdict struct {
	passed, failed int
	failedBefore   int      // in the guests before this one
	verdicts       []int    // the exit statuses that each guest alone would give
	troubles       []string // what was wrong with guests
}

// see takes an event of the guest that runs.
func (v *testVerdict) see(e regress.Event) {
	switch {
	case !e.Ends() || !e.TopLevel():
	case e.Action == "fail":
		v.failed++
	default:
		v.passed++
	}
}

// end notes what a guest says: trouble that there was with it, or else its tests.
func (v *testVerdict) end(target string, trouble error) {
	status := statusOf(trouble)
	if status == 0 && v.failed > v.failedBefore {
		status = statusFailed
	}
	v.failedBefore = v.failed
	v.verdicts = append(v.verdicts, status)
	if trouble != nil {
		what, _, _ := strings.Cut(trouble.Error(), "\n")
		v.troubles = append(v.troubles, target+": "+what)
	}
}

// gravity has the exit statuses of guests, the one first that says most about a kernel: one that could not be tested says nothing of the others.
var gravity = []int{statusPanicked, statusNotDone, statusComplained, statusFailed, statusNotTested}

// err returns an error if anything has failed, with the gravest of the guests' statuses.
func (v *testVerdict) err() error {
	for _, status := range gravity {
		if slices.Contains(v.verdicts, status) {
			said := append([]string{fmt.Sprintf("%d tests failed", v.failed)}, v.troubles...)
			return exitError{status: status, err: errors.New(strings.Join(said, "\n"))}
		}
	}
	return nil
}
