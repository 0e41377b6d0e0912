package containerfs

import (
	"os"
	"strconv"
	"strings"
)

// MountPoint is a place where a hierarchy is mounted, as /proc/mounts tells it.
type MountPoint struct {
	// Source is the free text that was given when it was mounted.
	Source string
	// Dir is the directory.
	Dir string
	// Options is what the hierarchy is made of. A hierarchy of all subsystems names each of them here.
	Options Options
	// Flags are the options that belong to every filesystem, such as rw.
	Flags []string
}

// MountPoints returns the hierarchies mounted in the caller's mount namespace, in the order of their mounting.
func MountPoints() ([]MountPoint, error) {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	return parseMounts(string(text)), nil
}

// parseMounts picks the container filesystems out of the text of /proc/mounts.
func parseMounts(text string) []MountPoint {
	var points []MountPoint
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[2] != Type && fields[2] != LegacyType {
			continue
		}
		p := MountPoint{Source: unescape(fields[0]), Dir: unescape(fields[1])}
		for word := range strings.SplitSeq(fields[3], ",") {
			p.addOption(unescape(word))
		}
		p.Options.None = len(p.Options.Subsystems) == 0
		points = append(points, p)
	}
	return points
}

func (p *MountPoint) addOption(word string) {
	key, value, hasValue := strings.Cut(word, "=")
	switch {
	case key == "name" && hasValue:
		p.Options.Name = value
	case key == "release_agent" && hasValue:
		p.Options.ReleaseAgent = value
	case word == "noprefix":
		p.Options.NoPrefix = true
	case word == "none":
		// Follows from there being no subsystem.
	case vfsFlags[word]:
		p.Flags = append(p.Flags, word)
	default:
		p.Options.Subsystems = append(p.Options.Subsystems, word)
	}
}

// vfsFlags are the words that the kernel itself may put before a filesystem's own options.
var vfsFlags = map[string]bool{
	"rw": true, "ro": true, "sync": true, "dirsync": true, "mand": true, "lazytime": true, "nosuid": true, "nodev": true,
	"noexec": true, "noatime": true, "nodiratime": true, "relatime": true, "nosymfollow": true,
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
