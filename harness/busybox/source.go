package busybox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"gpc/harness/command"
	"gpc/harness/progress"
)

// sourceStamp, in the unpacked source, says where it comes from.
const sourceStamp = ".gpc-source"

// keyring has the keys of Debian's archive. A list of sources that names it trusts nobody else.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// unpacked is a source tree, and what tells it from another.
type unpacked struct{ tree, id string }

// source returns the source below dir, and unpacks it first if it is not there: $BUSYBOX_SRC, a tarball or a tree, or else Debian's
// package. What was downloaded once serves until it is deleted.
func source(ctx context.Context, dir, logs string) (unpacked, error) {
	given := os.Getenv("BUSYBOX_SRC")
	id := "Debian"
	if given != "" {
		info, err := os.Stat(given)
		if err != nil {
			return unpacked{}, fmt.Errorf("BUSYBOX_SRC cannot be read: %w", err)
		}
		id = fmt.Sprintf("%s %d %d", given, info.Size(), info.ModTime().UnixNano())
	}
	tree := filepath.Join(dir, "source")
	stamp, err := os.ReadFile(filepath.Join(tree, sourceStamp))
	if first, _, _ := strings.Cut(string(stamp), "\n"); err == nil && first == id {
		return unpacked{tree, string(stamp)}, nil
	}
	partial := filepath.Join(dir, "source.partial")
	if err := errors.Join(os.RemoveAll(partial), os.MkdirAll(partial, 0o755), os.MkdirAll(logs, 0o777)); err != nil {
		return unpacked{}, err
	}
	defer os.RemoveAll(partial)
	log := filepath.Join(logs, "busybox-source.log")
	step := progress.Start("unpack the source of busybox", 0)
	var origin string
	if given == "" {
		origin, err = download(ctx, partial, log)
	} else {
		origin, err = given, copySource(ctx, given, filepath.Join(partial, "tree"), log)
	}
	step.Done(err)
	if err != nil {
		return unpacked{}, fmt.Errorf("its source: %w", err)
	}
	text := id + "\n" + origin + "\n"
	if err := os.WriteFile(filepath.Join(partial, "tree", sourceStamp), []byte(text), 0o644); err != nil {
		return unpacked{}, err
	}
	if err := os.RemoveAll(tree); err != nil {
		return unpacked{}, err
	}
	return unpacked{tree, text}, os.Rename(filepath.Join(partial, "tree"), tree)
}

// copySource puts a tarball's content, or a tree, at tree.
func copySource(ctx context.Context, from, tree, log string) error {
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return err
	}
	c := command.Command{Log: log}
	if info, err := os.Stat(from); err == nil && info.IsDir() {
		return c.Run(ctx, "cp", "-a", "--reflink=auto", from+"/.", tree)
	}
	return c.Run(ctx, "tar", "--extract", "--strip-components=1", "--file", from, "--directory", tree)
}

// download gets Debian's source package, with Debian's patches, and unpacks it to dir/tree. apt-get works with a list of sources of its own,
// below dir, and leaves the system's as they are. It returns the package's name and version.
func download(ctx context.Context, dir, log string) (string, error) {
	apt, err := newApt(ctx, dir)
	if err != nil {
		return "", err
	}
	c := command.Command{Dir: dir, Log: log}
	// A place that does not answer, or that is not Debian's, is no matter as long as another has the package.
	updated := c.Run(ctx, append(apt, "update")...)
	if err := c.Run(ctx, append(apt, "source", "busybox")...); err != nil {
		return "", fmt.Errorf("cannot get Debian's package (BUSYBOX_SRC may name a tarball or a tree instead): %w", errors.Join(updated, err))
	}
	trees, err := filepath.Glob(filepath.Join(dir, "busybox-*"))
	if err != nil {
		return "", err
	}
	descriptions, err := filepath.Glob(filepath.Join(dir, "busybox_*.dsc"))
	if err != nil {
		return "", err
	}
	if len(trees) != 1 || len(descriptions) != 1 {
		return "", fmt.Errorf("apt-get has left %d trees and %d descriptions of a package, want one of each", len(trees), len(descriptions))
	}
	name := strings.TrimSuffix(filepath.Base(descriptions[0]), ".dsc")
	return name, os.Rename(trees[0], filepath.Join(dir, "tree"))
}

// newApt returns the beginning of a call of apt-get that keeps everything below dir.
func newApt(ctx context.Context, dir string) ([]string, error) {
	// In this format apt says what the system's own sources are, in whatever form they are configured.
	indexes := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)", "Created-By: Packages")
	indexes.Env = command.Environment()
	out, err := indexes.Output()
	if err != nil {
		return nil, fmt.Errorf("apt-get does not run (BUSYBOX_SRC may name a tarball or a tree of busybox instead): %w", err)
	}
	list := filepath.Join(dir, "sources.list")
	if err := os.WriteFile(list, []byte(sourceList(string(out), exists(keyring))), 0o644); err != nil {
		return nil, err
	}
	state, cache := filepath.Join(dir, "lists"), filepath.Join(dir, "cache")
	for _, d := range []string{filepath.Join(state, "partial"), filepath.Join(cache, "archives", "partial")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	return []string{"apt-get", "-q", "-o", "Dir::Etc::SourceList=" + list, "-o", "Dir::Etc::SourceParts=/dev/null",
		"-o", "Dir::State::Lists=" + state, "-o", "Dir::Cache=" + cache,
		// Who built it may read it: the user that apt-get would become may not write here.
		"-o", "APT::Sandbox::User=root"}, nil
}

// sourceList returns a list of the places that have sources, for what apt-get says of those that have packages. Where it knows which of them
// are Debian's, the list has no other.
func sourceList(indexes string, signed bool) string {
	signature := ""
	if signed {
		signature = "[signed-by=" + keyring + "] "
	}
	var all, debian []string
	for line := range strings.Lines(indexes) {
		words := strings.Fields(line)
		if len(words) < 3 || words[2] != "main" {
			continue
		}
		entry := "deb-src " + signature + strings.Join(words[:3], " ") + "\n"
		all = append(all, entry)
		if len(words) > 3 && words[3] == "Debian" {
			debian = append(debian, entry)
		}
	}
	if len(debian) > 0 {
		all = debian
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "")
}
