package main

import (
	"errors"
	"strings"
	"testing"

	"gpc/harness/bench"
)

func TestBenchRefusesWrongFlags(t *testing.T) {
	for _, tt := range []struct {
		flags benchFlags
		want  string
	}{
		{benchFlags{arch: "sparc"}, "choose one of"},
		{benchFlags{scenario: "("}, "--scenario"},
		{benchFlags{against: "release"}, "--against needs --kernel"},
		{benchFlags{kernelFlags: kernelFlags{kernel: "/x", series: "y"}}, "/x is taken as it is"},
		{benchFlags{kernelFlags: kernelFlags{kernel: "release"}, against: "release"}, "against itself"},
		{benchFlags{kernelFlags: kernelFlags{kernel: "release"}, compare: "x"}, "--compare is for the series"},
		{benchFlags{scenario: "nonesuch"}, "no scenario matches"},
		{benchFlags{kinds: []string{"functions", "nonesuch"}}, "--only nonesuch"},
		{benchFlags{kernelFlags: kernelFlags{kernel: "release"}, kinds: []string{"scenarios", "sharing"}}, "--only sharing is for the series"},
		{benchFlags{keep: true}, "--keep needs --json"},
	} {
		err := runBench(t.Context(), t.Output(), tt.flags)
		var exit exitError
		if !errors.As(err, &exit) || exit.status != statusUsage || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q and exit status %d", tt.flags, err, tt.want, statusUsage)
		}
	}
}

// A result that is not there is nothing to compare with, whatever the kernel is like.
func TestBenchWithoutItsFile(t *testing.T) {
	if err := runBench(t.Context(), t.Output(), benchFlags{compare: "/nonexistent"}); statusOf(err) != statusNotTested || !strings.Contains(err.Error(), "/nonexistent") {
		t.Errorf("%v: want exit status %d", err, statusNotTested)
	}
}

func TestSameDigits(t *testing.T) {
	if err := sameDigits(nil); err != nil {
		t.Errorf("%v where nothing differs", err)
	}
	err := sameDigits([]bench.Drift{{Label: "fork@unmounted", Kernel: "release", First: 1000, Second: 1002.5}})
	if statusOf(err) != statusNotTested ||
		!strings.Contains(err.Error(), "fork@unmounted in release: 1000.00 in one run, 1002.50 in the other (+2.50)") {
		t.Errorf("got %v", err)
	}
}

func TestWriteComparisonStatus(t *testing.T) {
	for _, tt := range []struct {
		name    string
		after   float64
		differs []string
		want    int
	}{
		{"a little dearer", 1030, nil, 0},
		{"dearer", 1031, nil, 1},
		{"dearer with another compiler", 1031, []string{"compiler: 2, was 1"}, 0},
	} {
		change := bench.Change{Machine: "x86_64", Name: "fork@unmounted", Before: 1000, After: tt.after}
		err := writeComparison(t.Output(), []bench.Comparison{{Machine: "x86_64", Differs: tt.differs, Changes: []bench.Change{change}}})
		var exit exitError
		errors.As(err, &exit)
		if exit.status != tt.want {
			t.Errorf("%s: %v, want exit status %d", tt.name, err, tt.want)
		}
	}
}
