package regress

import (
	"strings"
	"time"
)

// Event is a step of a test, in the form of go tool test2json.
type Event struct {
	Time    time.Time `json:",omitzero"`
	Action  string    // "run", "output", "pass", "fail", "skip", or another that needs no attention
	Package string    `json:",omitempty"`
	// Test is the test's name, with those of its subtests after slashes; empty for what concerns the whole run.
	Test    string  `json:",omitempty"`
	Elapsed float64 `json:",omitempty"` // seconds, in the last event of a test
	Output  string  `json:",omitempty"`
}

// Ends tells whether the event is the last of its test.
func (e Event) Ends() bool { return e.Action == "pass" || e.Action == "fail" || e.Action == "skip" }

// TopLevel tells whether the event is of a test itself, not of a subtest or of the whole run.
func (e Event) TopLevel() bool { return e.Test != "" && !strings.Contains(e.Test, "/") }
