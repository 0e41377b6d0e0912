package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gpc/harness/complaint"
	"gpc/harness/guest"
	"gpc/harness/kernel"
	"gpc/harness/machine"
)

// TestCommandReports looks at the reports of commands that tell of their tests, or do not, in guests that end well, or do not.
func TestCommandReports(t *testing.T) {
	complained := guest.Result{Complaints: []complaint.Report{{Title: "WARNING: x", Text: "WARNING: x at y"}}}
	for _, tt := range []struct {
		name, output string
		result       guest.Result
		died         error
		want         string // names of tests in the report, with a ! where they failed
	}{
		{"nothing told", "hello\n", guest.Result{}, nil, "run Health"},
		{"nothing told, failed", "hello\n", guest.Result{ExitStatus: 3}, nil, "run! Health"},
		{"all well", "TAP version 13\n1..2\nok 1 a\nok 2 a", guest.Result{}, nil, "a a#2 Health"},
		{"a test failed", "TAP version 13\n1..2\nok 1 a\nnot ok 2 b\n", guest.Result{}, nil, "a b! Health"},
		{"the command failed", "TAP version 13\n1..1\nok 1 a\n", guest.Result{ExitStatus: 1}, nil, "a run! Health"},
		{"complained", "TAP version 13\n1..1\nok 1 a\n", complained, nil, "a Health!"},
		{"died", "TAP version 13\n1..2\nok 1 a\n", guest.Result{}, errors.New("dead"), "a missing! run! Health!"},
	} {
		path := filepath.Join(t.TempDir(), "report.xml")
		image := &kernel.Image{Machine: machine.All()[0], Name: "release", Release: "6.12.1"}
		r, err := openCommandReports(reportFlags{junit: path}, []string{"/suite/run", "all"})
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range []string{tt.output[:len(tt.output)/2], tt.output[len(tt.output)/2:]} {
			if _, err := r.Write([]byte(piece)); err != nil {
				t.Fatal(err)
			}
		}
		err = r.end(image, tt.result, tt.died)
		if failed := strings.Contains(tt.want, "!"); failed != (statusOf(err) == statusFailed) {
			t.Errorf("%s: %v", tt.name, err)
		}
		report, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(string(report)); got != tt.want {
			t.Errorf("%s: the report tells of %s, want %s:\n%s", tt.name, got, tt.want, report)
		}
	}
}

// names returns the names of the tests in a JUnit report, with a ! where they failed.
func names(report string) string {
	var all []string
	for line := range strings.Lines(report) {
		if _, rest, ok := strings.Cut(line, `<testcase name="`); ok {
			name, _, _ := strings.Cut(rest, `"`)
			all = append(all, name)
		}
		if strings.Contains(line, "<failure") {
			all[len(all)-1] += "!"
		}
	}
	return strings.Join(all, " ")
}
