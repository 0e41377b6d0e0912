package containerfs

import (
	"reflect"
	"strings"
	"testing"
)

func TestOptionsString(t *testing.T) {
	tests := []struct {
		options Options
		want    string
	}{
		{Options{}, "all"},
		{Options{Subsystems: []string{"a", "b"}}, "a,b"},
		{Options{None: true, Name: "jobs"}, "none,name=jobs"},
		{Options{Name: "x", NoPrefix: true, ReleaseAgent: "/bin/x"}, "all,name=x,noprefix,release_agent=/bin/x"},
		{Options{Subsystems: []string{"cpuset"}, NoPrefix: true, NoCloneChildren: true}, "cpuset,noprefix,clone_children=0"},
	}
	for _, tt := range tests {
		if got := tt.options.String(); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.options, got, tt.want)
		}
		if got := ParseOptions(tt.want); !reflect.DeepEqual(got, tt.options) {
			t.Errorf("%q: parsed to %+v, want %+v", tt.want, got, tt.options)
		}
	}
}

func TestParseIDs(t *testing.T) {
	tests := []struct {
		text string
		want []int
		ok   bool
	}{
		{"", nil, true},
		{"1\n20\n", []int{1, 20}, true},
		{"1\n\n2\n", nil, false},
		{"x\n", nil, false},
	}
	for _, tt := range tests {
		got, err := parseIDs(tt.text)
		if (err == nil) != tt.ok || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: got %v, %v", tt.text, got, err)
		}
	}
}

func TestParseMounts(t *testing.T) {
	text := "21 1 0:19 / / rw - rootfs rootfs rw\n" +
		`30 21 0:25 / /mnt/a\040b rw,relatime shared:7 - container my\040jobs rw,none,name=jobs,release_agent=/bin/x\054y\134z` + "\n" +
		"31 21 0:26 / /dev/container rw,nosuid - container all rw,debug_a,debug_b,noprefix\n" +
		"32 21 0:26 /a/b /srv/part ro - container all rw,debug_a,debug_b,noprefix\n" +
		"33 21 0:27 / /dev/cpuset rw - cpuset none rw,cpuset,noprefix\n"
	pair := Options{Subsystems: []string{"debug_a", "debug_b"}, NoPrefix: true}
	want := []MountPoint{
		{Source: "my jobs", Dir: "/mnt/a b", Root: "/", Flags: []string{"rw", "relatime"},
			Options: Options{None: true, Name: "jobs", ReleaseAgent: `/bin/x,y\z`}},
		{Source: "all", Dir: "/dev/container", Root: "/", Flags: []string{"rw", "nosuid"}, Options: pair},
		{Source: "all", Dir: "/srv/part", Root: "/a/b", Flags: []string{"ro"}, Options: pair},
		{Source: "none", Dir: "/dev/cpuset", Root: "/", Flags: []string{"rw"}, Options: Options{Subsystems: []string{"cpuset"}, NoPrefix: true}},
	}
	got, err := parseMounts(strings.NewReader(text))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestParseStatus(t *testing.T) {
	text := "Hierarchies:\n1: containers=3 tasks=70 subsystems=debug_a,debug_b name=\n2: containers=1 tasks=70 subsystems= name=jobs\n" +
		"Subsystems:\n0: name=debug_a hierarchy=1 containers=3 active=1\n1: name=ns hierarchy=0 containers=1 active=0\n"
	want := Status{
		Hierarchies: []HierarchyStatus{
			{ID: 1, Containers: 3, Tasks: 70, Subsystems: []string{"debug_a", "debug_b"}},
			{ID: 2, Containers: 1, Tasks: 70, Name: "jobs"},
		},
		Subsystems: []SubsystemStatus{
			{ID: 0, Name: "debug_a", Hierarchy: 1, Containers: 3, Active: true},
			{ID: 1, Name: "ns", Hierarchy: 0, Containers: 1},
		},
	}
	got, err := ParseStatus(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestParseStatusErrors(t *testing.T) {
	for _, text := range []string{
		"1: containers=1 tasks=1\n",
		"Hierarchies:\nnonsense\n",
		"Hierarchies:\nx: containers=1 tasks=1\n",
		"Hierarchies:\n1: containers=1 tasks\n",
		"Hierarchies:\n1: containers=1\n",
		"Subsystems:\n1: name=a hierarchy=0 containers=1 active=yes\n",
	} {
		if s, err := ParseStatus(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, s)
		}
	}
}

func TestParseMembership(t *testing.T) {
	text := "debug_a,debug_b:/\nname=jobs:/a:b/c d\nns:/gone (deleted)\n"
	want := []Membership{
		{Subsystems: []string{"debug_a", "debug_b"}, Path: "/"},
		{Name: "jobs", Path: "/a:b/c d"},
		{Subsystems: []string{"ns"}, Path: "/gone", Deleted: true},
	}
	got, err := parseMembership(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	for _, bad := range []string{"nocolon\n", "a:relative\n"} {
		if _, err := parseMembership(bad); err == nil {
			t.Errorf("%q: want an error", bad)
		}
	}
}

func TestUnescape(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain", "plain"}, {`a\040b`, "a b"}, {`\134`, `\`}, {`short\04`, `short\04`}, {`\999`, `\999`}, {`end\`, `end\`},
	}
	for _, tt := range tests {
		if got := unescape(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestContainerPaths(t *testing.T) {
	h := Hierarchy{Dir: "/mnt"}
	tests := []struct {
		c         Container
		path, dir string
	}{
		{h.Root(), "/", "/mnt"},
		{h.Root().Child("a"), "/a", "/mnt/a"},
		{h.Container("a/b/"), "/a/b", "/mnt/a/b"},
		{h.Container("/a").Child("c"), "/a/c", "/mnt/a/c"},
		{h.Container("/a/../b"), "/b", "/mnt/b"},
		{h.Container("/a/.."), "/", "/mnt"},
	}
	for _, tt := range tests {
		if tt.c.Path != tt.path || tt.c.Dir() != tt.dir {
			t.Errorf("got %q %q, want %q %q", tt.c.Path, tt.c.Dir(), tt.path, tt.dir)
		}
	}
}
