//go:build guest

package guesttest

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"gpc/userspace/containerfs"
)

// debugPair names the two subsystems that exist to be tested.
var debugPair = []string{"debug_a", "debug_b"}

// countFile, behind a subsystem's name, is the file with the number of tasks that the subsystem itself has counted in a container.
const countFile = ".counted"

// callbacks returns how often each callback of a subsystem has been called for a container, those not called left out. What is
// counted for the subsystem as a whole, bind, remove and destroy, is left out too.
func callbacks(t testing.TB, c containerfs.Container, ss string) map[string]int {
	t.Helper()
	calls := allCallbacks(t, c, ss)
	delete(calls, "bind")
	delete(calls, "remove")
	delete(calls, "destroy")
	maps.DeleteFunc(calls, func(_ string, n int) bool { return n == 0 })
	return calls
}

func allCallbacks(t testing.TB, c containerfs.Container, ss string) map[string]int {
	t.Helper()
	calls := map[string]int{}
	for line := range strings.Lines(got(c.ReadString(ss + ".callbacks"))(t)) {
		name, n, _ := strings.Cut(strings.TrimSpace(line), " ")
		calls[name] = got(strconv.Atoi(n))(t)
	}
	return calls
}

func wantCallbacks(t testing.TB, c containerfs.Container, ss string, want map[string]int) {
	t.Helper()
	if calls := callbacks(t, c, ss); !maps.Equal(calls, want) {
		t.Errorf("callbacks of %s for %s:\ngot  %v\nwant %v", ss, c.Path, calls, want)
	}
}

// counted returns how many tasks a subsystem has counted in a container by itself.
func counted(t testing.TB, c containerfs.Container, ss string) int {
	t.Helper()
	return got(strconv.Atoi(got(c.ReadString(ss + countFile))(t)))(t)
}

// wantExactCounts fails the test unless, in every container below c and in c, a subsystem counts as many tasks as are listed.
func wantExactCounts(t testing.TB, c containerfs.Container, ss string) {
	t.Helper()
	must(t, c.Walk(func(c containerfs.Container) error {
		var tasks []int
		var n int
		// The machine's own threads come and go in the root.
		if !within(patience, func() bool { tasks, n = got(c.Tasks())(t), counted(t, c, ss); return n == len(tasks) }) {
			t.Errorf("%s counts %d tasks in %s, %d are listed", ss, n, c.Path, len(tasks))
		}
		return nil
	}))
}

// wantLive waits until a subsystem has that many states beside the root's.
func wantLive(t testing.TB, h containerfs.Hierarchy, ss string, want int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s has %d states and the root's", ss, want), func() bool {
		return int(got(h.Root().ReadUint(ss+".live"))(t)) == want+1
	})
}
