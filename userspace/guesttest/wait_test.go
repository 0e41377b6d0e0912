//go:build guest

package guesttest

import (
	"testing"
	"time"
)

// patience is how long a test waits for something that must happen; far more than it takes, on the slowest machine.
const patience = 60 * time.Second

// within tells whether condition comes true before d has passed. It looks again and again, and is only for what the kernel
// sends no event for: the end of a thread, the freeing of memory after a grace period.
func within(d time.Duration, condition func() bool) bool {
	for end := time.Now().Add(d); ; time.Sleep(2 * time.Millisecond) {
		if condition() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// eventually fails the test unless condition comes true.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	if !within(patience, condition) {
		t.Fatalf("still not so: %s", what)
	}
}

// beside starts f on another goroutine. The result waits for its end and returns its error.
func beside(t testing.TB, f func() error) (wait func() error) {
	ended := make(chan error, 1)
	go func() { ended <- f() }()
	return func() error {
		t.Helper()
		var err error
		eventually(t, "what was started beside the test has ended", func() bool {
			select {
			case err = <-ended:
				return true
			default:
				return false
			}
		})
		return err
	}
}
