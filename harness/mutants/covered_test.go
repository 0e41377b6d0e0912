package mutants

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gpc/harness/coverage"
)

// Of a file that was edited after it was counted, nothing is known; nor of one that is edited now.
func TestAsCounted(t *testing.T) {
	source := t.TempDir()
	made := time.Now()
	for name, age := range map[string]time.Duration{"same.c": time.Hour, "younger.c": -time.Hour, "edited.c": time.Hour, "header.h": time.Hour} {
		path := filepath.Join(source, name)
		if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, made.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	var report coverage.Report
	for _, name := range []string{"same.c", "younger.c", "edited.c", "header.h", "gone.c"} {
		report.Files = append(report.Files, coverage.File{Name: name, Ran: []coverage.Line{{Number: 3}}, Never: []coverage.Line{{Number: 4}}})
	}
	files := map[string]string{"same.c": "text", "younger.c": "text", "edited.c": "other text", "gone.c": "text"}
	got := asCounted(&report, made, source, files)
	if len(got) != 1 || !maps.Equal(got["same.c"], map[int]bool{3: true}) {
		t.Errorf("got %v", got)
	}
}
