package regress

import (
	"context"
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
	for _, m := range machine.All() {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel() // for no guest keeps all of the host's processors busy
			for _, target := range Targets() {
				if target.Machine == m {
					t.Run(string(target.Flavor), func(t *testing.T) { runTarget(t, lab, target) })
				}
			}
		})
	}
}

// runTarget runs the tests of a target, and each of them as a subtest of t when it begins in the guest.
func runTarget(t *testing.T, lab *kernel.Lab, target Target) {
	events := make(chan Event)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		image, err := lab.Build(ctx, target.Machine, target.Flavor)
		if err == nil {
			_, err = Run(ctx, lab, image, target.Pattern(), Limit, func(e Event) { events <- e })
		}
		failed <- err
		close(events)
	}()
	follow(t, events, "")
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}

// follow reports the events of the test called name, which has begun, until its end; and its subtests as subtests. An empty name stands
// for all of them.
func follow(t *testing.T, events <-chan Event, name string) {
	for e := range events {
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
			t.Run(below, func(t *testing.T) { follow(t, events, e.Test) })
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
