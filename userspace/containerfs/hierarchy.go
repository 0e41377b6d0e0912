package containerfs

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Hierarchy is a tree of containers, by the directory where it is mounted.
type Hierarchy struct {
	// Dir is the mount point.
	Dir string
}

// At returns the hierarchy mounted at dir, or an error where dir is not the root of one.
func At(dir string) (Hierarchy, error) {
	points, err := MountPoints()
	if err != nil {
		return Hierarchy{}, err
	}
	for _, p := range points {
		if p.Dir != filepath.Clean(dir) || p.Root != "/" {
			continue
		}
		switch err := mounted(p.Dir); err {
		case nil:
			return Hierarchy{Dir: p.Dir}, nil
		case ErrNotMounted: // something else is mounted over it
		default:
			return Hierarchy{}, fail("use", dir, err)
		}
	}
	return Hierarchy{}, fail("use", dir, ErrNotMounted)
}

// BySubsystem returns where the hierarchy that a subsystem is bound to is mounted.
func BySubsystem(name string) (Hierarchy, error) {
	return find("the hierarchy of", name, func(o Options) bool { return slices.Contains(o.Subsystems, name) })
}

// ByName returns where the hierarchy of that name is mounted.
func ByName(name string) (Hierarchy, error) {
	return find("the hierarchy", "name="+name, func(o Options) bool { return o.Name == name })
}

// find returns the first hierarchy that is wanted.
func find(what, name string, wanted func(Options) bool) (Hierarchy, error) {
	points, err := MountPoints()
	if err != nil {
		return Hierarchy{}, err
	}
	for _, p := range points {
		if !wanted(p.Options) || p.Root != "/" {
			continue
		}
		switch err := mounted(p.Dir); err {
		case nil:
			return Hierarchy{Dir: p.Dir}, nil
		case ErrNotMounted: // something else is mounted over it
		default:
			return Hierarchy{}, fail("find "+what, name, err)
		}
	}
	e := fail("find "+what, name, ErrNotMounted)
	return Hierarchy{}, e.because(whyNotFound(name))
}

// whyNotFound tells why a subsystem has no mounted hierarchy.
func whyNotFound(name string) error {
	status, err := ReadStatus()
	if err != nil {
		return nil
	}
	if hierarchy, ok := strings.CutPrefix(name, "name="); ok {
		if slices.ContainsFunc(status.Hierarchies, func(h HierarchyStatus) bool { return h.Name == hierarchy }) {
			return errors.New("it is active, but not mounted")
		}
		return errors.New("there is none of that name")
	}
	for _, s := range status.Subsystems {
		switch {
		case s.Name != name:
		case s.Hierarchy == 0:
			return errors.New("no hierarchy has bound it: mount one with it")
		default:
			return fmt.Errorf("hierarchy %d has bound it, but is not mounted", s.Hierarchy)
		}
	}
	return fmt.Errorf("this kernel has no such subsystem, only %s", orNone(status.names()))
}

// orNone is a list in words.
func orNone(names []string) string {
	if len(names) == 0 {
		return "none at all"
	}
	return strings.Join(names, ", ")
}

// Unmount takes the mount away. A hierarchy without containers below its root then ends; another stays
// active, and the same options mount it again.
func (h Hierarchy) Unmount() error {
	if err := unix.Unmount(h.Dir, unix.UMOUNT_NOFOLLOW); err != nil {
		e := fail("unmount", h.Dir, err)
		switch {
		case err == unix.EBUSY:
			e.Reason = errors.New("a process has its working directory or an open file in it")
		case err == unix.EINVAL:
			e.Kind = ErrNotMounted
		}
		return e
	}
	return nil
}

// Root returns the container that has every other one below it.
func (h Hierarchy) Root() Container { return Container{Hierarchy: h, Path: "/"} }

// Container returns the container at path, relative to the root. It need not exist yet. Whatever is done with one whose path
// leads out of the hierarchy fails with ErrEscapes.
func (h Hierarchy) Container(path string) Container {
	rel := filepath.Clean(strings.TrimLeft(path, "/"))
	if rel == "." {
		return h.Root()
	}
	return Container{Hierarchy: h, Path: "/" + rel}
}

// Options returns what the hierarchy was mounted with.
func (h Hierarchy) Options() (Options, error) {
	p, err := h.mountPoint()
	return p.Options, err
}

func (h Hierarchy) mountPoint() (MountPoint, error) {
	points, err := MountPoints()
	if err != nil {
		return MountPoint{}, err
	}
	for _, p := range slices.Backward(points) {
		if p.Dir == h.Dir {
			return p, nil
		}
	}
	return MountPoint{}, fail("use", h.Dir, ErrNotMounted)
}

// ReleaseAgent returns the program that is run for a released container, empty where none is set.
func (h Hierarchy) ReleaseAgent() (string, error) {
	return h.Root().ReadString(fileReleaseAgent)
}

// SetReleaseAgent sets the program that is run for a released container; an empty path sets none.
// It takes CAP_SYS_ADMIN in the initial user namespace.
func (h Hierarchy) SetReleaseAgent(path string) error {
	return h.Root().Write(fileReleaseAgent, path+"\n")
}
