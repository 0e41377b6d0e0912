package watch

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestWait(t *testing.T) {
	dir := t.TempDir()
	below, single := filepath.Join(dir, "below"), filepath.Join(t.TempDir(), "single")
	file := filepath.Join(below, "a.c")
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(file, "one")
	s, err := Look(dir, single)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		edit func()
		want []string
	}{
		{"content", func() { write(file, "other") }, []string{file}},
		{"as an editor does it", func() {
			write(file+"~", "other")
			write(filepath.Join(below, ".a.c.swp"), "x")
			write(file+".new", "third")
			if err := os.Rename(file+".new", file); err != nil {
				t.Fatal(err)
			}
		}, []string{file}},
		{"new file", func() { write(filepath.Join(below, "deep", "b.c"), "") }, []string{filepath.Join(below, "deep", "b.c")}},
		{"file that was not there", func() { write(single, "") }, []string{single}},
		{"gone", func() {
			if err := os.RemoveAll(filepath.Join(below, "deep")); err != nil {
				t.Fatal(err)
			}
		}, []string{filepath.Join(below, "deep", "b.c")}},
	} {
		tt.edit()
		var e Edit
		if s, e, err = s.Wait(t.Context()); err != nil || !slices.Equal(e.Files, tt.want) || e.At.IsZero() {
			t.Errorf("%s: %+v, %v, want %v", tt.name, e, err, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Wait(ctx); err != context.Canceled {
		t.Errorf("with nothing edited: %v", err)
	}
}
