package mutants

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gpc/harness/complaint"
	"gpc/harness/guest"
	"gpc/harness/kernel"
	"gpc/harness/mutants/generate"
	"gpc/harness/qemu"
	"gpc/harness/regress"
)

// Each file that mutants are generated from has a subject, each subject a file, and each of its words begins the name of a test.
func TestSubjects(t *testing.T) {
	const root = "../.."
	files, err := generate.Files(filepath.Join(root, "kernel-patches", "files"))
	if err != nil {
		t.Fatal(err)
	}
	target, err := GeneratedTarget()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for file := range files {
		pattern := Tests(generate.Mutant{File: file})
		if pattern == "" {
			t.Errorf("%s has no subject: name tests for it in subject.go", file)
		}
		used[pattern] = true
	}
	for _, s := range subjects {
		if !used["^Test("+s.tests+")|^(TestFuzz|TestWholeRunLeaksNothing)$"] {
			t.Errorf("the subject %s has no file", s.file)
		}
		for _, begins := range words(s.tests) {
			names, err := regress.Tests(root, target.Machine, target.Flavor, "^Test("+begins+")")
			if err != nil || len(names) == 0 {
				t.Errorf("%s: no test begins with Test%s (%v)", s.file, begins, err)
			}
		}
	}
}

// What tests have lost is looked for after all of them, in whichever file they are.
func TestLostMemoryIsLast(t *testing.T) {
	target, err := GeneratedTarget()
	if err != nil {
		t.Fatal(err)
	}
	names, err := regress.Tests("../..", target.Machine, target.Flavor, "^Test")
	if err != nil || len(names) == 0 || names[len(names)-1] != lostMemory {
		t.Errorf("%s is not the last test (%v): give its file a name behind all others", lostMemory, err)
	}
}

// words splits alternatives at the bars that are in no brackets.
func words(pattern string) []string {
	var all []string
	depth, begin := 0, 0
	for i, c := range pattern + "|" {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			all = append(all, pattern[begin:i])
			begin = i + 1
		}
	}
	return all
}

func TestAllTests(t *testing.T) {
	bc, proc, unknown := generate.Mutant{File: "kernel/container/bc.c"}, generate.Mutant{File: "kernel/container/proc.c"}, generate.Mutant{File: "x.c"}
	if got := allTests([]generate.Mutant{bc, proc, bc}); got != Tests(bc)+"|"+Tests(proc) {
		t.Errorf("got %q", got)
	}
	if got := allTests([]generate.Mutant{bc, unknown}); got != "" {
		t.Errorf("with a file that has no subject: got %q", got)
	}
}

