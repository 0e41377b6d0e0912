//go:build guest && amd64 && debug && !nolockdep

package guesttest

import (
	"os"
	"strings"
	"testing"
	"time"
)

// kmemleak is the kernel's detector of memory that nothing points to any more, Documentation/dev-tools/kmemleak.rst.
const kmemleak = "/sys/kernel/debug/kmemleak"

// TestWholeRunLeaksNothing looks at what all tests before it have left behind: its file is the last.
func TestWholeRunLeaksNothing(t *testing.T) {
	// The detector tells of nothing that is younger than five seconds, and there is nobody to say when the last allocation was.
	time.Sleep(6 * time.Second)
	for range 2 { // what the first has found may have been changed beside it
		must(t, os.WriteFile(kmemleak, []byte("scan"), 0))
	}
	if report := string(got(os.ReadFile(kmemleak))(t)); strings.TrimSpace(report) != "" {
		t.Errorf("nothing points to this any more:\n%s", report)
	}
}
