package complaint

import (
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	for _, tt := range []struct {
		line                    string
		begins, panics, corrupt bool
	}{
		{"[    1.000000] WARNING: CPU: 2 PID: 61 at kernel/container/charge.c:118 f+0x4c/0x60", true, false, false},
		{"[    1.000000] Kernel panic - not syncing: IO-APIC + timer doesn't work!\r\n", true, true, false},
		{"[    1.000000] BUG: KASAN: slab-use-after-free in f+0x8a/0x120", true, false, true},
		{"[    1.000000] BUG: KCSAN: data-race in f / g", true, false, false},
		{"[    1.000000] list_del corruption. prev->next should be a, but was b", true, false, true},
		{"[    1.000000] BUG kmalloc-64 (Not tainted): Poison overwritten", true, false, true},
		{"[    1.000000] clocksource: Switched to clocksource tsc", false, false, false},
		{"Kernel panic - not syncing: said a program", false, false, false},
		{"BUG: KASAN: said a program", false, false, false},
		{"", false, false, false},
	} {
		if begins, panics, corrupt := Begins(tt.line), IsPanic(tt.line), Corrupt("[    0.1] x\n"+tt.line); begins != tt.begins || panics != tt.panics || corrupt != tt.corrupt {
			t.Errorf("%q: begins a report %v, panics %v, corrupt %v; want %+v", tt.line, begins, panics, corrupt, tt)
		}
	}
}

// TestEachReportOfTheTestdata looks at the lines of the consoles kept: each report found has one that begins it.
func TestEachReportOfTheTestdata(t *testing.T) {
	for _, log := range []string{"kasan.log", "kcsan.log", "lockdep.log", "more.log", "powerpc-oops.log", "rcu.log", "warning.log"} {
		found, _ := reports(t, log)
		for _, r := range found {
			begun := false
			for line := range strings.Lines(r.Text) {
				begun = begun || Begins(line)
			}
			if !begun {
				t.Errorf("%s: nothing begins the report %q", log, r.Title)
			}
		}
	}
}
