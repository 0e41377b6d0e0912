// Package kernel builds the laboratory's kernels: it unpacks the source, applies the series, configures and
// compiles, each only where something changed, and leaves nothing half-made that a second run would trust.
package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gpc/harness/kconfig"
	"gpc/harness/lockfile"
	"gpc/harness/machine"
)

// Lab is the project's directory with what is built in it.
type Lab struct{ root string }

// Image is a built kernel. Of one that somebody else has built, what is not known is empty.
type Image struct {
	Machine *machine.Machine
	Flavor  Flavor
	Name    string // what reports call it
	Path    string // the bootable file
	Dir     string // the build directory
	Config  string // its configuration
	Symbols string // its System.map
	Source  string // the tree it was built from
	Release string // the kernel's version, as 6.12.117
}

// HZ returns how many jiffies a second has in the kernel, 0 if its configuration is not known.
func (i *Image) HZ() (int, error) {
	if i.Config == "" {
		return 0, nil
	}
	config, err := os.ReadFile(i.Config)
	if err != nil {
		return 0, err
	}
	hz, err := strconv.Atoi(kconfig.Value(config, "CONFIG_HZ"))
	if err != nil {
		return 0, fmt.Errorf("CONFIG_HZ in %s: %w", i.Config, err)
	}
	return hz, nil
}

// PatchesItself tells whether the kernel changes its own code while it runs, which it does where it has jump labels, and is taken to where its
// configuration is not known.
func (i *Image) PatchesItself() (bool, error) {
	if i.Config == "" {
		return true, nil
	}
	config, err := os.ReadFile(i.Config)
	return kconfig.Value(config, "CONFIG_JUMP_LABEL") == "y", err
}

// Linked returns the path of the kernel as it was linked, which has its symbols. Where it is not there, the error says what to do.
func (i *Image) Linked() (string, error) {
	dir := i.Dir
	if dir == "" {
		dir = filepath.Dir(i.Path)
	}
	path := filepath.Join(dir, "vmlinux")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("debuggers need the vmlinux of the kernel %s: give the directory in which it was built: %w", i.Path, err)
	}
	return path, nil
}

// OpenLab finds the repository from the working directory upwards, or else from the place of the program.
func OpenLab() (*Lab, error) {
	wd, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for _, start := range []string{wd, filepath.Dir(exe)} {
		for dir := start; ; dir = filepath.Dir(dir) {
			mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
			if err == nil && strings.HasPrefix(string(mod), "module gpc\n") {
				if err := checkPlace(dir); err != nil {
					return nil, err
				}
				return &Lab{root: dir}, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return nil, errors.New("this is not inside the gpc repository: change to it first")
}

// checkPlace returns an error if the kernel's build could not work in dir: make takes spaces and colons for ends of names, and shells and
// make take the others for their own.
func checkPlace(dir string) error {
	if i := strings.IndexAny(dir, " \t\n:#$%&'\"`\\;()<>*?|"); i >= 0 {
		return fmt.Errorf("the repository is in %q, and the kernel cannot be built where the path has a %q: move or clone it elsewhere", dir, dir[i])
	}
	return nil
}

// Root is the repository's directory.
func (l *Lab) Root() string { return l.root }

// BuildDir is where everything built goes.
func (l *Lab) BuildDir() string { return filepath.Join(l.root, "build") }

// SeriesDir is the directory of the series.
func (l *Lab) SeriesDir() string { return filepath.Join(l.root, "kernel-patches") }

// The trees that stand in for another: they lie to their objects as that one does, so that the names of files in the
// code are the same, and the compiler's cache serves both.
const (
	mutant    = "mutant"    // the patched tree, broken on purpose; with a number behind it, others that are tested at the same time
	unchanged = "unchanged" // the pristine tree, with the series and containers configured off
)

// ofSeries begins the names of trees that stand in for the patched one with another series than ours.
const ofSeries = "series-"

// MutantTree returns the name of the n-th tree for mutants, counted from 0.
func MutantTree(n int) string {
	if n == 0 {
		return mutant
	}
	return fmt.Sprintf("%s-%d", mutant, n+1)
}

// standsFor returns the tree that another one stands in for.
func standsFor(name string) (other string, ok bool) {
	switch {
	case name == mutant, strings.HasPrefix(name, mutant+"-"), strings.HasPrefix(name, ofSeries):
		return "patched", true
	case name == unchanged:
		return "pristine", true
	}
	return "", false
}

func (l *Lab) tree(name string) string {
	if other, ok := standsFor(name); ok {
		return filepath.Join(l.home(name), "src", other)
	}
	return filepath.Join(l.home(name), "src", name)
}

// home is where the tree called name has its src/ and kernel/.
func (l *Lab) home(name string) string {
	if _, ok := standsFor(name); ok {
		return filepath.Join(l.BuildDir(), name)
	}
	return l.BuildDir()
}

func (l *Lab) log(name string) (string, error) {
	dir := filepath.Join(l.BuildDir(), "log")
	return filepath.Join(dir, name+".log"), os.MkdirAll(dir, 0o755)
}

// lock keeps other processes from building at the same time; the result undoes it. It waits for them no longer than ctx lasts.
func (l *Lab) lock(ctx context.Context) (func(), error) {
	return lockfile.Lock(ctx, filepath.Join(l.BuildDir(), ".lock"))
}
