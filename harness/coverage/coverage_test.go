package coverage

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// archive makes a tar archive of files, by name and content.
func archive(t *testing.T, files ...[2]string) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f[0], Mode: 0o644, Size: int64(len(f[1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestUnpack(t *testing.T) {
	objects, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(objects, "x.gcno"), []byte("notes"), 0o644); err != nil {
		t.Fatal(err)
	}
	here := strings.TrimPrefix(objects, "/")
	if err := unpack(objects, archive(t, [2]string{here + "/x.gcda", "data"}), dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"x.gcda": "data", "x.gcno": "notes"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, counts := range map[string]*bytes.Buffer{
		"nothing":               archive(t),
		"of another build":      archive(t, [2]string{"elsewhere/x.gcda", "data"}),
		"that leaves the place": archive(t, [2]string{here + "/../x.gcda", "data"}),
		"without notes":         archive(t, [2]string{here + "/y.gcda", "data"}),
		"cut off":               bytes.NewBuffer(archive(t, [2]string{here + "/x.gcda", "data"}).Bytes()[:514]),
	} {
		if err := unpack(objects, counts, dir); err == nil {
			t.Errorf("counts %s: no error", name)
		}
	}
}

const written = `{"files": [
 {"file": "kernel/container/b.c", "lines": [
  {"line_number": 2, "count": 3, "gcovr/noncode": false, "branches": [{"count": 3}, {"count": 0}]},
  {"line_number": 3, "count": 0, "gcovr/noncode": true, "branches": []},
  {"line_number": 5, "count": 0, "gcovr/noncode": false, "branches": [{"count": 0}, {"count": 0}]},
  {"line_number": 6, "count": 0, "gcovr/noncode": false, "branches": []}]},
 {"file": "kernel/container/a.c", "lines": [{"line_number": 1, "count": 1, "gcovr/noncode": false, "branches": []}]}
]}`

func report(t *testing.T) *Report {
	t.Helper()
	r, err := read([]byte(written), fstest.MapFS{
		"kernel/container/a.c": {Data: []byte("one\n")},
		"kernel/container/b.c": {Data: []byte("int f(void)\n\ttwo\n\tthree\nstatic void g(int a,\n\tif (a | b)\n\t\tsix;\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRead(t *testing.T) {
	r := report(t)
	if len(r.Files) != 2 || r.Files[0].Name != "kernel/container/a.c" {
		t.Fatalf("got %+v", r.Files)
	}
	b := r.Files[1]
	if b.Lines != (Share{1, 3}) || b.Branches != (Share{1, 4}) {
		t.Errorf("lines %v, branches %v", b.Lines, b.Branches)
	}
	if !slices.Equal(b.Ran, []Line{{2, "f", "two"}}) || !slices.Equal(b.Never, []Line{{5, "g", "if (a | b)"}, {6, "g", "six;"}}) {
		t.Errorf("ran %v, never %v", b.Ran, b.Never)
	}
	if lines, branches := r.Total(); lines != (Share{2, 4}) || branches != (Share{1, 4}) || lines.Percent() != 50 {
		t.Errorf("in all lines %v, branches %v", lines, branches)
	}
	var table strings.Builder
	if err := r.Table(&table); err != nil || !strings.Contains(table.String(), "33.3 %") || !strings.Contains(table.String(), "kernel/container/b.c") {
		t.Errorf("%v, table\n%s", err, table.String())
	}
	if _, err := read([]byte("no"), nil); err == nil {
		t.Error("nonsense was read")
	}
}

func TestExplained(t *testing.T) {
	r := report(t)
	const row = "| `b.c` | `g` | `if (a \\| b)` | there is no b |\n"
	for _, tt := range []struct {
		name, document string
		left           []int // numbers of lines
		idle           int
	}{
		{"nothing", "", []int{5, 6}, 0},
		{"a line", row, []int{6}, 0},
		{"without a reason", "| `b.c` | `g` | `six;` |  |\n", []int{5, 6}, 0},
		{"a function", "| `b.c` | `g` | `...` | why |\n", nil, 0},
		{"other files", "| `a.c` | `g` | `six;` | why |\n" + row, []int{6}, 1},
	} {
		e := ReadExplained(tt.document)
		var left []int
		for _, f := range e.Unexplained(r) {
			for _, l := range f.Never {
				left = append(left, l.Number)
			}
		}
		if !slices.Equal(left, tt.left) || len(e.Idle()) != tt.idle {
			t.Errorf("%s: left %v, idle %v", tt.name, left, e.Idle())
		}
	}
}

func TestFunctionAt(t *testing.T) {
	texts := strings.Split(`static DEFINE_MUTEX(m);
static __always_inline struct set *
lock(struct task *task)
	__acquires(set->lock)
{
	one();
}
static const struct ops ops = {
	.f = f,
};

void __init
start(void)
{
out:
	two(
	    3);
}`, "\n")
	for number, want := range map[int]string{1: "", 3: "lock", 6: "lock", 14: "start", 17: "start"} {
		if got := functionAt(texts, number); got != want {
			t.Errorf("line %d is in %q, want %q", number, got, want)
		}
	}
}

func TestHidden(t *testing.T) {
	for text, want := range map[string]bool{
		"if (a | b)":                                         false,
		"for_each_subsys_in(ss, id, mask)":                   true,
		"WARN_ON_ONCE(!cont->busy);":                         true,
		"} while (!atomic64_try_cmpxchg(&nt->rate, &o, n));": true,
		"seq = read_seqcount_begin(&ctl->seq);":              true,
		"if (container_for_each(cont))":                      false,
	} {
		if got := hidden("kernel/container/dir.c", text); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if !hidden(copied, "if (a)") {
		t.Errorf("branches of copies in %s are counted", copied)
	}
}
