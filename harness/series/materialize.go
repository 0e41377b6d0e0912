package series

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// manifest lists, in a tree, the files that differ from the pristine one.
const manifest = ".gpc-series"

// Materialize makes the tree dest what the series, and the patches extra after it, make of the tree pristine. dest
// must be a copy of pristine that only Materialize has changed. Files whose content is right already keep their
// modification times, so that make rebuilds what changed and no more. If a patch does not apply, dest is left as
// it was and the error names the patch.
func (s *Series) Materialize(pristine, dest string, extra ...string) error {
	work, err := os.MkdirTemp("", "gpc-series-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	files, err := s.apply(pristine, work, extra)
	if err != nil {
		return err
	}
	before, err := Edited(dest)
	if err != nil {
		return err
	}
	// Noted before the first change: a run that dies half-way is then put right by the next.
	all := union(before, files)
	if err := writeManifest(dest, all); err != nil {
		return err
	}
	for _, f := range all {
		from := filepath.Join(pristine, f)
		if contains(files, f) {
			from = filepath.Join(work, f)
		}
		if err := sameFile(from, filepath.Join(dest, f)); err != nil {
			return err
		}
	}
	return writeManifest(dest, files)
}

// apply makes the files that the series touches in the empty directory work and returns their paths, sorted.
func (s *Series) apply(pristine, work string, extra []string) ([]string, error) {
	touched := map[string]bool{}
	apply := func(patch string) error {
		files, err := patchedFiles(patch)
		if err != nil {
			return err
		}
		for _, f := range files {
			if touched[f] {
				continue
			}
			touched[f] = true
			if err := copyFile(filepath.Join(pristine, f), filepath.Join(work, f)); errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s edits %s, which this kernel source does not have", filepath.Base(patch), f)
			} else if err != nil {
				return err
			}
		}
		return gitApply(work, patch)
	}
	for _, step := range s.Steps {
		for _, f := range step.Files {
			touched[f] = true
			if err := copyFile(s.FilePath(f), filepath.Join(work, f)); err != nil {
				return nil, err
			}
		}
		if err := apply(s.PatchPath(step)); err != nil {
			return nil, err
		}
	}
	for _, patch := range extra {
		if err := apply(patch); err != nil {
			return nil, err
		}
	}
	return keys(touched), nil
}

// gitApply applies a patch in dir, which is in no repository as far as git is concerned.
func gitApply(dir, patch string) error {
	patch, err := filepath.Abs(patch)
	if err != nil {
		return err
	}
	cmd := exec.Command("git", "apply", "--whitespace=nowarn", patch)
	cmd.Dir = dir
	cmd.Env = append(gitEnviron(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s does not apply to this kernel source; nothing has been changed. Bring it up to date by "+
			"hand, or with 'gpclab series apply' and 'refresh'. git says:\n%s",
			filepath.Base(patch), strings.TrimSpace(string(out)))
	}
	return nil
}

// Edits lists the existing files that a step's patch edits, as paths in the kernel tree.
func (s *Series) Edits(step Step) ([]string, error) { return patchedFiles(s.PatchPath(step)) }

// patchedFiles lists the files that a patch edits, from its "+++ b/" lines.
func patchedFiles(patch string) ([]string, error) {
	text, err := os.ReadFile(patch)
	if err != nil {
		return nil, err
	}
	files := map[string]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		if f, ok := strings.CutPrefix(line, "+++ b/"); ok {
			files[strings.TrimSpace(f)] = true
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s edits no file", patch)
	}
	return keys(files), nil
}

// sameFile makes dest have the content of from, or not exist where from does not.
func sameFile(from, dest string) error {
	want, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.Remove(dest); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(dest); err == nil && bytes.Equal(have, want) {
		return nil
	}
	return writeFile(dest, want)
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return writeFile(to, b)
}

// writeFile replaces a file as one step, so that nobody finds half of it.
func writeFile(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".gpc-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails once it has been renamed
	mode := fs.FileMode(0o644)
	if old, err := os.Stat(name); err == nil {
		mode = old.Mode().Perm()
	}
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return os.Rename(tmp.Name(), name)
}

// Edited lists the files of a tree that Materialize has made differ from the pristine one, sorted.
func Edited(tree string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(tree, manifest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return strings.Fields(string(text)), err
}

func writeManifest(tree string, files []string) error {
	return writeFile(filepath.Join(tree, manifest), []byte(strings.Join(files, "\n")+"\n"))
}

func keys(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for k := range set {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}

func union(a, b []string) []string {
	set := map[string]bool{}
	for _, f := range append(append([]string{}, a...), b...) {
		set[f] = true
	}
	return keys(set)
}

func contains(sorted []string, f string) bool {
	i := sort.SearchStrings(sorted, f)
	return i < len(sorted) && sorted[i] == f
}
