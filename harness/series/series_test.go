package series

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write makes files below dir from a map of paths to contents.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var pristineTree = map[string]string{
	"kernel/fork.c":   "one\ntwo\nthree\nfour\nfive\nsix\nseven\n",
	"kernel/Makefile": "obj-y += fork.o\n",
	"Makefile":        "VERSION = 6\n",
}

const forkPatch = `From: Some Body <some@body>
Subject: [PATCH] fork: call the hook

It must know.

---
diff --git a/kernel/fork.c b/kernel/fork.c
--- a/kernel/fork.c
+++ b/kernel/fork.c
@@ -2,3 +2,4 @@
 two
 three
+hook
 four
`

const makePatch = `From: Some Body <some@body>
Subject: [PATCH] build the new file

Or nobody has it.

---
diff --git a/kernel/Makefile b/kernel/Makefile
--- a/kernel/Makefile
+++ b/kernel/Makefile
@@ -1 +1,2 @@
 obj-y += fork.o
+obj-y += new.o
`

// example is a series of two steps over pristineTree.
func example(t *testing.T) (s *Series, pristine string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"series":             "# order\n0001-fork.patch\n0002-new.patch kernel/new.c include/*.h\n",
		"0001-fork.patch":    forkPatch,
		"0002-new.patch":     makePatch,
		"files/kernel/new.c": "new\n",
		"files/include/n.h":  "header\n",
	})
	s, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	pristine = t.TempDir()
	write(t, pristine, pristineTree)
	return s, pristine
}

func TestLoadNamesWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"missing patch", map[string]string{"series": "0001-x.patch\n"}, "0001-x.patch"},
		{"pattern without a file", map[string]string{"series": "a.patch k/*.c\n", "a.patch": ""}, `"k/*.c"`},
		{"bad pattern", map[string]string{"series": "a.patch [\n", "a.patch": "", "files/k": ""}, "pattern"},
		{"file of no step", map[string]string{"series": "a.patch\n", "a.patch": "", "files/k/x.c": ""}, "no step brings files/k/x.c"},
		{"file of two steps", map[string]string{"series": "a.patch k/x.c\nb.patch k/x.c\n", "a.patch": "", "b.patch": "", "files/k/x.c": ""}, "again by b.patch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tt.files)
			if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load: %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestNoSeriesIsTheEmptyOne(t *testing.T) {
	s, err := Load(t.TempDir())
	if err != nil || len(s.Steps) != 0 {
		t.Errorf("Load of an empty directory: %v, %v", s, err)
	}
}

func TestMaterialize(t *testing.T) {
	s, pristine := example(t)
	dest := t.TempDir()
	write(t, dest, pristineTree)
	if err := s.Materialize(pristine, dest); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dest, "kernel/fork.c"); !strings.Contains(got, "three\nhook\nfour") {
		t.Errorf("fork.c is not patched:\n%s", got)
	}
	if got := read(t, dest, "include/n.h"); got != "header\n" {
		t.Errorf("include/n.h is %q", got)
	}
	if got := read(t, pristine, "kernel/fork.c"); got != pristineTree["kernel/fork.c"] {
		t.Errorf("the pristine tree has been changed:\n%s", got)
	}
}

func TestMaterializeWritesOnlyWhatChanged(t *testing.T) {
	s, pristine := example(t)
	dest := t.TempDir()
	write(t, dest, pristineTree)
	if err := s.Materialize(pristine, dest); err != nil {
		t.Fatal(err)
	}
	old := time.Unix(1e9, 0)
	for _, f := range []string{"kernel/fork.c", "kernel/Makefile", "kernel/new.c", "include/n.h"} {
		if err := os.Chtimes(filepath.Join(dest, f), old, old); err != nil {
			t.Fatal(err)
		}
	}
	write(t, s.Dir, map[string]string{"files/kernel/new.c": "newer\n"})
	if err := s.Materialize(pristine, dest); err != nil {
		t.Fatal(err)
	}
	for f, wantOld := range map[string]bool{"kernel/fork.c": true, "kernel/Makefile": true, "include/n.h": true, "kernel/new.c": false} {
		info, err := os.Stat(filepath.Join(dest, f))
		if err != nil {
			t.Fatal(err)
		}
		if info.ModTime().Equal(old) != wantOld {
			t.Errorf("%s: rewritten %v, want %v", f, !info.ModTime().Equal(old), !wantOld)
		}
	}
}

func TestMaterializeTakesBackWhatTheSeriesNoLongerHas(t *testing.T) {
	s, pristine := example(t)
	dest := t.TempDir()
	write(t, dest, pristineTree)
	if err := s.Materialize(pristine, dest); err != nil {
		t.Fatal(err)
	}
	if err := (&Series{}).Materialize(pristine, dest); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dest, "kernel/fork.c"); got != pristineTree["kernel/fork.c"] {
		t.Errorf("fork.c is still patched:\n%s", got)
	}
	if _, err := os.Stat(filepath.Join(dest, "kernel/new.c")); !os.IsNotExist(err) {
		t.Errorf("kernel/new.c is still there: %v", err)
	}
}

