package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
)

func TestFuzzJob(t *testing.T) {
	tests := []struct {
		flags fuzzFlags
		test  string
		env   string // must be in it
	}{
		{fuzzFlags{seed: 7, steps: 100, workers: 1}, "^TestFuzz$", "GPC_FUZZ_SEED=7"},
		{fuzzFlags{seed: 7, steps: 100, workers: 4}, "^TestFuzzWorkers$", "GPC_FUZZ_WORKERS=4"},
		{fuzzFlags{steps: 100, workers: 1, sequence: "mount 0 none,name=x"}, "^TestFuzz$", "GPC_FUZZ_SEQUENCE=mount 0 none,name=x"},
	}
	for _, tt := range tests {
		test, env, err := fuzzJob(tt.flags)
		if err != nil || test != tt.test || !slices.Contains(env, tt.env) {
			t.Errorf("%+v: got %s, %v, %v", tt.flags, test, env, err)
		}
	}
}

func TestFuzzUsage(t *testing.T) {
	good := fuzzFlags{arch: "x86_64", flavor: "release", steps: 1, workers: 1}
	for name, change := range map[string]func(*fuzzFlags){
		"no steps":            func(f *fuzzFlags) { f.steps = 0 },
		"too many steps":      func(f *fuzzFlags) { f.steps = 1e10 },
		"no workers":          func(f *fuzzFlags) { f.workers = 0 },
		"too many workers":    func(f *fuzzFlags) { f.workers = 17 },
		"a step that is none": func(f *fuzzFlags) { f.sequence = "fly" },
		"a sequence for two":  func(f *fuzzFlags) { f.sequence, f.workers = "umount 0", 2 },
		"no architecture":     func(f *fuzzFlags) { f.arch = "vax" },
		"no flavor":           func(f *fuzzFlags) { f.flavor = "vanilla" },
	} {
		flags := good
		change(&flags)
		var exit exitError
		if err := runFuzz(context.Background(), io.Discard, flags); !errors.As(err, &exit) || exit.status != statusUsage {
			t.Errorf("%s: got %v, want a usage error", name, err)
		}
	}
}
