package initramfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/u-root/u-root/pkg/cpio"
)

// CheckOverlay returns an error if Overlay cannot lay the tree at dir over a guest's root, as far as that can be told without the base.
func CheckOverlay(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory: its content cannot be laid over the guest's root", dir)
	}
	for _, name := range mountPoints {
		content, err := os.ReadDir(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case len(content) > 0:
			return fmt.Errorf("%s would be hidden: the guest mounts a filesystem of its own at /%s", filepath.Join(dir, name, content[0].Name()), name)
		}
	}
	return nil
}

// Overlay appends to the archives in f, which has the base, an archive for each of the trees at dirs, in this order, so that a later one
// wins, each with its top as the guest's root: a file replaces one of the same name, permissions are kept, and everything belongs to
// root. Directories that the base has stay as they are. What the kernel would drop without a word is an error.
func Overlay(f *os.File, dirs ...string) error {
	base, err := kinds(f)
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	for _, dir := range dirs {
		// A record's name is written once per archive only, but a later tree must win: one archive for each.
		if err := CheckOverlay(dir); err != nil {
			return err
		}
		out := cpio.Newc.Writer(f)
		if err := addTree(out, dir, base); err != nil {
			return err
		}
		if err := cpio.WriteTrailer(out); err != nil {
			return err
		}
	}
	return nil
}

// addTree adds everything below dir, which may be a symbolic link to a directory.
func addTree(out cpio.RecordWriter, dir string, base tree) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	recorder := cpio.NewRecorder()
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && base.isDir(name):
			return nil
		case !entry.IsDir() && base.isDir(name):
			return fmt.Errorf("%s is no directory, and the guest has one there", path)
		}
		record, err := recorder.GetRecord(path)
		if err != nil {
			return err
		}
		if record.FileSize > math.MaxUint32 {
			return fmt.Errorf("%s is too large for the guest's root: a file may have up to 4 GiB", path)
		}
		record.Name = name
		if err := out.WriteRecord(cpio.MakeReproducible(record)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
}

// tree tells what a root filesystem has.
type tree map[string]cpio.Record

// isDir reports whether name leads to a directory, through symbolic links or not.
func (t tree) isDir(name string) bool {
	for range len(t) { // links may go round in circles
		record, ok := t[name]
		switch {
		case !ok:
			return false
		case record.Mode&cpio.S_IFMT == cpio.S_IFDIR:
			return true
		case record.Mode&cpio.S_IFMT != cpio.S_IFLNK:
			return false
		}
		target, err := io.ReadAll(io.NewSectionReader(record, 0, int64(record.FileSize)))
		if err != nil {
			return false
		}
		name = path.Join("/", path.Dir(name), string(target))
		if path.IsAbs(string(target)) {
			name = path.Clean(string(target))
		}
		name = strings.TrimPrefix(name, "/")
	}
	return false
}

// The last record of an archive has this size.
const trailerSize = 124

// kinds reads the records of the archives that follow each other in f.
func kinds(f *os.File) (tree, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	all := tree{}
	for offset := int64(0); offset < info.Size(); offset += trailerSize {
		records, err := cpio.ReadAllRecords(cpio.Newc.Reader(io.NewSectionReader(f, offset, info.Size()-offset)))
		if err != nil {
			return nil, fmt.Errorf("the base of the initramfs: %w", err)
		}
		for _, r := range records {
			all[r.Name] = r
		}
		if n := len(records); n > 0 {
			last := records[n-1]
			offset += (int64(last.FilePos) + int64(last.FileSize) + 3) &^ 3
		}
	}
	return all, nil
}
