// Package watch notices edits: it looks at files again and again, as editors have too many ways to write one for anything else.
package watch

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Snapshot is what files looked like at one time.
type Snapshot struct {
	paths []string
	files map[string]stamp
}

// stamp changes when a file does.
type stamp struct {
	size     int64
	modified time.Time
	mode     fs.FileMode
}

// Edit is a change of files.
type Edit struct {
	// Files are those that are new, gone, or other ones, sorted.
	Files []string
	// At is when the last of them was written, as far as that can be known.
	At time.Time
}

// Look looks at the files at paths, and at all that lie below those which are directories. One that is not there may come.
func Look(paths ...string) (Snapshot, error) {
	s := Snapshot{paths: paths, files: map[string]stamp{}}
	for _, path := range paths {
		// Whose root is a link is meant to be followed.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it has gone since its directory was read
			}
			if err != nil || d.IsDir() || temporary(d.Name()) {
				return err
			}
			info, err := os.Stat(name)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			s.files[name] = stamp{info.Size(), info.ModTime(), info.Mode()}
			return nil
		})
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// temporary tells whether a file is an editor's own: a backup, a lock, or what it is about to rename.
func temporary(name string) bool {
	return name[0] == '.' || name[0] == '#' || name[len(name)-1] == '~' || filepath.Ext(name) == ".orig" || filepath.Ext(name) == ".rej"
}

// since returns what has changed since an earlier snapshot.
func (s Snapshot) since(before Snapshot, now time.Time) Edit {
	var e Edit
	for name, stamp := range s.files {
		if before.files[name] == stamp {
			continue
		}
		e.Files = append(e.Files, name)
		if stamp.modified.After(e.At) {
			e.At = stamp.modified
		}
	}
	for name := range before.files {
		if _, ok := s.files[name]; !ok {
			e.Files = append(e.Files, name)
			e.At = now
		}
	}
	// A file that was moved here keeps its time, and clocks may differ.
	if age := now.Sub(e.At); age < 0 || age > 2*(lookEvery+settled) {
		e.At = now
	}
	slices.Sort(e.Files)
	return e
}

// lookEvery is how often files are looked at, and settled how long they must rest before an edit counts as done.
const (
	lookEvery = 200 * time.Millisecond
	settled   = 150 * time.Millisecond
)

// Wait waits until the files of a snapshot have been edited and rest again. It returns what they look like then, and what has changed.
func (s Snapshot) Wait(ctx context.Context) (Snapshot, Edit, error) {
	last, pause := s, lookEvery
	for {
		select {
		case <-ctx.Done():
			return s, Edit{}, ctx.Err()
		case <-time.After(pause):
		}
		latest, err := Look(s.paths...)
		if err != nil {
			return s, Edit{}, err
		}
		edit, resting := latest.since(s, time.Now()), maps.Equal(latest.files, last.files)
		last, pause = latest, lookEvery
		switch {
		case len(edit.Files) > 0 && resting:
			return latest, edit, nil
		case len(edit.Files) > 0:
			pause = settled
		}
	}
}
