package mutants

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gpc/harness/kernel"
)

const header = `Subject: a promise is broken
Arch: ppc64
Flavor: debug
Killed-by: TestOne TestTwo

Why it matters: people read this.

--- a/kernel/container/dir.c
+++ b/kernel/container/dir.c
Arch: none, as the patch has begun
`

func TestParse(t *testing.T) {
	m, err := parse(header)
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != "a promise is broken" || m.Target.String() != "ppc64/debug" || m.Panics {
		t.Errorf("got %+v", m)
	}
	if !slices.Equal(m.Tests, []string{"TestOne", "TestTwo"}) {
		t.Errorf("tests %q", m.Tests)
	}
	pattern := regexp.MustCompile(m.Pattern())
	for name, want := range map[string]bool{"TestOne": true, "TestTwo": true, "TestOneMore": false, "NoTestTwo": false} {
		if pattern.MatchString(name) != want {
			t.Errorf("the pattern %s matches %s: %v", m.Pattern(), name, !want)
		}
	}
}

func TestParseWith(t *testing.T) {
	m, err := parse("With: TestThree\n" + header)
	if err != nil || !slices.Equal(m.Tests, []string{"TestOne", "TestTwo"}) || !slices.Equal(m.With, []string{"TestThree"}) {
		t.Fatalf("got %+v, %v", m, err)
	}
	if !regexp.MustCompile(m.Pattern()).MatchString("TestThree") {
		t.Errorf("the pattern %s leaves out TestThree", m.Pattern())
	}
}

func TestParseExpect(t *testing.T) {
	for expect, function := range map[string]string{"panic": "", "panic in some_hook": "some_hook"} {
		m, err := parse("Expect: " + expect + "\n" + header)
		if err != nil || !m.Panics || m.PanicsIn != function {
			t.Errorf("Expect: %s: got %v, %q (%v)", expect, m.Panics, m.PanicsIn, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ old, new, want string }{
		{"Subject: a promise is broken\n", "", "no line Subject"},
		{"Killed-by: TestOne TestTwo\n", "", "no line Killed-by"},
		{"Killed-by: TestOne TestTwo", "Killed-by: One", `"One" is not the name of a test`},
		{"Killed-by: TestOne", "Killed-by: TestOne/sub", `"TestOne/sub" is not`},
		{"Arch: ppc64", "Arch: ppc64\nWith: Three", `"Three" is not the name of a test`},
		{"Arch: ppc64", "Arch: vax", "vax"},
		{"Flavor: debug", "Flavor: sweet", "sweet"},
		{"Flavor: debug", "Flavor: vanilla", "nothing that could be broken"},
		{"Arch: ppc64", "Arch: ppc64\nArch: x86_64", "Arch: is there twice"},
		{"Arch: ppc64", "Arch: ppc64\nExpect: trouble", `Expect: "trouble"`},
	}
	for _, tt := range tests {
		_, err := parse(strings.Replace(header, tt.old, tt.new, 1))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q instead of %q: got %v, want %q", tt.new, tt.old, err, tt.want)
		}
	}
}

// The errors of all patches come at once, each with its file.
func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"1.patch": "", "2.patch": header, "3.patch": "Arch: x86_64\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Load(dir)
	if err == nil {
		t.Fatal("patches without a header were loaded")
	}
	for name, want := range map[string]bool{"1.patch": true, "2.patch": false, "3.patch": true} {
		if strings.Contains(err.Error(), name) != want {
			t.Errorf("%s is named: %v, in\n%v", name, !want, err)
		}
	}
}

// The project's mutants are well described, their tests exist, and they apply. Guests are for gpclab mutants.
func TestMutants(t *testing.T) {
	lab, err := kernel.OpenLab()
	if err != nil {
		t.Fatal(err)
	}
	all, err := Load(Dir(lab))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Errorf("there are %d mutants only", len(all))
	}
	files := t.TempDir()
	if err := lab.SeriesFiles(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		t.Run(m.Name, func(t *testing.T) {
			if err := Check(lab, m); err != nil {
				t.Error(err)
			}
			apply := exec.Command("git", "apply", "--check", m.Patch)
			apply.Dir = files
			apply.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(files))
			if out, err := apply.CombinedOutput(); err != nil {
				t.Errorf("the patch no longer applies:\n%s", out)
			}
		})
	}
}
