package bench

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gpc/harness/kernel"
)

func TestContests(t *testing.T) {
	usual := Usual(kernel.Spec{Series: "s", Config: []string{"c"}})
	if !slices.Equal(usual.names(), []string{"vanilla", "release", "cgroup"}) {
		t.Errorf("usually %v are measured", usual.names())
	}
	for _, c := range usual {
		if (c.Spec.Series == "s") != (c.Name == "release") || !slices.Equal(c.Spec.Config, []string{"c"}) {
			t.Errorf("%s is %+v", c.Name, c.Spec)
		}
	}
	pair := Pair(Contestant{Name: "/new", Spec: kernel.Spec{Given: "/new"}}, Contestant{Name: "/old", Spec: kernel.Spec{Given: "/old"}})
	if !slices.Equal(pair.names(), []string{"/old", "/new"}) {
		t.Errorf("of a pair %v are measured", pair.names())
	}
}

func TestHierarchies(t *testing.T) {
	for config, want := range map[string]string{
		"CONFIG_CONTAINERS=y\n":                     "container",
		"CONFIG_CGROUPS=y\n":                        "cgroup",
		"CONFIG_CONTAINERS=y\nCONFIG_CGROUPS=y\n":   "container",
		"# CONFIG_CGROUPS is not set\nCONFIG_A=y\n": "",
	} {
		path := filepath.Join(t.TempDir(), ".config")
		if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := hierarchies(&kernel.Image{Config: path}); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", config, got, err, want)
		}
	}
	if got, err := hierarchies(&kernel.Image{}); err != nil || got != "" {
		t.Errorf("with nothing known: %q, %v", got, err)
	}
}

// A pair has no third kernel to be compared with, and no kernel of a known name.
func TestPairTable(t *testing.T) {
	r := Result{Machine: "x86_64", Kernels: []string{"/old", "/new"}, Scenarios: []Scenario{
		{"fork@unmounted", map[string]Cost{"/old": cost(1000), "/new": cost(1010)}},
		{"move@named/1", map[string]Cost{"/new": cost(50)}},
		{"mkdir@named/1", map[string]Cost{"/old": cost(70)}},
	}}
	r.prune()
	var table strings.Builder
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(table.String(), "│", "")), " ")
	for _, want := range []string{"x86_64 /old /new /new above spread", "fork@unmounted 1000 1010 +10", "move@named/1 - 50 -"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, &table)
		}
	}
	if strings.Contains(text, "mkdir") {
		t.Errorf("what the measured kernel cannot do is in\n%s", &table)
	}
	chart := filepath.Join(t.TempDir(), "pair.svg")
	if err := (&Report{Machines: []Result{r}}).WriteChart(chart); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(chart)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Instructions above old", ">new<", "fork@unmounted"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("no %q in the chart", want)
		}
	}
}

func TestShortNames(t *testing.T) {
	for _, tt := range []struct{ names, want []string }{
		{[]string{"vanilla", "release"}, []string{"vanilla", "release"}},
		{[]string{"/home/me/linux/old", "../new/"}, []string{"old", "new"}},
		{[]string{"/old/bzImage", "/new/bzImage"}, []string{"/old/bzImage", "/new/bzImage"}},
	} {
		if got := shortNames(tt.names); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q", tt.names, got)
		}
	}
}
