package containerfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Membership is the container that a task has in one hierarchy: a line of /proc/PID/container.
type Membership struct {
	// Subsystems names the hierarchy's subsystems, where it has any.
	Subsystems []string `json:"subsystems"`
	// Name is the hierarchy's name, told only where it has no subsystem.
	Name string `json:"name"`
	// Path is the container's path in the hierarchy. A container that was removed while the task was dying in
	// it keeps its last path.
	Path string `json:"path"`
	// Deleted tells whether the container has been removed.
	Deleted bool `json:"deleted"`
}

// deleted is what the kernel puts after the path of a removed container.
const deleted = " (deleted)"

// MembershipOf returns the containers of the task pid, one for each active hierarchy.
func MembershipOf(pid int) ([]Membership, error) {
	return readMembership(fmt.Sprintf("/proc/%d/container", pid))
}

// MembershipOfThread returns the containers of the thread tid of the process pid.
func MembershipOfThread(pid, tid int) ([]Membership, error) {
	return readMembership(fmt.Sprintf("/proc/%d/task/%d/container", pid, tid))
}

func readMembership(path string) ([]Membership, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, whyNoMembership(path, cause(err))
	}
	m, err := parseMembership(string(text))
	if err != nil {
		return nil, fail("parse", path, err)
	}
	return m, nil
}

// whyNoMembership is the error of a task whose containers cannot be read: it is not there, or the kernel has none.
func whyNoMembership(path string, err error) error {
	if !Supported() {
		return notSupported()
	}
	e := fail("read", path, err)
	if errors.Is(err, fs.ErrNotExist) {
		e.Kind = ErrNoTask
	}
	return e
}

// Hierarchy returns the words that name the membership's hierarchy: its subsystems with commas between, or "name=" and its name.
func (m Membership) Hierarchy() string {
	if len(m.Subsystems) == 0 {
		return "name=" + m.Name
	}
	return strings.Join(m.Subsystems, ",")
}

// of tells whether the membership is in the hierarchy with these options.
func (m Membership) of(o Options) bool {
	if len(m.Subsystems) == 0 {
		return len(o.Subsystems) == 0 && m.Name == o.Name
	}
	return slices.Equal(m.Subsystems, o.Subsystems)
}

// parseMembership parses the text of /proc/PID/container.
func parseMembership(text string) ([]Membership, error) {
	var all []Membership
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		what, path, ok := strings.Cut(line, ":")
		if !ok || !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("line %q is not SUBSYSTEMS:PATH", line)
		}
		var m Membership
		if name, ok := strings.CutPrefix(what, "name="); ok {
			m.Name = name
		} else {
			m.Subsystems = strings.Split(what, ",")
		}
		m.Path, m.Deleted = strings.CutSuffix(path, deleted)
		all = append(all, m)
	}
	return all, nil
}
