// Package series keeps the kernel side: a directory with patches to existing files, new files as real files, and
// their order.
//
// The file "series" names a step a line: the patch, then the new files that the step brings, as paths or shell
// patterns below files/. A line that starts with # is a comment.
package series

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

// Step is one patch with the new files that come with it.
type Step struct {
	// Patch is the patch's file name.
	Patch string
	// Files are the new files, as paths in the kernel tree, sorted.
	Files []string
}

// Series is the kernel side as it stands in a directory.
type Series struct {
	Dir   string
	Steps []Step
}

// Load reads the series in dir. A patch that is missing, a pattern without a file and a new file that no step or
// more than one step brings are errors. A directory without a file "series" holds the empty series.
func Load(dir string) (*Series, error) {
	s := &Series{Dir: dir}
	text, err := os.ReadFile(filepath.Join(dir, "series"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	have, err := newFiles(filepath.Join(dir, "files"))
	if err != nil {
		return nil, err
	}
	owner := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		step, err := s.parseStep(fields, have, owner)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", filepath.Join(dir, "series"), n, err)
		}
		s.Steps = append(s.Steps, step)
	}
	for _, f := range have {
		if owner[f] == "" {
			return nil, fmt.Errorf("%s: no step brings files/%s: name it after a patch, or delete it", filepath.Join(dir, "series"), f)
		}
	}
	return s, nil
}

func (s *Series) parseStep(fields, have []string, owner map[string]string) (Step, error) {
	step := Step{Patch: fields[0]}
	if _, err := os.Stat(s.PatchPath(step)); err != nil {
		return step, fmt.Errorf("patch %s cannot be read: %w", step.Patch, err)
	}
	for _, pattern := range fields[1:] {
		found := false
		for _, f := range have {
			ok, err := path.Match(pattern, f)
			if err != nil {
				return step, fmt.Errorf("pattern %q: %w", pattern, err)
			}
			if !ok {
				continue
			}
			found = true
			if by := owner[f]; by != "" {
				return step, fmt.Errorf("%s is brought by %s and again by %s", f, by, step.Patch)
			}
			owner[f] = step.Patch
			step.Files = append(step.Files, f)
		}
		if !found {
			return step, fmt.Errorf("nothing below files/ matches %q", pattern)
		}
	}
	sort.Strings(step.Files)
	return step, nil
}

// newFiles lists the files below dir as slash-separated relative paths, sorted.
func newFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && p == dir {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		files = append(files, filepath.ToSlash(rel))
		return err
	})
	sort.Strings(files)
	return files, err
}

// PatchPath is where the step's patch lies.
func (s *Series) PatchPath(step Step) string { return filepath.Join(s.Dir, step.Patch) }

// FilePath is where the new file at the given path of the kernel tree lies.
func (s *Series) FilePath(file string) string { return filepath.Join(s.Dir, "files", file) }

// Hash identifies what the series makes of a tree: it changes with any byte of a patch or a new file, and with
// their order. extra are further patches to be applied at the end.
func (s *Series) Hash(extra ...string) (string, error) {
	h := sha256.New()
	add := func(name string) error {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", filepath.Base(name), len(b))
		h.Write(b)
		return nil
	}
	for _, step := range s.Steps {
		if err := add(s.PatchPath(step)); err != nil {
			return "", err
		}
		for _, f := range step.Files {
			fmt.Fprintln(h, f)
			if err := add(s.FilePath(f)); err != nil {
				return "", err
			}
		}
	}
	for _, p := range extra {
		if err := add(p); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
