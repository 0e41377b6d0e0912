package kernel

import (
	"archive/tar"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lab is a laboratory in an empty directory.
func lab(t *testing.T) *Lab {
	t.Helper()
	return &Lab{root: t.TempDir()}
}

func TestPlaceThatMakeCannotTake(t *testing.T) {
	for name, good := range map[string]bool{"with space": false, "a:b": false, "a$b": false, "plain-1.2_+,~@": true} {
		root := filepath.Join(t.TempDir(), name)
		if err := os.MkdirAll(filepath.Join(root, "below"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module gpc\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Chdir(filepath.Join(root, "below"))
		if _, err := OpenLab(); (err == nil) != good || err != nil && !strings.Contains(err.Error(), "move or clone it elsewhere") {
			t.Errorf("a repository in %q: %v", root, err)
		}
	}
}

// tarball writes an archive with one file, top/Makefile.
func tarball(t *testing.T, makefile string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "linux.tar")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	if err := w.WriteHeader(&tar.Header{Name: "top/Makefile", Mode: 0o644, Size: int64(len(makefile))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(makefile)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

const makefile612 = "# SPDX\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\nEXTRAVERSION =\n"

func TestUnpack(t *testing.T) {
	l := lab(t)
	t.Setenv("LINUX_SRC", tarball(t, makefile612))
	s, err := findSource()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := l.unpack(t.Context(), s, "pristine")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := treeVersion(tree); err != nil || v != "6.12.117" {
		t.Errorf("treeVersion: %q, %v", v, err)
	}
	mark := filepath.Join(tree, "mark")
	if err := os.WriteFile(mark, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := l.unpack(t.Context(), s, "pristine"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("the same source has been unpacked again: %v", err)
	}
	t.Setenv("LINUX_SRC", tarball(t, makefile612+"# newer\n"))
	if s, err = findSource(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.unpack(t.Context(), s, "pristine"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); !os.IsNotExist(err) {
		t.Errorf("another source has not replaced the tree: %v", err)
	}
}

func TestUnpackLeavesNothingHalfMade(t *testing.T) {
	cut := func(t *testing.T) string {
		name := tarball(t, makefile612+strings.Repeat("#\n", 10000))
		if err := os.Truncate(name, 4096); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, tt := range []struct {
		name, want string
		source     func(*testing.T) string
	}{
		{"another version", "is version 6.13.0: the series is for 6.12", func(t *testing.T) string {
			return tarball(t, strings.Replace(makefile612, "12\nSUBLEVEL = 117", "13\nSUBLEVEL = 0", 1))
		}},
		{"broken archive", "unpacking", cut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := lab(t)
			t.Setenv("LINUX_SRC", tt.source(t))
			s, err := findSource()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.unpack(t.Context(), s, "pristine"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("unpack: %v, want an error with %q", err, tt.want)
			}
			left, err := filepath.Glob(l.tree("*"))
			if err != nil || len(left) != 0 {
				t.Errorf("left over: %v, %v", left, err)
			}
		})
	}
}

func TestCancelledUnpackLeavesNothing(t *testing.T) {
	l := lab(t)
	t.Setenv("LINUX_SRC", tarball(t, makefile612))
	s, err := findSource()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.unpack(ctx, s, "pristine"); err == nil {
		t.Error("unpack ended well though it was cancelled")
	}
	if left, _ := filepath.Glob(l.tree("*")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestUnusableSourceCostsNothing gives a source of another version to a laboratory that has a good tree.
func TestUnusableSourceCostsNothing(t *testing.T) {
	l := lab(t)
	unpack := func(makefile string) (string, error) {
		t.Setenv("LINUX_SRC", tarball(t, makefile))
		s, err := findSource()
		if err != nil {
			t.Fatal(err)
		}
		return l.unpack(t.Context(), s, "pristine")
	}
	tree, err := unpack(makefile612)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unpack("VERSION = 7\nPATCHLEVEL = 0\nSUBLEVEL = 0\n"); err == nil {
		t.Error("version 7.0 was accepted")
	}
	if v, err := treeVersion(tree); err != nil || v != "6.12.117" {
		t.Errorf("the good tree: %q, %v", v, err)
	}
}

// TestUnpackedFilesAreNew unpacks files dated 1970: make must take them for newer than any object of an older source.
func TestUnpackedFilesAreNew(t *testing.T) {
	archive := tarball(t, makefile612)
	dir := t.TempDir()
	old := time.Unix(0, 0)
	makefile := filepath.Join(dir, "Makefile")
	if err := os.WriteFile(makefile, []byte(makefile612), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(makefile, old, old); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]string{"tarball": archive, "directory": dir} {
		t.Run(name, func(t *testing.T) {
			l := lab(t)
			t.Setenv("LINUX_SRC", src)
			s, err := findSource()
			if err != nil {
				t.Fatal(err)
			}
			tree, err := l.unpack(t.Context(), s, "pristine")
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(filepath.Join(tree, "Makefile"))
			if err != nil {
				t.Fatal(err)
			}
			if info.ModTime().Equal(old) {
				t.Error("the unpacked file has kept the archive's date")
			}
		})
	}
}

func TestSourceThatIsNot(t *testing.T) {
	t.Setenv("LINUX_SRC", filepath.Join(t.TempDir(), "nothing"))
	if _, err := findSource(); err == nil || !strings.Contains(err.Error(), "LINUX_SRC") {
		t.Errorf("findSource of nothing: %v", err)
	}
	dir := t.TempDir()
	t.Setenv("LINUX_SRC", dir)
	if _, err := findSource(); err == nil || !strings.Contains(err.Error(), "no kernel source") {
		t.Errorf("findSource of an empty directory: %v", err)
	}
}

func TestSameCode(t *testing.T) {
	compile := func(dir, text string) {
		t.Helper()
		src := filepath.Join(dir, "a.c")
		if err := os.WriteFile(src, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("gcc", "-O2", "-c", "-o", filepath.Join(dir, "a.o"), src).CombinedOutput(); err != nil {
			t.Fatalf("gcc: %v\n%s", err, out)
		}
	}
	const base = "extern int g(int); int f(int a) { return g(a + 1); }\n"
	for _, tt := range []struct {
		name, text string
		same       bool
	}{
		{"moved lines", "\n\n" + base, true},
		{"another constant", strings.Replace(base, "1", "2", 1), false},
		{"another callee", strings.ReplaceAll(base, "g(", "h("), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			one, two := t.TempDir(), t.TempDir()
			compile(one, base)
			compile(two, tt.text)
			if err := sameCode(one, two); (err == nil) != tt.same {
				t.Errorf("sameCode: %v, want the same: %v", err, tt.same)
			}
		})
	}
}

func TestFlavors(t *testing.T) {
	for _, f := range Flavors() {
		if got, err := ParseFlavor(string(f)); err != nil || got != f {
			t.Errorf("ParseFlavor(%q): %q, %v", f, got, err)
		}
	}
	if _, err := ParseFlavor("mint"); err == nil || !strings.Contains(err.Error(), "vanilla") {
		t.Errorf("ParseFlavor of nonsense: %v", err)
	}
}

// What flavors ask of make fits the files of containers, and no others: make says so itself.
func TestFlavorsChooseFiles(t *testing.T) {
	const makefile = "%.o:\n\t@echo '$@:$(GCOV_PROFILE)$(KCSAN_SANITIZE)'\n"
	for f, want := range map[Flavor]string{
		Release:  "kernel/container/dir.o: kernel/fork.o: kernel/sched/container.o: drivers/acpi/container.o:",
		Coverage: "kernel/container/dir.o:kernel/container/dir.o kernel/fork.o: kernel/sched/container.o:kernel/sched/container.o drivers/acpi/container.o:",
		KCSAN:    "kernel/container/dir.o:y kernel/fork.o:n kernel/sched/container.o:y drivers/acpi/container.o:n",
	} {
		args := append(f.makeArgs(), "--no-print-directory", "-f", "-")
		make := exec.Command("make", append(args, "kernel/container/dir.o", "kernel/fork.o", "kernel/sched/container.o", "drivers/acpi/container.o")...)
		make.Dir, make.Stdin = t.TempDir(), strings.NewReader(makefile)
		out, err := make.Output()
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != want {
			t.Errorf("%s: %v, got %s, want %s", f, err, got, want)
		}
	}
}

// The compiler's cache, and the code, know files by their paths as seen from the build directory.
func TestStandInLiesAsTheOtherTree(t *testing.T) {
	l := lab(t)
	for _, name := range []string{MutantTree(0), MutantTree(1), MutantTree(3), unchanged, ofSeries + "01234567"} {
		other, ok := standsFor(name)
		if !ok {
			t.Fatalf("%s stands for nothing", name)
		}
		var seen []string
		for _, n := range []string{name, other} {
			rel, err := filepath.Rel(filepath.Join(l.home(n), "kernel", "build"), l.tree(n))
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, rel)
		}
		if seen[0] != seen[1] || l.tree(name) == l.tree(other) {
			t.Errorf("from their builds %s and %s are seen as %q", name, other, seen)
		}
	}
}
