package models

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// where has the project's models.
const where = "../../kernel-patches/models"

const small = `/*
 * Two of something.
 *
 *   1  Nothing happens.
 *   2  Something happens.
 *
 *   -DBREAK       2  a step is left out
 *   -DWRONG=2     1  a step is taken twice
 */
#ifndef SCENE
#define SCENE 1
#endif
#if SCENE == 2 && defined(BREAK)
#elif WRONG == 2
#endif
`

func TestParse(t *testing.T) {
	m, err := parse(small)
	if err != nil {
		t.Fatal(err)
	}
	want := []Search{
		{Scene: "1", Subject: "Nothing happens."},
		{Scene: "2", Subject: "Something happens."},
		{Scene: "2", Switch: "-DBREAK", Subject: "a step is left out"},
		{Scene: "1", Switch: "-DWRONG=2", Subject: "a step is taken twice"},
	}
	if len(m.Searches) != len(want) {
		t.Fatalf("got %d searches, want %d", len(m.Searches), len(want))
	}
	for i, s := range m.Searches {
		if s != want[i] {
			t.Errorf("search %d: got %+v, want %+v", i, s, want[i])
		}
	}
	if got := (Search{Model: "m", Scene: "2", Switch: "-DBREAK"}).Name(); got != "m/2/BREAK" {
		t.Errorf("name: got %q", got)
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ old, new, want string }{
		{"/*\n", "", "does not begin with a comment"},
		{"   2  Something", "   1  Something", "listed twice"},
		{"-DBREAK       2", "-DBREAK       3", "scene 3, which is not listed"},
		{" *   -DBREAK       2  a step is left out\n", "", "asks for BREAK"},
		{" && defined(BREAK)", "", "nothing in the model asks for it"},
		{" *   -D", " *   ", "no switch"},
	}
	for _, tt := range tests {
		n := 1
		if tt.want == "no switch" {
			n = -1
		}
		_, err := parse(strings.Replace(small, tt.old, tt.new, n))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q for %q: got %v, want an error with %q", tt.new, tt.old, err, tt.want)
		}
	}
}

// end is what every search prints when it is over.
const end = `
Depth=     469 States=    1e+06 Transitions= 1.39e+06 Memory=   180.683	t=     3.27 R=   3e+05
State-vector 84 byte, depth reached 145, errors: 0
     1982 states, stored
    0.120	memory usage for states
  128.730	total actual memory usage
`

func TestJudge(t *testing.T) {
	found := "pan:1: assertion violated (a==b) (at depth 9)\nWarning: Search not completed\n" + strings.Replace(end, "errors: 0", "errors: 1", 1)
	stuck := strings.Replace(found, "assertion violated (a==b)", "invalid end state", 1)
	deep := "error: max search depth too small\n" + end
	full := "pan: reached -DMEMLIM bound\n\tmemory bound of 3500 MB\nWarning: Search not completed\n" + end
	tests := []struct {
		output, option string
		want           Verdict
		reason         string
	}{
		{end, "", Holds, "1982 states"},
		{end, "-DBREAK", Missed, "no error in 1982 states"},
		{found, "-DBREAK", Found, "assertion violated (a==b) (at depth 9)"},
		{found, "", Wrong, "assertion violated (a==b) (at depth 9)"},
		{stuck, "", Wrong, "invalid end state (at depth 9)"},
		{deep, "", Failed, "not exhaustive"},
		{deep, "-DBREAK", Failed, "not exhaustive"},
		{full, "", Failed, "not exhaustive"},
		{"Killed", "-DBREAK", Failed, "did not come to its end"},
	}
	for _, tt := range tests {
		verdict, reason := judge(Search{Switch: tt.option}, tt.output)
		if verdict != tt.want || !strings.Contains(reason, tt.reason) {
			t.Errorf("%q with %q: got %s, %q; want %s, %q", tt.output, tt.option, verdict, reason, tt.want, tt.reason)
		}
	}
}

func TestModelsAreDescribed(t *testing.T) {
	all, err := Load(where)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(where, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if !strings.Contains(string(readme), "`"+m.Name+".pml`") {
			t.Errorf("README.md does not tell of %s.pml", m.Name)
		}
	}
}

func TestLitmusTestsHaveTheirForm(t *testing.T) {
	all, err := LoadLitmus(where)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("there is none")
	}
	readme, err := os.ReadFile(filepath.Join(where, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		if !strings.Contains(string(readme), "`"+l.Name+".litmus`") {
			t.Errorf("README.md does not tell of %s.litmus", l.Name)
		}
	}
}

func TestParseLitmusErrors(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(where, "kthread-unready.litmus"))
	if err != nil {
		t.Fatal(err)
	}
	if l, err := ParseLitmus(string(text)); err != nil || l.Name != "kthread-unready" || l.Result != "Never" {
		t.Fatalf("got %+v, %v", l, err)
	}
	tests := []struct{ old, new, want string }{
		{"C kthread-unready\n", "", "it is not a name"},
		{"Result: Never", "Result: Seldom", "no line 'Result"},
		{"P1(", "P3(", "P1: it has not the form"},
		{"int *woken)\n{\n\tWRITE", "int woken)\n{\n\tWRITE", `"int woken" is no pointer`},
		{"smp_rmb();", "smp_rmbs();", "smp_rmbs is not known"},
		{"smp_rmb();", "rmb;", "no statement"},
		{"r1 = READ_ONCE(*bound)", "r1 = READ_ONCE(bound)", `argument "bound"`},
		{"r1 = READ_ONCE(*bound)", "r1 = READ_ONCE(*woken)", `argument "*woken"`},
		{"r1 = READ_ONCE(*bound)", "READ_ONCE(*bound)", "must be assigned"},
		{"r1 = READ_ONCE(*bound)", "r7 = READ_ONCE(*bound)", "r7 is not declared"},
		{"smp_load_acquire(woken)", "smp_load_acquire(woken, 1)", "takes 1 arguments"},
		{"WRITE_ONCE(*bound, 1)", "WRITE_ONCE(*bound, r0)", `argument "r0"`},
		{"unready=1;", "ready=1;", "no initial value"},
		{"2:r1=0)", "2:r2=0)", "no value of a process's register"},
		{"1:r0=1", "3:r0=1", "no value of a process's register"},
	}
	for _, tt := range tests {
		if !strings.Contains(string(text), tt.old) {
			t.Errorf("the test has no %q", tt.old)
		}
		_, err := ParseLitmus(strings.Replace(string(text), tt.old, tt.new, 1))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q for %q: got %v, want an error with %q", tt.new, tt.old, err, tt.want)
		}
	}
}
