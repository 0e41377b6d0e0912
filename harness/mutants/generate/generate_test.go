package generate

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const series = "../../../kernel-patches/files"

// In each snippet, the body of a function, these and no other mutants are to be made, as String shows them without the file and the line.
func TestMutants(t *testing.T) {
	tests := []struct {
		body string
		want []string
	}{
		{"foo(x);", []string{"statement: foo(x) -> nothing"}},
		{"foo(a,\n\t    b);", []string{"statement: foo(a, b) -> nothing"}},
		{"a->b[i].c = 1;", []string{"statement: a->b[i].c = 1 -> nothing"}},
		{"*p |= 2;", []string{"statement: *p |= 2 -> nothing"}},
		{"n++;\n\t--m;", []string{"statement: n++ -> nothing", "statement: --m -> nothing"}},
		{"goto out;\nout:\n\tfoo();", []string{"statement: goto out -> nothing", "statement: foo() -> nothing"}},
		{"spin_lock_irq(&x->lock);", []string{"unlock: spin_lock_irq(&x->lock) -> nothing"}},
		{"write_seqcount_begin(&x);", []string{"unlock: write_seqcount_begin(&x) -> nothing"}},
		{"rcu_read_unlock();", []string{"unlock: rcu_read_unlock() -> nothing"}},
		{"container_set_put(set);", []string{"unlock: container_set_put(set) -> nothing"}},
		{"if (a)\n\t\tfoo();\n\telse if (!b)\n\t\tbar();", []string{"condition: a -> !(a)", "statement: foo() -> nothing",
			"condition: !b -> !(!b)", "statement: bar() -> nothing"}},
		{"do {\n\t\tfoo();\n\t} while (x);", []string{"statement: foo() -> nothing", "condition: x -> !(x)"}},
		{"if (a && b)\n\t\t++x;", []string{"condition: a && b -> !(a && b)", "logic: && -> ||", "statement: ++x -> nothing"}},
		{"for (i = 0; i < n; i++)\n\t\tx[i] = 0;", []string{"bound: < -> <=", "statement: x[i] = 0 -> nothing"}},
		{"for_each_thing(a, b) {\n\t\tfoo(a);\n\t}", []string{"statement: foo(a) -> nothing"}},
		{"switch (x) {\n\tcase ONE:\n\t\tfoo();\n\t\tbreak;\n\tdefault:\n\t\treturn -EINVAL;\n\t}", []string{"statement: foo() -> nothing",
			"statement: break -> nothing", "return: -EINVAL -> 0"}},
		{"x = a->b >> 2 >= c << 1;", []string{"statement: x = a->b >> 2 >= c << 1 -> nothing", "bound: >= -> >"}},
		{"return n + 1;", []string{"bound: + 1 -> nothing"}},
		{"return ret;", []string{"return: ret -> 0"}},
		{"return true;", []string{"return: true -> false"}},
		{"return PTR_ERR(set);", []string{"return: PTR_ERR(set) -> 0"}},
		{"return a(b) || c;", []string{"logic: || -> &&"}},
		// Nothing is to be had of declarations, assertions, messages, comments, strings and the preprocessor.
		{"struct set *a, *b = NULL;\n\tint ret;", nil},
		{"int ret = foo(a);", nil},
		{"LIST_HEAD(x);\n\tDEFINE_WAIT(y);", nil},
		{"WARN_ON(a && b);\n\tlockdep_assert_held(&x);\n\tmight_sleep();\n\tif (WARN_ON_ONCE(a))\n\t\treturn;", nil},
		{"u64_stats_update_begin(&x);\n\tu64_stats_update_end(&x);", nil}, // not on 64 bits
		{"pr_info(\"a < b; foo();\\n\");", nil},
		{"/* foo(); */\n\t// if (a)\n#define X foo(); \\\n\tbar();\n#ifdef Y\n#endif", nil},
		{"foo(\"} /* \\\" \", '\\'', '{');", []string{`statement: foo("} /* \" ", '\'', '{') -> nothing`}},
	}
	for _, tt := range tests {
		text := "struct s {\n\tint a;\n};\nstatic int t[] = { 1 < 2 };\n\nint f(int a)\n{\n\t" + tt.body + "\n}\n"
		var got []string
		for _, m := range Mutants("f.c", text) {
			_, what, _ := strings.Cut(m.String(), ": ")
			what, _, _ = strings.Cut(what, " in ")
			got = append(got, what)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s\ngot  %q\nwant %q", tt.body, got, tt.want)
		}
	}
}

func TestPlaceOfMutant(t *testing.T) {
	text := "int f(void)\n\t__acquires(x)\n{\n\tif (a &&\n\t    b)\n\t\treturn 1;\n}\n"
	all := Mutants("kernel/container/f.c", text)
	if len(all) != 2 {
		t.Fatalf("got %v", all)
	}
	m := all[1]
	if m.Line != 4 || m.Begins != 4 || m.Text != "if (a &&" || m.Kind != Logic || m.Name() != "container-f.c-36-logic" ||
		m.String() != "kernel/container/f.c:4: logic: && -> || in if (a &&" {
		t.Errorf("got %s, %+v, %s", m, m, m.Name())
	}
}

