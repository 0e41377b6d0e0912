package bench

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// everything matches all scenarios.
var everything = regexp.MustCompile("")

// one is the suite of one processor.
var one = suites[0]

func TestWriteState(t *testing.T) {
	st := state{"trio/2", []string{trio, ""}, 2, []scenario{fork, move}}
	for f, want := range map[string]string{
		"": `state trio/2
set /proc/sys/kernel pid_max 4000
set /proc/sys/kernel threads-max 32768
run fork@trio/2 fork 6 100
`,
		cgroupType: `state trio/2
set /proc/sys/kernel pid_max 4000
set /proc/sys/kernel threads-max 32768
mount /h1 cgroup cpuset,cpuacct,pids
mkdir /h1/a
set /h1/a cpuset.cpus 0-3
set /h1/a cpuset.mems 0
mkdir /h1/a/a
set /h1/a/a cpuset.cpus 0-3
set /h1/a/a cpuset.mems 0
mkdir /h1/a/b
set /h1/a/b cpuset.cpus 0-3
set /h1/a/b cpuset.mems 0
enter /h1/a/a
mount /h2 cgroup none,name=h2
mkdir /h2/a
mkdir /h2/a/a
mkdir /h2/a/b
enter /h2/a/a
run fork@trio/2 fork 6 100
run move@trio/2 move 6 50 /h1/a/a /h1/a/b
rmdir /h2/a/b
rmdir /h2/a/a
rmdir /h2/a
umount /h2
rmdir /h1/a/b
rmdir /h1/a/a
rmdir /h1/a
umount /h1
`,
	} {
		var b strings.Builder
		if st.write(&b, f, batches, suite{processors: 4}); b.String() != want {
			t.Errorf("%s: got\n%s\nwant\n%s", f, &b, want)
		}
	}
	var b strings.Builder
	if st.write(&b, containerType, batches, one); !strings.Contains(b.String(), "mount /h1 container cpuset,cpuacct,numtasks\n") {
		t.Errorf("release: got\n%s", &b)
	}
}

// TestPlanLeavesOut checks states that a kernel cannot have and scenarios that nobody wants.
func TestPlanLeavesOut(t *testing.T) {
	if p := one.plan(cgroupType, regexp.MustCompile("@bc"), batches); strings.Contains(p, "mount") || !strings.Contains(p, "run open@bc/1") {
		t.Errorf("mainline has no bc, but its figures with nothing mounted are wanted: got\n%s", p)
	}
	if p := one.plan("", everything, batches); strings.Contains(p, "mount ") || strings.Contains(p, " move ") {
		t.Errorf("vanilla has nothing to mount: got\n%s", p)
	}
	p := one.plan(containerType, regexp.MustCompile("^fork@named/1$"), batches)
	if strings.Count(p, "\nrun ") != 1 || strings.Count(p, "state ") != 1 {
		t.Errorf("one scenario is wanted: got\n%s", p)
	}
}

// TestSameHistory checks that what all kernels can do comes in the same order in all of them.
func TestSameHistory(t *testing.T) {
	runs := func(s suite, f string) (lines []string) {
		for line := range strings.Lines(s.plan(f, everything, batches)) {
			if strings.HasPrefix(line, "run ") && !strings.Contains(line, "/h1") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	for _, s := range suites {
		for _, f := range []string{containerType, cgroupType} {
			if !slices.Equal(runs(s, f), runs(s, "")) {
				t.Errorf("%s goes another way than vanilla on %d processors", f, s.processors)
			}
		}
	}
}

// TestSuites checks that a suite which nobody wants needs no guest, and that cpusets have the processors of theirs.
func TestSuites(t *testing.T) {
	for _, s := range suites {
		wanted := s.plan(cgroupType, regexp.MustCompile("^cpus-1000@"), batches)
		if s.processors == 1 && wanted != "" {
			t.Errorf("on one processor there are no CPUs to change: got\n%s", wanted)
		}
		if s.processors == 2 && !strings.Contains(wanted, "set /h1/a cpuset.cpus 0-1\n") {
			t.Errorf("the cpuset has not two processors: got\n%s", wanted)
		}
	}
}

func TestLabelsAreUnique(t *testing.T) {
	for kind, all := range map[string][]string{Scenarios: labels(everything), Functions: budgets.labels(everything),
		Growing: growth.labels(everything), Shared: sharing.labels(everything)} {
		seen := map[string]bool{}
		for _, name := range all {
			if seen[name] {
				t.Errorf("%s: %s is there twice", kind, name)
			}
			seen[name] = true
		}
	}
}

// TestStandIns checks that each kernel is asked for its own hierarchies, and for nothing that it cannot do.
func TestStandIns(t *testing.T) {
	for kind, want := range map[string][]string{
		"": {},
		containerType: {"run mount-trio-10@unmounted mount 1 4 container cpuset,cpuacct,numtasks 10\n", "run mount-10@unmounted mount 1 4 container none,name=mounted 10\n",
			"run listing-10@named/1 listing 1 50 /h1/a 10 /proc/containers\n", "run fork-sets-100@trio/1 sets 1 50 /h1/a /h1 100\n",
			"mount /h1 container cpuset,cpuacct,numtasks,bc,ns\n"},
		cgroupType: {"run mount-trio-10@unmounted mount 1 4 cgroup cpuset,cpuacct,pids 10\n", "run listing-10@named/1 listing 1 50 /h1/a 10 /proc/cgroups\n",
			"state all/1\nset /proc/sys/kernel pid_max 32768\nset /proc/sys/kernel threads-max 32768\nmount /h1 cgroup cpuset,cpuacct,pids\n"},
	} {
		plan := growth.plan(kind, everything, 1)
		for _, text := range want {
			if !strings.Contains(plan, text) {
				t.Errorf("%q is not in the plan of %s:\n%s", text, kind, plan)
			}
		}
		if kind == "" && strings.Contains(plan, "run ") {
			t.Errorf("vanilla can do nothing of this:\n%s", plan)
		}
		for _, name := range []string{here, other, top, filesystem, ofTrio, listing} {
			if slices.Contains(strings.Fields(plan), name) {
				t.Errorf("%s stands in the plan of %s:\n%s", name, kind, plan)
			}
		}
	}
}

func TestMatches(t *testing.T) {
	for pattern, want := range map[string]bool{"": true, "fork@": true, "^storm-4$": true, "^planted@": true, "^memory@": true, "nonesuch": false} {
		if got := Matches(regexp.MustCompile(pattern)); got != want {
			t.Errorf("%q: %v, want %v", pattern, got, want)
		}
	}
}
