package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gpc/harness/command"
	"gpc/harness/progress"
)

const (
	// debianSource is what Debian's package linux-source-6.12 installs.
	debianSource = "/usr/src/linux-source-6.12.tar.xz"
	// sourceStamp, in an unpacked tree, names the source that it came from.
	sourceStamp = ".gpc-source"
	// filesInTree is about how many entries a 6.12 source has; for progress only.
	filesInTree = 92000
)

// source is the kernel source that trees are unpacked from.
type source struct {
	path string // a tarball or a directory
	dir  bool
	id   string // changes when the source does
}

// findSource finds the kernel source: $LINUX_SRC, a tarball or a tree of 6.12.y, or Debian's package.
func findSource() (source, error) {
	s := source{path: os.Getenv("LINUX_SRC")}
	given := s.path != ""
	if !given {
		s.path = debianSource
	}
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) && !given {
		return s, fmt.Errorf("there is no kernel source: install the package linux-source-6.12, or set LINUX_SRC to a tarball or tree of Linux 6.12")
	}
	if err != nil {
		return s, fmt.Errorf("LINUX_SRC cannot be read: %w", err)
	}
	s.dir = info.IsDir()
	if s.dir {
		if _, err := treeVersion(s.path); err != nil {
			return s, err
		}
		info, err = os.Stat(filepath.Join(s.path, "Makefile"))
		if err != nil {
			return s, err
		}
	}
	s.id = fmt.Sprintf("%s %d %d", s.path, info.Size(), info.ModTime().UnixNano())
	return s, nil
}

var versionLine = regexp.MustCompile(`(?m)^(VERSION|PATCHLEVEL|SUBLEVEL) *= *(\d+) *$`)

// treeVersion returns the version of a kernel tree, as 6.12.117, or an error where it is not 6.12.
func treeVersion(tree string) (string, error) {
	text, err := os.ReadFile(filepath.Join(tree, "Makefile"))
	if err != nil {
		return "", fmt.Errorf("%s is no kernel source: %w", tree, err)
	}
	v := map[string]string{}
	for _, m := range versionLine.FindAllStringSubmatch(string(text), -1) {
		v[m[1]] = m[2]
	}
	version := v["VERSION"] + "." + v["PATCHLEVEL"] + "." + v["SUBLEVEL"]
	if v["VERSION"] != "6" || v["PATCHLEVEL"] != "12" {
		return "", fmt.Errorf("the kernel source %s is version %s: the series is for 6.12", tree, version)
	}
	return version, nil
}

// unpacked tells whether the tree called name is there, whole, and of this source.
func (l *Lab) unpacked(s source, name string) bool {
	return stampIs(filepath.Join(l.tree(name), sourceStamp), s.id)
}

// unpack makes the tree called name from the source, unless it is there already. A tree of another source is
// replaced. The tree gets its name only when it is complete.
func (l *Lab) unpack(ctx context.Context, s source, name string) (string, error) {
	tree := l.tree(name)
	if l.unpacked(s, name) {
		return tree, nil
	}
	partial := tree + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	if err := os.MkdirAll(partial, 0o755); err != nil {
		return "", err
	}
	if err := l.fill(ctx, s, name, partial); err != nil {
		return "", errors.Join(fmt.Errorf("unpacking %s (this takes 2 GB below %s): %w", s.path, l.BuildDir(), err), os.RemoveAll(partial))
	}
	// The tree of another source goes only now: a source that turned out unusable has cost nothing.
	if err := os.RemoveAll(tree); err != nil {
		return "", err
	}
	return tree, os.Rename(partial, tree)
}

func (l *Lab) fill(ctx context.Context, s source, name, dir string) error {
	log, err := l.log("unpack")
	if err != nil {
		return err
	}
	step := progress.Start("unpack the kernel source ("+name+")", filesInTree)
	cmd := command.Command{Log: log, Line: func(string) { step.Add(1) }}
	// Every file is dated now: objects of an older source, built after a newer source was packed, would pass for
	// up to date with make.
	if s.dir {
		err = cmd.Run(ctx, "cp", "-av", "--no-preserve=timestamps", "--reflink=auto", s.path+"/.", dir)
	} else {
		err = cmd.Run(ctx, "tar", "--extract", "--touch", "--verbose", "--strip-components=1", "--file", s.path, "--directory", dir)
	}
	if err == nil {
		_, err = treeVersion(dir)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, sourceStamp), []byte(s.id), 0o644)
	}
	step.Done(err)
	return err
}

// release reads the version of the kernel that was built in dir.
func release(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, "include/config/kernel.release"))
	return strings.TrimSpace(string(b)), err
}
