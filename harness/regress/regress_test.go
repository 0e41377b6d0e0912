package regress

import (
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"gpc/harness/kernel"
	"gpc/harness/machine"
)

// enoughTime is what all guests together may take, with everything to be built first.
const enoughTime = 30 * time.Minute

// TestGuest runs the in-guest tests of every architecture and flavor, each as a subtest TestGuest/ARCHITECTURE/FLAVOR/NAME.
func TestGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("guests take minutes; -short was asked for")
	}
	if end, ok := t.Deadline(); ok && time.Until(end) < enoughTime {
		t.Fatal("the in-guest tests may need longer than go test waits: use make test, or go test -timeout 90m")
	}
	lab, err := kernel.OpenLab()
	if err != nil {
		t.Fatal(err)
	}
	var suites []Suite
	for _, target := range Targets() {
		suites = append(suites, Suite{Target: target, Spec: kernel.Spec{Flavor: target.Flavor}, Pattern: target.Pattern()})
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	all, err := Start(ctx, lab, suites)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range machine.All() {
		t.Run(m.Name, func(t *testing.T) {
			for _, r := range all {
				if r.Suite.Target.Machine == m {
					t.Run(string(r.Suite.Target.Flavor), func(t *testing.T) { followAll(t, r) })
				}
			}
		})
	}
}

// followAll makes each test of a guest a subtest of t.
func followAll(t *testing.T, r *Running) {
	next, stop := iter.Pull(r.Events())
	defer stop()
	follow(t, next, "")
	ending, err := r.End()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the guest took %.1fs", ending.Took.Seconds())
}

// follow reports the events of the test called name, which has begun, until its end; and its subtests as subtests. An empty name stands
// for all of them.
func follow(t *testing.T, next func() (Event, bool), name string) {
	for e, ok := next(); ok; e, ok = next() {
		below, inside := strings.CutPrefix(e.Test, prefix(name))
		switch {
		case e.Test == name && e.Action == "output":
			if line := strings.TrimRight(e.Output, "\n"); !framing(line) {
				t.Log(line)
			}
		case e.Test == name && e.Ends():
			if e.Action == "fail" {
				t.Fail()
			}
			return
		case e.Action == "run" && inside && !strings.Contains(below, "/"):
			t.Run(below, func(t *testing.T) { follow(t, next, e.Test) })
		}
	}
}

func prefix(name string) string {
	if name == "" {
		return ""
	}
	return name + "/"
}

// framing tells whether a line of output only says again what the event says.
func framing(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ")
}
