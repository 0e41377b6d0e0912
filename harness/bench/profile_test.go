package bench

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gpc/harness/kernel"
	"gpc/harness/symbols"
)

func TestReadSections(t *testing.T) {
	write := func(blocks ...block) *bytes.Buffer {
		var b bytes.Buffer
		for _, bl := range blocks {
			if err := binary.Write(&b, binary.NativeEndian, bl); err != nil {
				t.Fatal(err)
			}
		}
		return &b
	}
	first, second := block{0x1000, 7, 0, 2}, block{0x1010, 1, 3, 0}
	got, err := readSections[block](write(first, second, block{}, block{}, second, block{}))
	if want := [][]block{{first, second}, nil, {second}}; err != nil || !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for name, file := range map[string]*bytes.Buffer{
		"an empty file":               write(),
		"a section without an end":    write(first, block{}, second),
		"a file that is torn":         bytes.NewBuffer(write(first, block{}).Bytes()[:30]),
		"a file that is torn at last": bytes.NewBuffer(write(first, block{}, second).Bytes()[:70]),
	} {
		if got, err := readSections[block](file); err == nil {
			t.Errorf("%s passed for %v", name, got)
		}
	}
}

func TestCountFunctions(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "System.map"), []byte("1000 T first\n1100 t second\n1200 W first\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	functions, err := symbols.Read(&kernel.Image{Symbols: filepath.Join(dir, "System.map")})
	if err != nil {
		t.Fatal(err)
	}
	got := countByFunction(functions, []block{{0x10, 5, 0, 5}, {0x1000, 2, 1, 4}, {0x10ff, 1, 0, 1}, {0x1100, 1, 0, 10}, {0x9000, 100, 0, 1}, {0x1104, 3, 0, 0}})
	want := map[string]int64{userSpace: 25, "first": 107, "second": 10}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for name, count := range want {
		if got[name] != count {
			t.Errorf("%s: %d instructions, want %d", name, got[name], count)
		}
	}
}

func TestProfileTable(t *testing.T) {
	counts := func(vanilla, release, cgroup float64) map[string]float64 {
		return map[string]float64{vanillaKernel: vanilla, ourKernel: release, peerKernel: cgroup}
	}
	p := Profile{Machine: "m", Scenario: "s", Kernels: usualNames(), Functions: []Function{
		{"never", counts(0, 0, 0.04)}, {"same", counts(100, 100, 100)}, {"dearer", counts(10, 12, 10)}, {"cheaper", counts(50, 40, 50)}, {"peer", counts(0, 0, 30)}}}
	names := func(match string, most int) string {
		var b strings.Builder
		if err := p.WriteTable(&b, regexp.MustCompile(match), most); err != nil {
			t.Fatal(err)
		}
		var all []string
		for line := range strings.Lines(b.String()) {
			all = append(all, strings.Fields(line)[0])
		}
		return strings.Join(all[2:], " ") // after the header
	}
	for _, test := range []struct {
		match string
		most  int
		want  string
	}{{"", 9, "peer cheaper dearer same sum"}, {"", 2, "peer cheaper sum"}, {"^[ds]", 9, "dearer same sum"}} {
		if got := names(test.match, test.most); got != test.want {
			t.Errorf("%q, %d: got %q, want %q", test.match, test.most, got, test.want)
		}
	}
	var b strings.Builder
	if err := p.WriteTable(&b, regexp.MustCompile("^[ds]"), 1); err != nil {
		t.Fatal(err)
	}
	if sum := b.String()[strings.LastIndex(b.String(), "sum"):]; !strings.Contains(sum, "110.0") || !strings.Contains(sum, "+2.0") {
		t.Errorf("the sum is not that of all functions that match: %s", sum)
	}
}
