//go:build guest && amd64 && !debug

package guesttest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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

// A listing for which its opener's limit has no room is not held beyond the open either: he could have as much of the kernel's memory as he may open files.
func TestListingsBeyondTheLimitAreNotHeld(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("held")).Root(), "a")
	crowd, tids := threaded(t, 1000)
	must(t, a.AttachProc(crowd))
	var old unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old))
	must(t, unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Max: old.Max}))
	defer unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old)
	const opens = 800
	before := unreclaimable(t)
	must(t, asUser(t, 1000, 1000, 1000, func() error {
		for range opens {
			f, err := os.Open(a.File("tasks"))
			if err != nil {
				return err
			}
			defer f.Close()
		}
		grown, lists := unreclaimable(t)-before, int64(opens*4*len(tids))
		t.Logf("grown by %d bytes, the lists would be %d", grown, lists)
		if grown > lists/2 {
			return fmt.Errorf("with %d files open the kernel's memory has grown by %d bytes; the lists of tasks alone would be %d", opens, grown, lists)
		}
		return nil
	}))
	kill(crowd)
}

// unreclaimable returns how many bytes the kernel's slabs have that nothing but their owners can free.
func unreclaimable(t testing.TB) int64 {
	t.Helper()
	_, after, _ := strings.Cut(string(got(os.ReadFile("/proc/meminfo"))(t)), "SUnreclaim:")
	text, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	return got(strconv.ParseInt(text, 10, 64))(t) << 10
}
