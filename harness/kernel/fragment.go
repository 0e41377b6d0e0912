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

// SplitConfig splits what a user has named as options to be merged: names of fragments of the laboratory's, and files. A directory of the
// name is neither.
func (l *Lab) SplitConfig(named []string) (fragments, files []string) {
	for _, name := range named {
		if info, err := os.Stat(name); (err != nil || info.IsDir()) && filepath.Base(name) == name {
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
		text, err := readOptions(file)
		if err != nil {
			return nil, err
		}
		if line := kconfig.Nonsense(text); line > 0 {
			return nil, fmt.Errorf("%s:%d: this gives no option a value: write CONFIG_NAME=y, or # CONFIG_NAME is not set", file, line)
		}
		merged.WriteByte('\n') // the file before may lack its last one
		merged.Write(kconfig.Trim(text))
	}
	return merged.Bytes(), nil
}

// readOptions reads what a user has named as a file with options. The error tells what may have been meant.
func readOptions(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a directory, and not a file with options", file)
	}
	if errors.Is(err, fs.ErrNotExist) && filepath.Base(file) == file {
		return nil, fmt.Errorf("there is no file %s with options, nor has images/config any of that name", file)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s with options", file)
	}
	if err != nil {
		return nil, fmt.Errorf("options cannot be read: %w", err)
	}
	return os.ReadFile(file)
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

// verify returns an error that names the options which the configuration does not have as they were asked for, and says by whom and where
// to look for the reason; or those that every guest needs.
func (b *build) verify(config []byte) error {
	err := kconfig.Verify(b.fragment, config)
	var dropped *kconfig.DroppedError
	if missing := lacks(config, neededBy(b.machine)); err == nil && len(missing) > 0 {
		return fmt.Errorf("no guest comes up without %s=y, and the options that were asked for leave that out", strings.Join(missing, "=y, "))
	}
	if !errors.As(err, &dropped) {
		return err
	}
	known, err := b.lab.options(b.tree.Name, b.machine.KernelArch)
	if err != nil {
		return err
	}
	var lines []string
	for _, o := range dropped.Options {
		asker := b.asker(o.Name)
		if place, ok := known[strings.TrimPrefix(o.Name, "CONFIG_")]; ok {
			lines = append(lines, fmt.Sprintf("%v, as %s asks: see %s", o, asker, place))
		} else {
			lines = append(lines, fmt.Sprintf("%s, of which %s speaks, is no option of this kernel source on %s", o.Name, asker, b.machine.Name))
		}
	}
	return fmt.Errorf("the configuration is not as it was asked for; ask for what these options depend on, too, or do without them:\n%s", strings.Join(lines, "\n"))
}

// asker returns which file has given an option its value: the last of those that a user has named, or else of the laboratory's.
func (b *build) asker(option string) string {
	asks := func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && kconfig.Has(text, option)
	}
	for _, file := range slices.Backward(b.spec.Config) {
		if asks(file) {
			return file
		}
	}
	for _, name := range slices.Backward(b.fragments) {
		if file := b.lab.Fragment(name); asks(file) {
			return strings.TrimPrefix(file, b.lab.root+"/")
		}
	}
	return "images/config"
}

var configLine = regexp.MustCompile(`^\s*(?:menu)?config (\w+)`)

// options returns all options that there are in a tree, with the place where the first of its name is described. Those of other architectures
// than that of the directory arch are no options.
func (l *Lab) options(tree, arch string) (map[string]string, error) {
	known := map[string]string{}
	top := l.tree(tree)
	others := filepath.Join(top, "arch")
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && filepath.Dir(path) == others && d.Name() != arch {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "Kconfig") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for n, line := range strings.Split(string(text), "\n") {
			match := configLine.FindStringSubmatch(line)
			if match == nil {
				continue
			}
			if _, ok := known[match[1]]; !ok {
				known[match[1]] = fmt.Sprintf("%s:%d", strings.TrimPrefix(path, top+"/"), n+1)
			}
		}
		return nil
	})
	return known, err
}
