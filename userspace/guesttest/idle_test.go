//go:build guest && debug

package guesttest

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestIdleTasksHaveAContainer lets the kernel look at the idle task of every possible processor: in the dummy hierarchy, and in mounted ones.
func TestIdleTasksHaveAContainer(t *testing.T) {
	begin(t)
	runKUnit(t, "containers")
	dir := tempDir(t)
	must(t, unix.Mount("guesttest", dir, "container", 0, "all"))
	defer func() { must(t, unix.Unmount(dir, 0)) }()
	runKUnit(t, "containers")
}

// runKUnit runs a suite of the kernel's own tests, and fails with what it says.
func runKUnit(t *testing.T, suite string) {
	t.Helper()
	dir := "/sys/kernel/debug/kunit/" + suite + "/"
	must(t, os.WriteFile(dir+"run", []byte("1"), 0))
	results := string(got(os.ReadFile(dir + "results"))(t))
	if passed := regexp.MustCompile("(?m)^ok [0-9]+ " + suite + "$"); !passed.MatchString(results) || strings.Contains(results, "not ok") {
		t.Errorf("the kernel's tests %s:\n%s", suite, results)
	}
}
