//go:build guest && amd64 && !debug

package guesttest

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"gpc/userspace/guesttest/bare"
)

// Sets of containers are given back with the last task in them. They are in a list of the kernel's, so whoever looks for memory that nothing points to, as
// TestWholeRunLeaksNothing does, does not see one that stays: it must be so many that losing them would show beside what else comes and goes in the machine, a few 100 kB for
// a while. On debug kernels KASAN keeps for a while what has been freed, and the code is that of all architectures.
func TestSetsAreGivenBack(t *testing.T) {
	begin(t)
	c := mount(t, named("tasks")).Container("/c")
	used := func() {
		must(t, c.Create())
		pid := got(bare.Spawn(bare.Sleeps))(t)
		must(t, c.Attach(pid))
		kill(pid)
		must(t, c.Remove())
	}
	const times, size = 6000, 256
	for range times / 4 {
		used()
	}
	before := unreclaimable(t)
	for range times {
		used()
	}
	if !within(patience, func() bool { return unreclaimable(t) < before+times*size/2 }) {
		t.Errorf("the kernel's memory has grown from %d to %d bytes with %d sets", before, unreclaimable(t), times)
	}
	t.Logf("grown by %d of %d bytes", unreclaimable(t)-before, times*size)
}

// unreclaimable returns how many bytes the kernel's slabs have that nothing but their owners can free.
func unreclaimable(t testing.TB) int64 {
	t.Helper()
	_, after, _ := strings.Cut(string(got(os.ReadFile("/proc/meminfo"))(t)), "SUnreclaim:")
	text, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	return got(strconv.ParseInt(text, 10, 64))(t) << 10
}