func TestPatchThatDoesNotApplyChangesNothing(t *testing.T) {
	s, pristine := example(t)
	dest := t.TempDir()
	write(t, dest, pristineTree)
	if err := s.Materialize(pristine, dest); err != nil {
		t.Fatal(err)
	}
	before := read(t, dest, "kernel/fork.c")
	extra := filepath.Join(t.TempDir(), "mutant.patch")
	if err := os.WriteFile(extra, []byte(strings.ReplaceAll(forkPatch, " three", " 3")), 0o644); err != nil {
		t.Fatal(err)
	}
	err := s.Materialize(pristine, dest, extra)
	if err == nil || !strings.Contains(err.Error(), "mutant.patch does not apply") {
		t.Errorf("Materialize: %v, want an error that names mutant.patch", err)
	}
	if got := read(t, dest, "kernel/fork.c"); got != before {
		t.Errorf("fork.c has been changed:\n%s", got)
	}
}

func TestPatchOfAFileThatIsNotThere(t *testing.T) {
	s, pristine := example(t)
	if err := os.Remove(filepath.Join(pristine, "kernel/fork.c")); err != nil {
		t.Fatal(err)
	}
	err := s.Materialize(pristine, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "0001-fork.patch edits kernel/fork.c") {
		t.Errorf("Materialize: %v", err)
	}
}

func TestHashFollowsEveryByte(t *testing.T) {
	s, _ := example(t)
	first, err := s.Hash()
	if err != nil {
		t.Fatal(err)
	}
	write(t, s.Dir, map[string]string{"files/include/n.h": "Header\n"})
	second, err := s.Hash()
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("the hash has not changed with a new file")
	}
}

func TestExportGoesThroughGitAm(t *testing.T) {
	s, pristine := example(t)
	mails, err := s.Export(t.Context(), pristine, filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	if len(mails) != 2 {
		t.Fatalf("%d mails, want 2: %v", len(mails), mails)
	}
	if text := read(t, filepath.Dir(mails[1]), filepath.Base(mails[1])); !strings.Contains(text, "+++ b/include/n.h") || !strings.Contains(text, "Or nobody has it.") {
		t.Errorf("the second mail lacks the new file or the message:\n%s", text)
	}
	if err := s.CheckMails(t.Context(), pristine, mails); err != nil {
		t.Error(err)
	}
	write(t, pristine, map[string]string{"kernel/fork.c": "other\n"})
	if err := s.CheckMails(t.Context(), pristine, mails); err == nil {
		t.Error("the mails apply to another source")
	}
}

// TestExportInsideAHook has git's variables point at another repository, as in one of its hooks.
func TestExportInsideAHook(t *testing.T) {
	s, pristine := example(t)
	theirs := t.TempDir()
	if _, err := git(t.Context(), theirs, nil, "init", "--quiet"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_DIR", filepath.Join(theirs, ".git"))
	t.Setenv("GIT_WORK_TREE", theirs)
	if _, err := s.Export(t.Context(), pristine, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if refs, err := filepath.Glob(filepath.Join(theirs, ".git/refs/heads/*")); err != nil || len(refs) != 0 {
		t.Errorf("their repository has got commits: %v, %v", refs, err)
	}
}

func TestRefreshReadsBackWhatApplyMade(t *testing.T) {
	s, tree := example(t)
	if err := s.Apply(t.Context(), tree); err != nil {
		t.Fatal(err)
	}
	// Edit the last step as a user does: an edit, a new file, an amended commit.
	write(t, tree, map[string]string{"kernel/new.c": "edited\n", "kernel/more.c": "more\n"})
	for _, args := range [][]string{{"add", "."}, {"commit", "--quiet", "--amend", "--no-edit"}} {
		if _, err := git(t.Context(), tree, nil, args...); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Refresh(t.Context(), tree); err != nil {
		t.Fatal(err)
	}
	again, err := Load(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Steps) != 2 || strings.Join(again.Steps[1].Files, " ") != "include/n.h kernel/more.c kernel/new.c" {
		t.Fatalf("the steps are now %+v", again.Steps)
	}
	if got := read(t, s.Dir, "files/kernel/new.c"); got != "edited\n" {
		t.Errorf("kernel/new.c is %q", got)
	}
	pristine, dest := t.TempDir(), t.TempDir()
	write(t, pristine, pristineTree)
	write(t, dest, pristineTree)
	if err := again.Materialize(pristine, dest); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dest, "kernel/fork.c"); !strings.Contains(got, "hook") {
		t.Errorf("the edit of fork.c is lost:\n%s", got)
	}
}

func TestRefreshRefusesUncommittedWork(t *testing.T) {
	s, tree := example(t)
	if err := s.Apply(t.Context(), tree); err != nil {
		t.Fatal(err)
	}
	write(t, tree, map[string]string{"kernel/new.c": "edited\n"})
	if err := s.Refresh(t.Context(), tree); err == nil || !strings.Contains(err.Error(), "commit them first") {
		t.Errorf("Refresh: %v", err)
	}
}
