package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestRun(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		status int
		left   []string // of what is there at first: a/b/c and full/file
	}{
		{"one", []string{"a/b/c"}, 0, []string{"a/b", "full/file"}},
		{"with parents", []string{"-p", "a/b/c"}, 0, []string{"full/file"}},
		{"several", []string{"a/b/c", "a/b", "a"}, 0, []string{"full/file"}},
		{"not empty", []string{"full"}, 1, []string{"a/b/c", "full/file"}},
		{"goes on after a failure", []string{"missing", "a/b/c"}, 1, []string{"a/b", "full/file"}},
		{"parents up to a full one", []string{"-p", "full/sub"}, 1, []string{"a/b/c", "full/file"}},
		{"a file", []string{"full/file"}, 1, []string{"full/file"}},
		{"no directory", nil, 2, []string{"a/b/c"}},
		{"unknown flag", []string{"-x", "a/b/c"}, 2, []string{"a/b/c"}},
		{"help", []string{"--help"}, 0, []string{"a/b/c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for _, dir := range []string{"a/b/c", "full/sub"} {
				if err := os.MkdirAll(dir, 0o777); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile("full/file", nil, 0o666); err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			if status := run(tt.args, &stderr); status != tt.status {
				t.Errorf("status %d, want %d; said %q", status, tt.status, stderr.String())
			}
			if (tt.status != 0) != (stderr.Len() > 0) && tt.name != "help" {
				t.Errorf("status %d, but said %q", tt.status, stderr.String())
			}
			for _, path := range tt.left {
				if _, err := os.Stat(path); err != nil {
					t.Error(err)
				}
			}
			for _, path := range tt.args {
				if _, err := os.Stat(path); tt.status == 0 && err == nil && filepath.Base(path) != path {
					t.Errorf("%s is still there", path)
				}
			}
		})
	}
}
