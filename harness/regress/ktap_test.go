package regress

import (
	"fmt"
	"strings"
	"testing"

	"gpc/harness/guest"
	"gpc/harness/ktap"
)

// kunitLog is a kernel's log with two suites, one of which has a test that fails.
const kunitLog = `[    0.100000] Linux version 6.12
[    1.000000] KTAP version 1
[    1.000001] 1..2
[    1.000002]     KTAP version 1
[    1.000003]     # Subtest: containers
[    1.000004]     1..2
[    1.000005]     ok 1 a/b
[    1.000006]     # wrong: EXPECTATION FAILED
[    1.000007]     not ok 2 wrong
[    1.000008] not ok 1 containers
[    1.000009]     KTAP version 1
[    1.000010]     1..2
[    1.000011]     ok 1 same
[    1.000012]     ok 2 same # SKIP not here
[    1.000013] ok 2 others
[    2.000000] Run /init as init process
`

func TestKUnit(t *testing.T) {
	for log, want := range map[string]string{
		kunitLog: "run KUnit|run KUnit/containers|run KUnit/containers/a:b|pass KUnit/containers/a:b|run KUnit/containers/wrong|" +
			"output KUnit/containers/wrong # wrong: EXPECTATION FAILED|fail KUnit/containers/wrong|fail KUnit/containers|" +
			"run KUnit/others|run KUnit/others/same|pass KUnit/others/same|run KUnit/others/same#2|output KUnit/others/same#2 not here|" +
			"skip KUnit/others/same#2|pass KUnit/others|fail KUnit",
		"[    1.0] no test\n": "run KUnit|output KUnit there is no result of any test|fail KUnit",
	} {
		var got []string
		Report("x86_64/debug", "", kunit(log), func(e Event) {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Action, e.Test, strings.TrimSpace(e.Output))))
		})
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("got\n%s\nwant\n%s", strings.ReplaceAll(s, "|", "\n"), strings.ReplaceAll(want, "|", "\n"))
		}
	}
}

// TestKUnitIsATest ends a run of a kernel that tests itself: what it says of that is a test beside Health, which judges the rest.
func TestKUnitIsATest(t *testing.T) {
	for _, log := range []string{kunitLog, strings.ReplaceAll(kunitLog, "not ok", "ok"), ""} {
		ended := map[string]string{}
		o := newObserver("x86_64/debug", []string{"TestA", KUnit}, func(e Event) {
			if e.Ends() {
				ended[e.Test] = e.Action
			}
		})
		o.see(Event{Action: "run", Test: "TestA"})
		o.see(Event{Action: "pass", Test: "TestA"})
		o.finish(guest.Result{Log: log}, nil)
		want := string(ktap.Failed)
		if strings.Contains(log, "ok") && !strings.Contains(log, "not ok") {
			want = string(ktap.Passed)
		}
		if ended[KUnit] != want || ended[Health] != "pass" || ended["TestA"] != "pass" {
			t.Errorf("with the log\n%s\nthe tests ended so: %v, want %s for KUnit", log, ended, want)
		}
	}
}
