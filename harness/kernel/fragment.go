package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gpc/harness/kconfig"
)

// Fragment is the path of a config fragment of the laboratory's.
func (l *Lab) Fragment(name string) string {
	return filepath.Join(l.root, "images", "config", name+".config")
}

// SplitConfig splits what a user has named as options to be merged: names of fragments of the laboratory's, and files.
func (l *Lab) SplitConfig(named []string) (fragments, files []string) {
	for _, name := range named {
		if _, err := os.Stat(name); err != nil && filepath.Base(name) == name {
			if _, err := os.Stat(l.Fragment(name)); err == nil {
				fragments = append(fragments, name)
				continue
			}
		}
		files = append(files, name)
	}
	return fragments, files
}

// distinct returns names, each where it is first.
func distinct(names []string) []string {
	var all []string
	for _, name := range names {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// fragment merges config fragments, and files with options after them. Fragments that belong to an architecture alone need not exist.
func (l *Lab) fragment(names []string, arch string, files []string) ([]byte, error) {
	var merged bytes.Buffer
	for _, name := range names {
		text, err := os.ReadFile(l.Fragment(name))
		if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(name, "-"+arch) {
			continue
		}
		if err != nil {
			return nil, err
		}
		merged.Write(text)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) && filepath.Base(file) == file {
			return nil, fmt.Errorf("%w, nor has images/config options of that name", err)
		}
		if err != nil {
			return nil, err
		}
		if line := kconfig.Nonsense(text); line > 0 {
			return nil, fmt.Errorf("%s:%d: this gives no option a value: write CONFIG_NAME=y, or # CONFIG_NAME is not set", file, line)
		}
		merged.WriteByte('\n') // the file before may lack its last one
		merged.Write(text)
	}
	return merged.Bytes(), nil
}

// absolute returns the paths of files as seen from the root.
func absolute(files []string) ([]string, error) {
	var all []string
	for _, f := range files {
		path, err := filepath.Abs(f)
		if err != nil {
			return nil, err
		}
		all = append(all, path)
	}
	return all, nil
}

// verify returns an error that names the options which the configuration does not have as they were asked for, and says by whom and, as far
// as that is known, why.
func (b *build) verify(config []byte) error {
	err := kconfig.Verify(b.fragment, config)
	var dropped *kconfig.DroppedError
	if !errors.As(err, &dropped) {
		return err
	}
	known, err := b.lab.options(b.tree.Name)
	if err != nil {
		return err
	}
	var lines []string
	for _, o := range dropped.Options {
		line := fmt.Sprintf("%v, as %s asks", o, b.asker(o.Name))
		if !known[strings.TrimPrefix(o.Name, "CONFIG_")] {
			line = fmt.Sprintf("%s, of which %s speaks, is no option of this kernel source", o.Name, b.asker(o.Name))
		}
		lines = append(lines, line)
	}
	return fmt.Errorf("the configuration is not as it was asked for (does an option lack what it depends on?):\n%s", strings.Join(lines, "\n"))
}

// asker returns which file has given an option its value.
func (b *build) asker(option string) string {
	for i := len(b.spec.Config) - 1; i >= 0; i-- {
		text, err := os.ReadFile(b.spec.Config[i])
		if err == nil && kconfig.Has(text, option) {
			return b.spec.Config[i]
		}
	}
	return "images/config"
}

var configLine = regexp.MustCompile(`(?m)^\s*(?:menu)?config (\w+)`)

// options returns the names of all options that there are in a tree.
func (l *Lab) options(tree string) (map[string]bool, error) {
	known := map[string]bool{}
	err := filepath.WalkDir(l.tree(tree), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "Kconfig") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range configLine.FindAllSubmatch(text, -1) {
			known[string(match[1])] = true
		}
		return err
	})
	return known, err
}
