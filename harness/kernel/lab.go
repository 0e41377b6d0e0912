// Package kernel builds the laboratory's kernels: it unpacks the source, applies the series, configures and
// compiles, each only where something changed, and leaves nothing half-made that a second run would trust.
package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"gpc/harness/machine"
)

// Lab is the project's directory with what is built in it.
type Lab struct{ root string }

// Image is a built kernel.
type Image struct {
	Machine *machine.Machine
	Flavor  Flavor
	Path    string // the bootable file
	Dir     string // the build directory, with .config, vmlinux and System.map
	Source  string // the tree it was built from
	Release string // the kernel's version, as 6.12.117
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
				return &Lab{root: dir}, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return nil, errors.New("this is not inside the gpc repository: change to it first")
}

// Root is the repository's directory.
func (l *Lab) Root() string { return l.root }

// BuildDir is where everything built goes.
func (l *Lab) BuildDir() string { return filepath.Join(l.root, "build") }

// SeriesDir is the directory of the series.
func (l *Lab) SeriesDir() string { return filepath.Join(l.root, "kernel-patches") }

func (l *Lab) tree(name string) string { return filepath.Join(l.BuildDir(), "src", name) }

func (l *Lab) log(name string) (string, error) {
	dir := filepath.Join(l.BuildDir(), "log")
	return filepath.Join(dir, name+".log"), os.MkdirAll(dir, 0o755)
}

// lock keeps other processes from building at the same time; the result undoes it.
func (l *Lab) lock() (func(), error) {
	if err := os.MkdirAll(l.BuildDir(), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(l.BuildDir(), ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		fmt.Fprintln(os.Stderr, "waiting for another build to finish ...")
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			f.Close()
			return nil, err
		}
	}
	return func() { f.Close() }, nil
}
