package containerfs

import (
	"fmt"
	"os"
	"strings"
)

// Membership is the container that a task has in one hierarchy: a line of /proc/PID/container.
type Membership struct {
	// Subsystems names the hierarchy's subsystems, where it has any.
	Subsystems []string
	// Name is the hierarchy's name, told only where it has no subsystem.
	Name string
	// Path is the container's path in the hierarchy. A container that was removed while the task was dying in
	// it keeps its last path.
	Path string
	// Deleted tells whether the container has been removed.
	Deleted bool
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
		return nil, err
	}
	m, err := parseMembership(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
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
