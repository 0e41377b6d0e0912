package bench

import (
	"errors"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

func TestParse(t *testing.T) {
	m, err := parse("\nstate unmounted\nrun fork@unmounted 100 720 500 300\nstate trio/1 cpuset,cpuacct none,name=h2\nrun fork@trio/1 10 90 70\nend\n")
	if err != nil {
		t.Fatal(err)
	}
	want := measurement{
		order: []string{"fork@unmounted", "fork@trio/1"},
		costs: map[string]Cost{
			"fork@unmounted": {Operations: 100, Elapsed: 720, Batches: []int64{500, 300}},
			"fork@trio/1":    {Operations: 10, Elapsed: 90, Batches: []int64{70}},
		},
		subsystems: map[string][]string{"unmounted": {}, "trio/1": {"cpuset,cpuacct", "none,name=h2"}},
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v, want %+v", m, want)
	}
}

func TestAddMeasurement(t *testing.T) {
	all := newMeasurement()
	for _, text := range []string{"state a\nrun fork@a 1 5 5\nend\n", "state b cpuset\nrun cpus@b 1 6 6\nend\n"} {
		m, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all.add(m)
	}
	want := measurement{
		order: []string{"fork@a", "cpus@b"},
		costs: map[string]Cost{
			"fork@a": {Operations: 1, Elapsed: 5, Batches: []int64{5}},
			"cpus@b": {Operations: 1, Elapsed: 6, Batches: []int64{6}},
		},
		subsystems: map[string][]string{"a": {}, "b": {"cpuset"}},
	}
	if !reflect.DeepEqual(all, want) {
		t.Errorf("got %+v, want %+v", all, want)
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "cut off"},
		{"state unmounted\nrun fork@unmounted 100 5 5\n", "cut off after 2 lines"},
		{"run a 1 5 5\nrun a 1 5 5\nend\n", "measured a twice"},
		{"run a 0 5 5\nend\n", "0 operations"},
		{"run a 1 5 x\nend\n", `parsing "x"`},
		{"run a 1 5\nend\n", "is the guest's /init the workload?"},
		{"hello\nend\n", "is the guest's /init the workload?"},
		{"failed a@b clone\nerror 7 run 11\n", "line 7 of the workload's plan failed: run a@b: clone: resource temporarily unavailable"},
		{"error 3 mount 16\n", "line 3 of the workload's plan failed: mount: device or resource busy"},
		{"error 3 mount never\n", "never"},
	} {
		if _, err := parse(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q in it", tt.text, err, tt.want)
		}
	}
	if _, err := parse("error 3 mount 16\n"); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("%v is not EBUSY", err)
	}
}
