package containerfs

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// MountPoint is a place where a hierarchy is mounted, as /proc/self/mountinfo tells it.
type MountPoint struct {
	// Source is the free text that was given when it was mounted.
	Source string
	// Dir is the directory.
	Dir string
	// Root is the container that is mounted there: "/", or that of a bind mount of a part.
	Root string
	// Options is what the hierarchy is made of. A hierarchy of all subsystems names each of them here.
	Options Options
	// Flags are the options that belong to every mount, such as rw.
	Flags []string
}

// cpusetType is the filesystem's other name: what version 2.6 had under it is a hierarchy of cpusets.
const cpusetType = "cpuset"

// MountPoints returns the hierarchies mounted in the caller's mount namespace, in the order of their mounting.
func MountPoints() ([]MountPoint, error) {
	const path = "/proc/self/mountinfo"
	if !Supported() {
		return nil, notSupported()
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fail("open", path, cause(err))
	}
	defer f.Close()
	points, err := parseMounts(f)
	if err != nil {
		return nil, fail("parse", path, err)
	}
	return points, nil
}

// parseMounts picks the container filesystems out of the text of /proc/self/mountinfo.
func parseMounts(text io.Reader) ([]MountPoint, error) {
	mounts, err := mountinfo.GetMountsFromReader(text, func(m *mountinfo.Info) (skip, stop bool) {
		return m.FSType != Type && m.FSType != cpusetType, false
	})
	var points []MountPoint
	for _, m := range mounts {
		p := MountPoint{Source: m.Source, Dir: m.Mountpoint, Root: m.Root, Flags: strings.Split(m.Options, ",")}
		for word := range strings.SplitSeq(m.VFSOptions, ",") {
			p.Options.add(unescape(word))
		}
		p.Options.None = len(p.Options.Subsystems) == 0
		points = append(points, p)
	}
	return points, err
}

// container returns the container at rel below the mount point. Its hierarchy is the mount point itself: where a part is mounted
// that part is all that can be reached.
func (p MountPoint) container(rel string) Container { return Hierarchy{Dir: p.Dir}.Container(rel) }

// Reach returns the container at path, relative to the hierarchy's own root as the kernel tells it in /proc and to release agents.
// Where only a part is mounted, what is not in that part cannot be reached.
func (p MountPoint) Reach(path string) (Container, error) {
	rel, err := filepath.Rel(p.Root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return Container{}, fail("reach "+path+" in", p.Dir, ErrEscapes)
	}
	return p.container(rel), nil
}

// unescape turns the \ooo that the kernel writes for blanks, backslashes and separators back into the byte.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
