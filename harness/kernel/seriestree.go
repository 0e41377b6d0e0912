package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gpc/harness/command"
	"gpc/harness/progress"
	"gpc/harness/series"
)

// ExportSeries writes the series to dir as mails for git am and returns their paths.
func (l *Lab) ExportSeries(ctx context.Context, dir string) ([]string, error) {
	s, pristine, err := l.seriesAndPristine(ctx)
	if err != nil {
		return nil, err
	}
	return s.Export(ctx, pristine, dir)
}

// ApplySeries makes dir a git tree of the kernel with one commit per step. It must not exist.
func (l *Lab) ApplySeries(ctx context.Context, dir string) (err error) {
	s, pristine, err := l.seriesAndPristine(ctx)
	if err != nil {
		return err
	}
	if err := l.copyTree(ctx, pristine, dir); err != nil {
		return err
	}
	step := progress.Start("commit the source and the series", 0)
	err = s.Apply(ctx, dir)
	step.Done(err)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	return nil
}

// SeriesFiles writes to the empty directory dir the files that the series touches, as they are after it.
func (l *Lab) SeriesFiles(ctx context.Context, dir string) error {
	s, pristine, err := l.seriesAndPristine(ctx)
	if err != nil {
		return err
	}
	return s.Materialize(pristine, dir)
}

// RefreshSeries writes the series anew from a tree that ApplySeries has made.
func (l *Lab) RefreshSeries(ctx context.Context, dir string) error {
	s, err := series.Load(l.SeriesDir())
	if err != nil {
		return err
	}
	return s.Refresh(ctx, dir)
}

func (l *Lab) seriesAndPristine(ctx context.Context) (*series.Series, string, error) {
	s, err := series.Load(l.SeriesDir())
	if err != nil {
		return nil, "", err
	}
	src, err := findSource()
	if err != nil {
		return nil, "", err
	}
	if l.unpacked(src, "pristine") {
		return s, l.tree("pristine"), nil // no need to wait for others who build
	}
	unlock, err := l.lock(ctx)
	if err != nil {
		return nil, "", err
	}
	defer unlock()
	pristine, err := l.unpack(ctx, src, "pristine")
	return s, pristine, err
}

// copyTree copies a kernel tree to a directory that does not exist yet.
func (l *Lab) copyTree(ctx context.Context, from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s exists: delete it first, or name another directory", to)
	}
	log, err := l.log("copy")
	if err != nil {
		return err
	}
	partial := to + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	step := progress.Start("copy the kernel source", filesInTree)
	cmd := command.Command{Log: log, Line: func(string) { step.Add(1) }}
	err = cmd.Run(ctx, "cp", "-av", "--reflink=auto", from, partial)
	step.Done(err)
	if err != nil {
		return errors.Join(err, os.RemoveAll(partial))
	}
	return os.Rename(partial, to)
}
