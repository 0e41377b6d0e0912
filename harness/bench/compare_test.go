package bench

import (
	"strings"
	"testing"
)

func TestDearer(t *testing.T) {
	for _, tt := range []struct {
		before, after, spread float64
		want                  bool
	}{
		{1000, 1000, 0, false},
		{1000, 1030, 0, false},  // thirty are tolerated
		{1000, 1030.5, 0, true}, // more are not
		{1000, 500, 0, false},
		{100000, 100100, 0, false}, // a thousandth is more than thirty here
		{100000, 100101, 0, true},
		{1000, 1100, 200, false}, // half the spread is more than either
		{1000, 1101, 200, true},
	} {
		if got := (Change{Before: tt.before, After: tt.after, Spread: tt.spread}).Dearer(); got != tt.want {
			t.Errorf("%v after %v: %v, want %v", tt.after, tt.before, got, tt.want)
		}
	}
}

func TestCompare(t *testing.T) {
	before := &Report{Machines: []Result{sample(1050)}}
	for _, tt := range []struct {
		name                     string
		change                   func(*Result)
		changes, differs, dearer int
	}{
		{"the same", func(*Result) {}, 0, 0, 0},
		{"a little dearer", func(r *Result) { *r = sample(1070) }, 1, 0, 0},
		{"dearer", func(r *Result) { *r = sample(1090) }, 1, 0, 1},
		{"cheaper", func(r *Result) { *r = sample(900) }, 1, 0, 0},
		{"another kernel", func(r *Result) { *r = sample(1090); r.Linux = "6.12.2" }, 1, 1, 0},
		{"another compiler", func(r *Result) { *r = sample(1090); r.Compiler = "gcc 2" }, 1, 1, 0},
		{"another emulator", func(r *Result) { *r = sample(1090); r.QEMU = "qemu 2" }, 1, 1, 0},
		{"another workload", func(r *Result) { *r = sample(1090); r.Workload = "x" }, 1, 1, 0},
		{"another configuration", func(r *Result) { *r = sample(1090); r.Configs[vanillaKernel] = "x" }, 1, 1, 0},
		{"another subsystem of ours", func(r *Result) { *r = sample(1090); r.Configs[ourKernel] = "x" }, 1, 0, 1},
		{"a new scenario", func(r *Result) { r.Scenarios[1].Name = "new" }, 0, 0, 0},
	} {
		now := sample(1050)
		tt.change(&now)
		got := Compare(before, &Report{Machines: []Result{now}})
		if len(got) != 1 || len(got[0].Changes) != tt.changes || len(got[0].Differs) != tt.differs || len(got[0].Dearer()) != tt.dearer {
			t.Errorf("%s: got %+v, want %d changes, %d conditions, %d dearer", tt.name, got, tt.changes, tt.differs, tt.dearer)
		}
	}
}

func TestCompareOtherMachine(t *testing.T) {
	other := sample(2000)
	other.Machine = "ppc64"
	if got := Compare(&Report{Machines: []Result{sample(1050)}}, &Report{Machines: []Result{other}}); len(got) != 0 {
		t.Errorf("got %+v of a machine that was not measured before", got)
	}
}

func TestWriteComparison(t *testing.T) {
	c := Comparison{Machine: "x86_64", Changes: []Change{{"x86_64", "fork@unmounted", 1000, 1090, 9}, {"x86_64", "open@bc/1", 1000, 990, 9}}}
	var b strings.Builder
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	said := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{"fork@unmounted │ 1000 │ 1090 │ +90 │ dearer", "open@bc/1 │ 1000 │ 990 │ -10 │"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	if strings.Count(said, "dearer") != 1 {
		t.Errorf("one scenario is dearer:\n%s", &b)
	}
	c.Differs = []string{"compiler: 2, was 1"}
	b.Reset()
	if err := c.Write(&b); err != nil || !strings.Contains(b.String(), "not to be compared, another compiler: 2, was 1") {
		t.Errorf("%v:\n%s", err, &b)
	}
	b.Reset()
	if err := (Comparison{Machine: "x86_64"}).Write(&b); err != nil || b.String() != "x86_64: nothing has changed\n" {
		t.Errorf("%v: %q", err, &b)
	}
}
