package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gpc/harness/regress"
)

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
func openReports(flags testFlags) (*testReports, error) {
	r := new(testReports)
	for _, wanted := range []struct {
		path  string
		write func(io.Writer) error
	}{{flags.junit, r.WriteJUnit}, {flags.html, r.WriteHTML}} {
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
