package kernel

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gpc/harness/machine"
	"gpc/harness/series"
)

// Spec says which kernel is wanted: one to be built, as a flavor says, perhaps of another series and with more options; or one that
// somebody has built.
type Spec struct {
	// Flavor is how the kernel is configured and whether it has the laboratory's series. Of a given kernel it only says what is to be
	// expected.
	Flavor Flavor
	// Series is the directory of a series to be applied in place of the laboratory's, by any flavor; empty for none.
	Series string
	// More names fragments of images/config, such as "share", for what the flavors do without. They are merged after the flavor's.
	More []string
	// Config are files with options that are merged after all these, a later one over an earlier. What is no file, but the name of a fragment
	// of images/config, counts as one of More.
	Config []string
	// Given is a kernel that is there: an image, or the build directory that has it. It is taken as it is, whatever else is said.
	Given string
}

// Fragments for Spec.More.
const (
	// Share lets a guest have directories of the host's.
	Share = "share"
	// Suite is what other people's test suites ask of a kernel, disks among it.
	Suite = "suite"
	// DebugInfo has what debuggers want to know of a kernel, running or dumped.
	DebugInfo = "debug-info"
)

// Name is what reports call the kernel: the flavor, and what it has beside it.
func (s Spec) Name() string {
	if s.Given != "" {
		return s.Given
	}
	name := string(s.Flavor)
	if s.Series != "" {
		name += "+" + filepath.Base(s.Series)
	}
	for _, fragment := range s.More {
		name += "+" + fragment
	}
	for _, path := range s.Config {
		name += "+" + strings.TrimSuffix(filepath.Base(path), ".config")
	}
	return name
}

// fragments returns the names of the config fragments on a machine, in the order in which they are merged. Those of an architecture need not
// exist.
func (s Spec) fragments(m *machine.Machine) []string {
	names := s.Flavor.fragments(m.Name)
	for _, fragment := range s.More {
		names = append(names, fragment, fragment+"-"+m.Name)
	}
	return names
}

// Kernel returns the kernel that s describes, and makes all that it needs first, each only where something changed. Cancelling ctx stops
// the work; what is half-made is not trusted by the next call.
func (l *Lab) Kernel(ctx context.Context, m *machine.Machine, s Spec) (*Image, error) {
	if s.Given != "" {
		return given(m, s)
	}
	t, err := l.treeOf(s)
	if err != nil {
		return nil, err
	}
	more, files := l.SplitConfig(s.Config)
	s.More, s.Config = distinct(append(slices.Clone(s.More), more...)), files
	return l.build(ctx, t, m, s)
}

// treeOf returns the tree that a kernel is built from. A directory with a series has a tree of its own, so that it is built anew as little
// as ours is.
func (l *Lab) treeOf(s Spec) (Tree, error) {
	t := Tree{Name: "patched"}
	dir := l.SeriesDir()
	switch {
	case s.Series != "":
		var err error
		if dir, err = filepath.Abs(s.Series); err != nil {
			return t, err
		}
		if _, err := os.Stat(filepath.Join(dir, "series")); err != nil {
			return t, fmt.Errorf("%s has no series: %w", s.Series, err)
		}
		t.Name = ofSeries + identify(dir)
	case !s.Flavor.Patched():
		return Tree{Name: "pristine", Series: &series.Series{}}, nil
	}
	var err error
	t.Series, err = series.Load(dir)
	return t, err
}

// Series returns the series that is in the kernel which s describes.
func (l *Lab) Series(s Spec) (*series.Series, error) {
	t, err := l.treeOf(s)
	return t.Series, err
}

// identify makes a short name from texts.
func identify(texts ...string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(texts, "\x00"))))[:8]
}
