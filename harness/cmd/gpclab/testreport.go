package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"gpc/harness/kernel"
	"gpc/harness/regress"
)

// reportFlags are the reports that a user may ask for.
type reportFlags struct{ junit, html string }

// add adds the flags to those of a command.
func (f *reportFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.junit, "junit", "", "write a JUnit XML report to `FILE`")
	flags.StringVar(&f.html, "html", "", "write a page for people to `FILE`: kernels, tests, times, and what those that failed said")
}

// asked tells whether there is to be any.
func (f reportFlags) asked() bool { return f.junit != "" || f.html != "" }

// testReports are files with reports of tests, which appear under their names only when they are complete.
type testReports struct {
	regress.Recorder
	files []reportFile
}

// reportFile is a report that has not its name yet.
type reportFile struct {
	path  string
	file  *os.File
	write func(io.Writer) error
}

// openReports prepares the reports that were asked for, so that a path that cannot be written is found before the tests.
func openReports(f reportFlags) (*testReports, error) {
	r := new(testReports)
	for _, wanted := range []struct {
		path  string
		write func(io.Writer) error
	}{{f.junit, r.WriteJUnit}, {f.html, r.WriteHTML}} {
		if wanted.path == "" {
			continue
		}
		file, err := os.CreateTemp(filepath.Dir(wanted.path), "."+filepath.Base(wanted.path)+"-*")
		if err != nil {
			r.discard()
			return nil, fmt.Errorf("the report cannot be written: %w", err)
		}
		r.files = append(r.files, reportFile{wanted.path, file, wanted.write})
	}
	return r, nil
}

// addFindings adds to the page what others have left in the laboratory: a picture of what was measured, and the way to the lines that were run.
func (r *testReports) addFindings(lab *kernel.Lab, page string) {
	if page == "" {
		return
	}
	chart := filepath.Join(lab.BuildDir(), "bench", "result.svg")
	if _, err := os.Stat(chart); err == nil {
		r.Chart = chart
	}
	coverage := filepath.Join(lab.BuildDir(), "coverage", "index.html")
	if _, err := os.Stat(coverage); err != nil {
		return
	}
	r.Coverage = coverage
	if dir, err := filepath.Abs(filepath.Dir(page)); err == nil {
		if path, err := filepath.Rel(dir, coverage); err == nil {
			r.Coverage = path
		}
	}
}

// write writes all reports.
func (r *testReports) write() error {
	for _, f := range r.files {
		if err := errors.Join(f.write(f.file), f.file.Chmod(0o644), f.file.Close()); err != nil {
			return fmt.Errorf("the report %s: %w", f.path, err)
		}
		if err := os.Rename(f.file.Name(), f.path); err != nil {
			return err
		}
	}
	r.files = nil
	return nil
}

// discard removes the reports that were not written.
func (r *testReports) discard() {
	for _, f := range r.files {
		f.file.Close()
		os.Remove(f.file.Name())
	}
}
