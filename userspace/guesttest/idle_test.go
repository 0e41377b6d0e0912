//go:build guest && debug

package guesttest

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestIdleTasksHaveAContainer lets the kernel look at the idle task of every possible processor: in the dummy hierarchy, and in mounted ones.
func TestIdleTasksHaveAContainer(t *testing.T) {
	begin(t)
	runKUnit(t)
	dir := tempDir(t)
	must(t, unix.Mount("guesttest", dir, "container", 0, "all"))
	defer func() { must(t, unix.Unmount(dir, 0)) }()
	runKUnit(t)
}

// runKUnit runs the kernel's own tests of containers, and fails with what they say.
func runKUnit(t *testing.T) {
	t.Helper()
	const suite = "/sys/kernel/debug/kunit/containers/"
	must(t, os.WriteFile(suite+"run", []byte("1"), 0))
	results := string(got(os.ReadFile(suite + "results"))(t))
	if !strings.Contains(results, "ok 1 containers") && !strings.Contains(results, "pass:2 fail:0") ||
		strings.Contains(results, "not ok") {
		t.Errorf("the kernel's tests of containers:\n%s", results)
	}
}
