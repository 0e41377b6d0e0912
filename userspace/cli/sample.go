package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gpc/userspace/containerfs"
)

// sample is what all containers used at a moment.
type sample struct {
	at   time.Time
	rows []sampleRow
}

// sampleRow is what a container used, with all below it. Pointers are nil where that is not counted, or not known yet.
type sampleRow struct {
	identity
	containerfs.Figures
	// TasksBelow counts the tasks of the container and of all below it.
	TasksBelow int `json:"tasks_below"`
	// Percent is the CPU time since the sample before, in percent of one CPU.
	Percent *float64 `json:"cpu_percent,omitempty"`
}

// takeSample reads the figures of the containers that args name and of all below them. before is the last sample, or nil.
func takeSample(args []string, before *sample) (*sample, error) {
	tops, err := places(args)
	if err != nil {
		return nil, err
	}
	s := &sample{at: time.Now()}
	for _, top := range tops {
		if _, err := s.add(top); err != nil {
			return nil, err
		}
	}
	s.compare(before)
	return s, nil
}

// add adds a container and those below it, and returns the number of their tasks. What has vanished meanwhile is left out.
func (s *sample) add(p place) (tasks int, err error) {
	f, err := p.Figures(p.subsystems)
	if err != nil {
		return 0, err
	}
	at := len(s.rows)
	s.rows = append(s.rows, sampleRow{identity: p.id, Figures: f})
	tasks = f.Tasks
	children, err := p.Children()
	if err != nil {
		return 0, err
	}
	for _, child := range children {
		known := len(s.rows)
		n, err := s.add(p.at(child))
		if err != nil {
			if child.Exists() {
				return 0, err
			}
			s.rows = s.rows[:known]
		}
		tasks += n
	}
	s.rows[at].TasksBelow = tasks
	return tasks, nil
}

// compare works out rates from an earlier sample.
func (s *sample) compare(before *sample) {
	if before == nil {
		return
	}
	passed := s.at.Sub(before.at)
	old := map[identity]*time.Duration{}
	for _, row := range before.rows {
		old[row.identity] = row.CPU
	}
	for i := range s.rows {
		row := &s.rows[i]
		was := old[row.identity]
		// A smaller figure is that of another container in the same place.
		if was == nil || row.CPU == nil || *row.CPU < *was || passed <= 0 {
			continue
		}
		percent := 100 * float64(*row.CPU-*was) / float64(passed)
		row.Percent = &percent
	}
}

// sortKey is something that rows can be sorted by.
type sortKey struct {
	name    string
	key     rune // that chooses it in 'gpc top'
	compare func(a, b sampleRow) int
}

// sortKeys are what rows can be sorted by; the largest figure comes first.
var sortKeys = []sortKey{
	{"cpu", 'c', func(a, b sampleRow) int {
		return cmp.Or(compareKnown(b.Percent, a.Percent), compareKnown(b.CPU, a.CPU))
	}},
	{"time", 's', func(a, b sampleRow) int { return compareKnown(b.CPU, a.CPU) }},
	{"tasks", 't', func(a, b sampleRow) int { return cmp.Compare(b.TasksBelow, a.TasksBelow) }},
	{"files", 'f', func(a, b sampleRow) int { return compareKnown(b.Files, a.Files) }},
	{"pages", 'm', func(a, b sampleRow) int { return compareKnown(b.Private, a.Private) }},
	{"refused", 'x', func(a, b sampleRow) int { return compareKnown(b.Failures, a.Failures) }},
	{"path", 'p', func(a, b sampleRow) int { return 0 }},
}

// compareKnown compares figures; one that is not known is the smallest.
func compareKnown[T cmp.Ordered](a, b *T) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

// sortKeyNames lists the keys.
func sortKeyNames() []string {
	var names []string
	for _, k := range sortKeys {
		names = append(names, k.name)
	}
	return names
}

// sortBy sorts the rows, equal ones by hierarchy and path.
func (s *sample) sortBy(name string, reverse bool) {
	i := slices.IndexFunc(sortKeys, func(k sortKey) bool { return k.name == name })
	slices.SortFunc(s.rows, func(a, b sampleRow) int {
		order := cmp.Or(sortKeys[i].compare(a, b), cmp.Compare(a.Hierarchy, b.Hierarchy), cmp.Compare(a.Path, b.Path))
		if reverse {
			return -order
		}
		return order
	})
}

// table returns the sample as a table. The container comes last: where a line has to be cut, figures stay.
func (s *sample) table() *table {
	t := &table{columns: columns(">%CPU", ">TIME", ">TASKS", ">FILES", ">PAGES", ">REFUSED", "CONTAINER")}
	hierarchies := map[string]bool{}
	for _, row := range s.rows {
		hierarchies[row.Hierarchy] = true
	}
	for _, row := range s.rows {
		percent, used := "-", "-"
		if row.Percent != nil {
			percent = fmt.Sprintf("%.1f", *row.Percent)
		}
		if row.CPU != nil {
			used = duration(*row.CPU)
		}
		name := row.Path
		if len(hierarchies) > 1 {
			name = row.identity.String()
		}
		t.add(percent, used, fmt.Sprint(row.TasksBelow), numberOrDash(row.Files), numberOrDash(row.Private), numberOrDash(row.Failures), name)
	}
	return t
}

// keyHelp tells which key sorts by what.
func keyHelp() string {
	var words []string
	for _, k := range sortKeys {
		words = append(words, string(k.key)+" "+k.name)
	}
	return strings.Join(words, "  ")
}
