package complaint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reports reads what Find finds in a console log of testdata.
func reports(t *testing.T, log string) (found []Report, console string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", log))
	if err != nil {
		t.Fatal(err)
	}
	return Find(string(text)), string(text)
}

func TestFindTitles(t *testing.T) {
	for log, want := range map[string][]string{
		"clean.log":   nil,
		"warning.log": {"WARNING: CPU: 2 PID: 61 at kernel/container/charge.c:118 container_uncharge+0x4c/0x60"},
		"powerpc-oops.log": {
			"BUG: Kernel NULL pointer dereference on read at 0x00000010",
			"Kernel panic - not syncing: Fatal exception in interrupt",
		},
		"lockdep.log": {"WARNING: possible circular locking dependency detected"},
		"rcu.log":     {"WARNING: suspicious RCU usage", "rcu: INFO: rcu_sched self-detected stall on CPU"},
		"kasan.log":   {"BUG: KASAN: slab-use-after-free in container_path+0x8a/0x120", "refcount_t: underflow; use-after-free."},
		"kcsan.log": {
			"BUG: KCSAN: data-race in track_task+0x1e/0xe0",
			"BUG: KCSAN: data-race in container_add_file / container_add_file",
		},
		"more.log": {
			"BUG: sleeping function called from invalid context at kernel/locking/mutex.c:585",
			"watchdog: BUG: soft lockup - CPU#2 stuck for 26s! [storm:91]",
			"INFO: task rmdir:93 blocked for more than 120 seconds.",
			"list_del corruption. prev->next should be ffff88800512a040, but was dead000000000122. (prev=ffff88800512a080)",
			"ODEBUG: free active (active state 0) object: ffff888005b2c0a8 object type: work_struct hint: release_work+0x0/0x60",
			"BUG: Bad page state in process sh  pfn:05b2c",
			"UBSAN: array-index-out-of-bounds in kernel/container/subsys.c:40:21",
			"BUG kmalloc-64 (Not tainted): Poison overwritten",
			"Oops: general protection fault, probably for non-canonical address 0xdead000000000122: 0000 [#1] SMP",
			"BUG: scheduling while atomic: sh/51/0x00000002",
		},
	} {
		found, _ := reports(t, log)
		var titles []string
		for _, r := range found {
			titles = append(titles, r.Title)
		}
		if !slices.Equal(titles, want) {
			t.Errorf("%s: found\n\t%s\nwant\n\t%s", log, strings.Join(titles, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
}

// TestFindCutsWhole checks the first and the last line of a log's reports, and what is left out of them.
func TestFindCutsWhole(t *testing.T) {
	for _, tt := range []struct {
		log, first, last string
		without          string
	}{
		{"warning.log", "[ cut here ]", "[ end trace 0000000000000000 ]", "crng init done"},
		{"powerpc-oops.log", "BUG: Kernel NULL pointer", "[ end Kernel panic", "nothing"},
		{"lockdep.log", "======", "</TASK>", "Switched to clocksource"},
		{"kasan.log", "======", "[ end trace", "nothing"},
		{"kcsan.log", "======", "======", "smpboot: "},
	} {
		found, _ := reports(t, tt.log)
		lines := strings.Split(Join(found), "\n")
		if !strings.Contains(lines[0], tt.first) {
			t.Errorf("%s begins with %q, want %q", tt.log, lines[0], tt.first)
		}
		if last := lines[len(lines)-1]; !strings.Contains(last, tt.last) {
			t.Errorf("%s ends with %q, want %q", tt.log, last, tt.last)
		}
		if strings.Contains(Join(found), tt.without) {
			t.Errorf("%s: %q is no part of the report", tt.log, tt.without)
		}
	}
}

func TestFindTakesCarriageReturns(t *testing.T) {
	_, console := reports(t, "warning.log")
	with := Find(strings.ReplaceAll(console, "\n", "\r\n"))
	if without := Find(console); !slices.Equal(with, without) {
		t.Errorf("carriage returns change the reports: %q, without them %q", with, without)
	}
}

func TestFindShortensAReportWithoutTrace(t *testing.T) {
	const first = "[    1.000000] WARNING: something is odd"
	found := Find(first + "\n[    1.000100] PCI: Probing PCI hardware\n")
	if len(found) != 1 || found[0].Text != first {
		t.Errorf("found %q, want %q alone", found, first)
	}
}

func TestFindKeepsAReportThatIsCutOff(t *testing.T) {
	found := Find("[    2.113402] ------------[ cut here ]------------\n")
	if len(found) != 1 {
		t.Errorf("found %d reports in a console that stops at the beginning of one, want 1", len(found))
	}
}

func TestFromState(t *testing.T) {
	const warned, died, outOfTree = 1 << 9, 1 << 7, 1 << 12
	for _, tt := range []struct {
		taint      uint64
		lockdepOff bool
		want       int
	}{
		{0, false, 0},
		{outOfTree, false, 0},
		{warned, false, 1},
		{warned | died | outOfTree, false, 2},
		{0, true, 1},
	} {
		if got := FromState(tt.taint, tt.lockdepOff); len(got) != tt.want {
			t.Errorf("taint %#x, lockdep off %v: %d reports, want %d: %v", tt.taint, tt.lockdepOff, len(got), tt.want, got)
		}
	}
}
