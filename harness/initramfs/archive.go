package initramfs

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/u-root/u-root/pkg/cpio"
)

// Overlay writes an archive of the trees at dirs, in this order, so that a later one wins, each with its top as the
// guest's root. Appended to the base archive it lies over it: a file replaces one of the same name, permissions are
// kept, and everything belongs to root.
func Overlay(w io.Writer, dirs ...string) error {
	out := cpio.Newc.Writer(w)
	for _, dir := range dirs {
		// A record's name is written once per archive only, but a later tree must win: one archive for each.
		if err := addTree(out, dir); err != nil {
			return err
		}
		if err := cpio.WriteTrailer(out); err != nil {
			return err
		}
		out = cpio.Newc.Writer(w)
	}
	return nil
}

// addTree adds everything below dir.
func addTree(out cpio.RecordWriter, dir string) error {
	recorder := cpio.NewRecorder()
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		record, err := recorder.GetRecord(path)
		if err != nil {
			return err
		}
		record.Name = name
		if err := out.WriteRecord(cpio.MakeReproducible(record)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
}

// writeArchive writes an archive of records.
func writeArchive(w io.Writer, records []cpio.Record) error {
	out := cpio.Newc.Writer(w)
	cpio.MakeAllReproducible(records)
	if err := cpio.WriteRecords(out, records); err != nil {
		return err
	}
	return cpio.WriteTrailer(out)
}

// program returns the record of an executable, to be read from the file at path when it is written.
func program(name, path string) (cpio.Record, error) {
	record, err := cpio.NewRecorder().GetRecord(path)
	if err != nil {
		return cpio.Record{}, err
	}
	record.Name = name
	record.Mode = cpio.S_IFREG | 0o755
	record.NLink = 1
	return record, nil
}

// concat copies files one after the other.
func concat(w io.Writer, paths ...string) error {
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
