package regress

import (
	"slices"
	"testing"

	"gpc/harness/kernel"
	"gpc/harness/machine"
)

func TestTests(t *testing.T) {
	lab, err := kernel.OpenLab()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		flavor  kernel.Flavor
		pattern string
		has     string
		lacks   string
	}{
		{"debug", "", "TestSubsysMountAll", "TestMain"},
		{"release", "", "TestMountMagic", "TestSubsysMountAll"},
		{"release", "^TestMount", "TestMountMagic", "TestRename"},
		{"debug", "^TestMountBadOptions$/none", "TestMountBadOptions", "TestMountMagic"},
		{"debug", "NoSuchTest", "", "TestMountMagic"},
	}
	for _, m := range machine.All() {
		for _, tt := range tests {
			names, err := Tests(lab.Root(), m, tt.flavor, tt.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if tt.has != "" && !slices.Contains(names, tt.has) || slices.Contains(names, tt.lacks) {
				t.Errorf("%s %s %q: got %v, want %q and not %q", m.Name, tt.flavor, tt.pattern, names, tt.has, tt.lacks)
			}
		}
	}
	if _, err := Tests(lab.Root(), machine.All()[0], "debug", "("); err == nil {
		t.Error("a pattern that is no regular expression was accepted")
	}
}