func TestStages(t *testing.T) {
	m := generate.Mutant{File: "kernel/container/proc.c"}
	times := map[string]float64{"TestProcB": 0.5, "TestProcA": 1, "TestProcLong": 1.5, "TestFuzz": 8, "TestOther": 0.1, "TestFuzzWorkers": 6}
	got := stages(m, times, true)
	want := [3][]string{{"TestFuzz", "TestProcA", "TestProcB"}, {"TestProcLong"}, {"TestFuzzWorkers", "TestOther"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	want[2] = nil
	if got := stages(m, times, false); !reflect.DeepEqual(got, want) {
		t.Errorf("without the others: got %q, want %q", got, want)
	}
	times["TestWholeRunLeaksNothing"] = 12
	want[0], want[1] = append(want[0], "TestWholeRunLeaksNothing"), append(want[1], "TestWholeRunLeaksNothing")
	if got := stages(m, times, false); !reflect.DeepEqual(got, want) {
		t.Errorf("with a look at lost memory: got %q, want %q", got, want)
	}
	delete(times, "TestWholeRunLeaksNothing")
	m.File = "x.c" // without a subject
	if got := stages(m, times, false); len(got[0])+len(got[1]) != len(times) {
		t.Errorf("with a file that has no subject: got %q", got)
	}
}

func TestLimit(t *testing.T) {
	times := map[string]float64{"TestOne": 10, "TestOther": 100}
	if got := limit(times, []string{"TestOne"}); got != 150*time.Second {
		t.Errorf("got %v", got)
	}
	if got := limit(times, []string{"TestOne", "TestOther"}); got != 450*time.Second {
		t.Errorf("got %v for all", got)
	}
}

func TestJudgeStage(t *testing.T) {
	died := func(err error) regress.Ending { return regress.Ending{Died: err} }
	warning := regress.Ending{}
	warning.Complaints = []complaint.Report{{Title: "WARNING: x"}}
	tests := []struct {
		failed string
		ending regress.Ending
		want   string
	}{
		{"", regress.Ending{}, ""},
		{"TestOne", regress.Ending{}, "TestOne failed"},
		{"Health", warning, "the kernel complained: WARNING: x"},
		{"TestOne", died(&guest.PanicError{Text: "[    1.000000] WARNING: CPU: 0 at f.c\n[    1.000000] Kernel panic - not syncing"}), "panic: WARNING: CPU: 0 at f.c"},
		{"TestOne", died(&guest.CorruptError{Text: "[    1.000000] BUG: KASAN: x"}), "the kernel complained: BUG: KASAN: x"},
		{"TestOne", died(&guest.StuckError{After: time.Minute}), "the tests were not done after 1m0s, during TestOne"},
		{"Health", died(&guest.StuckError{After: time.Minute, Silent: true}), "the guest hung: nothing was heard of it for 1m0s"},
		{"Health", died(&guest.EndedError{Kind: qemu.WasReset}), "the guest went down before the tests had ended"},
	}
	for _, tt := range tests {
		if got, err := judgeStage(tt.failed, tt.ending); got != tt.want || err != nil {
			t.Errorf("%s, %v: got %q, %v, want %q", tt.failed, tt.ending.Died, got, err, tt.want)
		}
	}
	if got, err := judgeStage("Health", died(errors.New("no emulator"))); got != "" || err == nil {
		t.Errorf("the host's trouble: got %q, %v", got, err)
	}
}

// A kernel that was not built says something of the mutant only where the compiler has refused it.
func TestGeneratedThatIsNotBuilt(t *testing.T) {
	tests := []struct {
		err  string
		want Verdict
	}{
		{"make: exit status 2\n../../src/patched/kernel/container/dir.c:4:1: error: 'x' undeclared\n", NotC},
		{"make: exit status 2\nld: kernel/container/dir.o: undefined reference to `x'\n", NotC},
		{"no space left on device", Failed},
	}
	for _, tt := range tests {
		r := Generated{}.test(t.Context(), nil, candidate{err: errors.New(tt.err), took: time.Minute}, generate.Mutant{}, nil)
		if r.Verdict != tt.want || r.Took < time.Minute {
			t.Errorf("%s: got %s, %s, in %v", tt.err, r.Verdict, r.Reason, r.Took)
		}
	}
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	open := func(tree, tests string) *journal {
		j, err := openJournal(path, tree, tests)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	first := open("tree", "tests")
	for _, e := range []entry{{Name: "dead", Source: "a", Verdict: Killed}, {Name: "fast", Source: "a", Verdict: Survived},
		{Name: "alive", Source: "a", Verdict: Survived, All: true},
		{Times: map[string]float64{"TestOne": 1}}, {Times: map[string]float64{"TestTwo": 2}}} {
		if err := first.add(e); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"Tree":"tree","Na`); err != nil { // the host went down
		t.Fatal(err)
	}
	file.Close()
	tests := []struct {
		tree, tests, name, source string
		all, want                 bool
	}{
		{"tree", "tests", "dead", "a", true, true},
		{"tree", "tests", "dead", "b", true, false},
		{"tree", "tests", "alive", "a", true, true},
		{"tree", "tests", "alive", "b", true, false},
		{"tree", "tests", "fast", "a", false, true},
		{"tree", "tests", "fast", "a", true, false},
		{"tree", "other", "dead", "a", true, true},
		{"tree", "other", "alive", "a", true, false},
		{"other", "tests", "dead", "a", true, true},
		{"other", "tests", "alive", "a", true, false},
		{"tree", "tests", "none", "a", true, false},
	}
	for _, tt := range tests {
		if e, ok := open(tt.tree, tt.tests).known(tt.name, tt.source, tt.all); ok != tt.want || ok && e.Name != tt.name {
			t.Errorf("%+v: got %+v, %v", tt, e, ok)
		}
	}
	if got := open("other", "tests").times(); len(got) != 0 {
		t.Errorf("of another kernel: got %v", got)
	}
	j := open("tree", "tests")
	if got := j.times(); got["TestOne"] != 1 || got["TestTwo"] != 2 {
		t.Errorf("got %v", got)
	}
	if got := j.missing([]string{"TestOne", "TestNew", "TestTwo"}); !slices.Equal(got, []string{"TestNew"}) {
		t.Errorf("%q have not been run", got)
	}
	if got := open("tree", "other").times(); len(got) > 0 {
		t.Errorf("the times of other tests are taken: %v", got)
	}
}

func TestRunInTurns(t *testing.T) {
	var told []string
	busy := false
	build := func(m Mutant, tree string) candidate {
		if busy || tree != kernel.MutantTree(0) {
			t.Errorf("%s is built in %s beside another", m.Name, tree)
		}
		busy = true
		return candidate{mutant: m}
	}
	test := func(c candidate) Result { busy = false; return Result{Mutant: c.mutant} }
	err := run(t.Context(), some(3), 0, build, test, func(r Result) { told = append(told, r.Mutant.Name) })
	if err != nil || !slices.Equal(told, []string{"0", "1", "2"}) {
		t.Errorf("told of %q, %v", told, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, some(3), 0, build, test, func(Result) { t.Error("told after the end") }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// The tests are part of what a survivor has survived.
func TestHashOfCode(t *testing.T) {
	dir := t.TempDir()
	hash := func() string {
		h, err := hashOfCode(dir)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a.go", "one")
	one := hash()
	write("note.txt", strings.Repeat("x", 3))
	if hash() != one {
		t.Error("a file that is not compiled counts")
	}
	write("a.go", "two")
	if hash() == one {
		t.Error("an edit does not count")
	}
}
