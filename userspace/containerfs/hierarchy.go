package containerfs

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Hierarchy is a tree of containers, by the directory where it is mounted.
type Hierarchy struct {
	// Dir is the mount point.
	Dir string
}

// Mount mounts a hierarchy at the directory dir. source is free text that /proc/mounts shows. Where a hierarchy with
// exactly these options is active, that one is mounted once more; an overlap with another one is EBUSY.
func Mount(source, dir string, o Options) (Hierarchy, error) {
	if err := unix.Mount(source, dir, Type, 0, o.String()); err != nil {
		return Hierarchy{}, &os.PathError{Op: "mount -t container -o " + o.String(), Path: dir, Err: err}
	}
	return Hierarchy{Dir: dir}, nil
}

// At returns the hierarchy mounted at dir, or an error where dir is not the root of one.
func At(dir string) (Hierarchy, error) {
	points, err := MountPoints()
	if err != nil {
		return Hierarchy{}, err
	}
	for _, p := range points {
		if p.Dir == filepath.Clean(dir) {
			return Hierarchy{Dir: p.Dir}, nil
		}
	}
	return Hierarchy{}, fmt.Errorf("%s: no container hierarchy is mounted here", dir)
}

// Unmount takes the mount away. A hierarchy without containers below its root then ends; another stays
// active, and the same options mount it again.
func (h Hierarchy) Unmount() error {
	if err := unix.Unmount(h.Dir, 0); err != nil {
		return &os.PathError{Op: "unmount", Path: h.Dir, Err: err}
	}
	return nil
}

// Root returns the container that has every other one below it.
func (h Hierarchy) Root() Container { return Container{Hierarchy: h, Path: "/"} }

// Container returns the container at path, relative to the root. It need not exist yet.
func (h Hierarchy) Container(path string) Container {
	return Container{Hierarchy: h, Path: filepath.Join("/", path)}
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
