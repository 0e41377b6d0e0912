package containerfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Status is what /proc/containers tells.
type Status struct {
	Hierarchies []HierarchyStatus `json:"hierarchies"`
	Subsystems  []SubsystemStatus `json:"subsystems"`
}

// HierarchyStatus is one active hierarchy, mounted or not.
type HierarchyStatus struct {
	// ID is the hierarchy's number.
	ID int `json:"id"`
	// Containers counts its containers, the root included.
	Containers int `json:"containers"`
	// Tasks counts the tasks in all of its containers.
	Tasks int `json:"tasks"`
	// Subsystems names those that are bound to it.
	Subsystems []string `json:"subsystems"`
	// Name is its name, empty where it has none.
	Name string `json:"name"`
}

// SubsystemStatus is one registered subsystem.
type SubsystemStatus struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
	// Hierarchy is the number of the hierarchy that the subsystem is bound to, 0 for none.
	Hierarchy int `json:"hierarchy"`
	// Containers counts the containers of that hierarchy.
	Containers int `json:"containers"`
	// Active tells whether the subsystem is completely registered.
	Active bool `json:"active"`
}

// statusPath is there where the kernel has containers.
const statusPath = "/proc/containers"

// ReadStatus reads /proc/containers.
func ReadStatus() (Status, error) {
	text, err := os.ReadFile(statusPath)
	if errors.Is(err, fs.ErrNotExist) {
		return Status{}, notSupported()
	}
	if err != nil {
		return Status{}, fail("read", statusPath, cause(err))
	}
	s, err := ParseStatus(string(text))
	if err != nil {
		return Status{}, fail("parse", statusPath, err)
	}
	return s, nil
}

// Supported tells whether the kernel has process containers, as far as /proc says.
func Supported() bool {
	_, err := os.Stat(statusPath)
	return !errors.Is(err, fs.ErrNotExist)
}

// notSupported is the error where there is no status to be read.
func notSupported() error {
	e := &Error{Op: "read", Path: statusPath, Kind: ErrNoContainers, Err: unix.ENOENT}
	if _, err := os.Stat("/proc/self"); err != nil {
		e.Kind, e.Reason = nil, errors.New("/proc is not mounted")
	}
	return e
}

// names returns the names of the subsystems.
func (s Status) names() []string {
	var names []string
	for _, subsystem := range s.Subsystems {
		names = append(names, subsystem.Name)
	}
	return names
}

// ParseStatus parses the text of /proc/containers, for who has read it already: two headed parts of lines "ID: KEY=VALUE...".
func ParseStatus(text string) (Status, error) {
	var s Status
	part := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "Hierarchies:" || line == "Subsystems:" {
			part = line
			continue
		}
		r, err := parseRecord(line)
		if err != nil {
			return Status{}, err
		}
		switch part {
		case "Hierarchies:":
			s.Hierarchies = append(s.Hierarchies, r.hierarchy())
		case "Subsystems:":
			s.Subsystems = append(s.Subsystems, r.subsystem())
		default:
			r.fail("stands before the first heading")
		}
		if r.err != nil {
			return Status{}, r.err
		}
	}
	return s, nil
}

// record is a line of /proc/containers. It keeps its first error, so that it can be read without a check at each field.
type record struct {
	line   string
	id     int
	fields map[string]string
	err    error
}

func parseRecord(line string) (*record, error) {
	r := &record{line: line, fields: map[string]string{}}
	id, rest, ok := strings.Cut(line, ":")
	if !ok {
		return nil, fmt.Errorf("line %q has no number in front", line)
	}
	r.id = r.number("the number in front", id)
	for word := range strings.FieldsSeq(rest) {
		key, value, ok := strings.Cut(word, "=")
		if !ok {
			return nil, fmt.Errorf("line %q: %q is not KEY=VALUE", line, word)
		}
		r.fields[key] = value
	}
	return r, r.err
}

func (r *record) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("line %q: "+format, append([]any{r.line}, args...)...)
	}
}

func (r *record) number(what, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		r.fail("%s: %w", what, err)
	}
	return n
}

func (r *record) field(key string) int { return r.number(key, r.fields[key]) }

func (r *record) hierarchy() HierarchyStatus {
	h := HierarchyStatus{ID: r.id, Containers: r.field("containers"), Tasks: r.field("tasks"), Name: r.fields["name"]}
	if list := r.fields["subsystems"]; list != "" {
		h.Subsystems = strings.Split(list, ",")
	}
	return h
}

func (r *record) subsystem() SubsystemStatus {
	return SubsystemStatus{ID: r.id, Name: r.fields["name"], Hierarchy: r.field("hierarchy"),
		Containers: r.field("containers"), Active: r.field("active") == 1}
}
