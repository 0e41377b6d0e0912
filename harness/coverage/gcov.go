// Package coverage tells which lines and branches of containers the in-guest tests have run, on all architectures together.
//
// A kernel of the flavor coverage counts in memory; the package regress takes the counts out of the guest (Options.Counts). Here gcov reads them with the notes
// that the compiler left beside the objects, and gcovr puts architectures together and writes pages.
package coverage

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"gpc/harness/command"
	"gpc/harness/kernel"
	"gpc/harness/machine"
)

// Of the files that are counted, those of tests inside the kernel say nothing.
const (
	counted    = `.*/kernel/(container/|sched/container\.)`
	notCounted = `.*kunit\.c`
)

// Check returns an error if gcovr is missing.
func Check() error {
	if _, err := exec.LookPath("gcovr"); err != nil {
		return fmt.Errorf("gcovr is missing, a Debian package of that name: %w", err)
	}
	return nil
}

// Dir is where what was counted is kept, and shown.
func Dir(lab *kernel.Lab) string { return filepath.Join(lab.BuildDir(), "coverage") }

// traceDir is where what was counted on a machine is kept.
func traceDir(lab *kernel.Lab, m *machine.Machine) string { return filepath.Join(Dir(lab), m.Name) }

// TraceFile is the path of what was counted last on a machine.
func TraceFile(lab *kernel.Lab, m *machine.Machine) string {
	return filepath.Join(traceDir(lab, m), "trace.json")
}

// Trace reads the counts of a guest, which has run the kernel, from an archive of regress.Options.Counts, and makes TraceFile anew of them. It returns
// the path of that.
func Trace(ctx context.Context, lab *kernel.Lab, image *kernel.Image, counts io.Reader) (string, error) {
	dir, trace := traceDir(lab, image.Machine), TraceFile(lab, image.Machine)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := unpack(image.Dir, counts, dir); err != nil {
		return "", fmt.Errorf("the counts of a guest: %w", err)
	}
	return trace, gcovr(ctx, image.Source, dir, "--gcov-executable", image.Machine.CrossCompile+"gcov",
		"--filter", counted, "--exclude", notCounted, "--json", trace, dir)
}

// unpack writes the data files in an archive below dir, each with the notes beside it that the build has left below objects.
func unpack(objects string, counts io.Reader, dir string) error {
	below := strings.TrimPrefix(objects, "/") + "/"
	files := 0
	for archive := tar.NewReader(counts); ; files++ {
		header, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF) && files == 0:
			return errors.New("there are none: has the kernel been built with gcov?")
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		name, ok := strings.CutPrefix(header.Name, below)
		if !ok || !filepath.IsLocal(name) {
			return fmt.Errorf("%s is not of the build in %s", header.Name, objects)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		notesName := strings.TrimSuffix(name, ".gcda") + ".gcno"
		notes, err := os.ReadFile(filepath.Join(objects, notesName))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			return err
		}
		if err := errors.Join(os.WriteFile(filepath.Join(dir, name), data, 0o644), os.WriteFile(filepath.Join(dir, notesName), notes, 0o644)); err != nil {
			return err
		}
	}
}

// Pages is the first of the pages that Merge writes.
func Pages(lab *kernel.Lab) string { return filepath.Join(Dir(lab), "index.html") }

// MergedFile is the path of what Merge put together last.
func MergedFile(lab *kernel.Lab) string { return filepath.Join(Dir(lab), "coverage.json") }

// Last reads what Merge put together last. source has the files that were counted, as they are now: whether they were the same then is the caller's to know.
func Last(lab *kernel.Lab, source string) (*Report, error) {
	text, err := os.ReadFile(MergedFile(lab))
	if err != nil {
		return nil, err
	}
	return read(text, os.DirFS(source))
}

// Merge puts what Trace has made of guests together, all of kernels from the tree source. It writes Pages for people, and returns what there is
// to say.
func Merge(ctx context.Context, lab *kernel.Lab, source string, traces []string) (*Report, error) {
	dir := Dir(lab)
	merged := MergedFile(lab)
	args := []string{"--json", merged, "--html-details", Pages(lab), "--html-title", "Containers: what the in-guest tests run"}
	for _, t := range traces {
		args = append(args, "--add-tracefile", t)
	}
	if err := gcovr(ctx, source, dir, args...); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(merged)
	if err != nil {
		return nil, err
	}
	return read(text, os.DirFS(source))
}

func gcovr(ctx context.Context, source, dir string, args ...string) error {
	c := command.Command{Log: filepath.Join(dir, "gcovr.log")}
	return c.Run(ctx, append([]string{"gcovr", "--root", source}, args...)...)
}