// files are the series' own.
func files(t *testing.T) map[string]string {
	t.Helper()
	texts, err := Files(series)
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// Each mutant of the series changes one place in the body of a function, leaves brackets balanced, and has a name of its own.
func TestMutantsOfTheSeries(t *testing.T) {
	texts := files(t)
	all := All(texts)
	kinds, names := map[Kind]int{}, map[string]bool{}
	for _, m := range all {
		text := texts[m.File]
		changed := m.Apply(text)
		behind := len(text) - m.Offset - len(m.Old)
		if changed == text || changed[:m.Offset] != text[:m.Offset] || changed[len(changed)-behind:] != text[len(text)-behind:] {
			t.Errorf("%s changes more than its place, or nothing", m)
		}
		code := blank(changed)
		for _, pair := range []string{"()", "{}", "[]"} {
			if strings.Count(code, pair[:1]) != strings.Count(code, pair[1:]) {
				t.Errorf("%s leaves brackets %s that are not balanced", m, pair)
			}
		}
		if names[m.Name()] {
			t.Errorf("two mutants are called %s", m.Name())
		}
		kinds[m.Kind]++
		names[m.Name()] = true
	}
	for _, k := range Kinds() {
		if kinds[k] < 20 {
			t.Errorf("only %d of kind %s: they are not found any more", kinds[k], k)
		}
	}
	t.Log(kinds)
	for _, m := range all {
		if strings.HasSuffix(m.File, "debug.c") || strings.HasSuffix(m.File, "kunit.c") {
			t.Fatalf("%s is no file to make mutants of", m.File)
		}
	}
}

// What a patch makes of a file is what Apply makes of it; git says so.
func TestPatch(t *testing.T) {
	texts := files(t)
	for _, m := range Sample(All(texts), 3, 20) {
		dir := t.TempDir()
		path := filepath.Join(dir, m.File)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(texts[m.File]), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("git", "apply", "--whitespace=nowarn", "-")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(m.Patch(texts[m.File]))
		cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s\n%s", m, err, out, m.Patch(texts[m.File]))
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != m.Apply(texts[m.File]) {
			t.Errorf("%s: the patch makes something else (%v):\n%s", m, err, m.Patch(texts[m.File]))
		}
	}
}

func TestPatchAtTheEdges(t *testing.T) {
	text := "a();\nb(\n  c);\n"
	for _, tt := range []struct {
		m    Mutant
		want string
	}{
		{Mutant{File: "f.c", Line: 1, Old: "a()", Offset: 0}, "--- a/f.c\n+++ b/f.c\n@@ -1,3 +1,3 @@\n-a();\n+;\n b(\n   c);\n"},
		{Mutant{File: "f.c", Line: 2, Old: "b(\n  c)", Offset: 5}, "--- a/f.c\n+++ b/f.c\n@@ -1,3 +1,2 @@\n a();\n-b(\n-  c);\n+;\n"},
	} {
		if got := tt.m.Patch(text); got != tt.want {
			t.Errorf("got\n%swant\n%s", got, tt.want)
		}
	}
}

func TestSample(t *testing.T) {
	all := All(files(t))
	first, again, other := Sample(all, 7, 50), Sample(all, 7, 50), Sample(all, 8, 50)
	if !slices.Equal(first, again) {
		t.Error("the same seed chooses others")
	}
	if slices.Equal(first, other) {
		t.Error("another seed chooses the same")
	}
	if !slices.Equal(Sample(all, 7, 20), first[:20]) {
		t.Error("a smaller sample is not the beginning of a larger one")
	}
	without := slices.DeleteFunc(slices.Clone(all), func(m Mutant) bool { return m == first[3] })
	if got := Sample(without, 7, 49); !slices.Equal(got, slices.Delete(slices.Clone(first), 3, 4)) {
		t.Error("where one goes, others come")
	}
	if n := len(Sample(all[:5], 7, 20)); n != 5 {
		t.Errorf("of five there are %d", n)
	}
}

func TestCovered(t *testing.T) {
	all := []Mutant{{File: "a.c", Line: 4, Begins: 3}, {File: "a.c", Line: 5, Begins: 5}, {File: "b.c", Line: 1, Begins: 1}}
	got := Covered(all, map[string]map[int]bool{"a.c": {3: true}})
	if !slices.Equal(got, []Mutant{all[0], all[2]}) {
		t.Errorf("got %v", got)
	}
}

func TestEquivalents(t *testing.T) {
	listed, err := ReadEquivalents("# a comment\n\na.c: bound: it is: never equal\n\tif (a < b)\n")
	if err != nil || len(listed) != 1 || listed[0] != (Equivalent{"a.c", Bound, "if (a < b)", "it is: never equal"}) {
		t.Fatalf("got %+v, %v", listed, err)
	}
	all := []Mutant{{File: "a.c", Kind: Bound, Text: "if (a < b)"}, {File: "a.c", Kind: Condition, Text: "if (a < b)"}}
	if kept, err := Without(all, listed); err != nil || len(kept) != 1 || kept[0].Kind != Condition {
		t.Errorf("got %v, %v", kept, err)
	}
	if _, err := Without(all[1:], listed); err == nil || !strings.Contains(err.Error(), "a.c: bound: if (a < b)") {
		t.Errorf("an entry of no mutant: got %v", err)
	}
	for _, bad := range []string{"\tif (a)\n", "a.c: bound: x\n", "a.c: bound: x\nb.c: bound: y\n\tz\n", "a.c: strange: x\n\ty\n", "a.c: bound\n\ty\n"} {
		if got, err := ReadEquivalents(bad); err == nil {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
}

// The list of the repository is of mutants that there are.
func TestListedEquivalents(t *testing.T) {
	text, err := os.ReadFile("../equivalents.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed, err := ReadEquivalents(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Without(All(files(t)), listed); err != nil {
		t.Error(err)
	}
}
