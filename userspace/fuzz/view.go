package fuzz

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// View is what can be seen of a machine: what stands where. Tasks go by their names in it.
//
//	mount 0                   the options in /proc/mounts
//	hierarchy KEY             its line in /proc/containers, without what changes by itself
//	subsystem NAME            the same
//	0/a                       the names in a directory
//	access 0/a                whose it is, and its mode
//	0/a/tasks                 the content of a file; the root's tasks are ours only
//	task t1 KEY               the path in /proc/PID/container
//	status t1                 the CPUs and nodes in /proc/PID/status, while there are cpusets
//	released                  what release agents have been run for
//	parameter NAME            one of numtasks
//	online                    the CPUs that are
type View map[string]string

// Any is what a model has where it does not know, as the documents do not say: in place of a text, or of a part of one line.
const Any = "\x00any"

// matches tells whether what is seen is what a model has.
func matches(seen, want string) bool {
	parts := strings.Split(want, Any)
	if len(parts) == 1 || want == Any {
		return seen == want || want == Any
	}
	for i, part := range parts {
		at := strings.Index(seen, part)
		if i == len(parts)-1 {
			at = len(seen) - len(part)
		}
		if at < 0 || i == 0 && at != 0 || strings.Contains(seen[:at], "\n") || !strings.HasSuffix(seen[:at+len(part)], part) {
			return false
		}
		seen = seen[at+len(part):]
	}
	return true
}

// formatTasks is a listing of tasks in a view.
func formatTasks(names map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(names)), " ")
}

// Tasks is formatTasks for who sees numbers. A task without a name is one that should not be there.
func Tasks(names []string) string {
	listed := map[string]bool{}
	for _, n := range names {
		listed[n] = true
	}
	return formatTasks(listed)
}

// View returns what must be seen now.
func (m *Model) View() View {
	v := make(View, m.seen)
	v["released"] = Released(m.released)
	shown := map[*hierarchy]bool{}
	for _, p := range Points {
		h := m.points[p]
		if h == nil {
			continue
		}
		v["mount "+p] = h.mountOptions()
		if !shown[h] {
			m.seeTree(v, p, h)
		}
		shown[h] = true
	}
	v["online"] = m.online.String() + "\n"
	dummy := &hierarchy{}
	binds := map[string]*hierarchy{}
	for _, h := range m.hierarchies {
		v["hierarchy "+h.key()] = fmt.Sprintf("containers=%d subsystems=%s name=%s", len(h.root.all()), strings.Join(h.subsystems, ","), h.name)
		for _, s := range h.subsystems {
			binds[s] = h
		}
	}
	for _, s := range m.machine.Subsystems {
		if h := binds[s]; h != nil {
			v["subsystem "+s] = fmt.Sprintf("hierarchy=%s containers=%d active=1", h.key(), len(h.root.all()))
		} else {
			v["subsystem "+s] = fmt.Sprintf("hierarchy=%s containers=1 active=1", dummy.name)
		}
	}
	for _, t := range m.tasks {
		m.seeTask(v, t)
	}
	for _, s := range m.subsystems {
		if n, is := s.(*numtasks); is {
			n.seeParameters(v)
		}
	}
	m.seen = len(v)
	return v
}

// mountOptions is what /proc/mounts shows of the hierarchy's own.
func (h *hierarchy) mountOptions() string {
	options := slices.Clone(h.subsystems)
	if len(options) == 0 {
		options = append(options, "none")
	}
	if h.name != "" {
		options = append(options, "name="+h.name)
	}
	if h.noprefix {
		options = append(options, "noprefix")
	}
	if h.releaseAgent != "" {
		options = append(options, "release_agent="+h.releaseAgent)
	}
	return strings.Join(options, ",")
}

// seeTree adds the directories of a hierarchy and what their files contain.
func (m *Model) seeTree(v View, point string, h *hierarchy) {
	for _, c := range h.root.all() {
		dir := strings.TrimSuffix(point+c.path(), "/")
		files := m.files(c)
		v["access "+dir] = c.access.String()
		v[dir] = List(append(slices.Collect(maps.Keys(files)), slices.Collect(maps.Keys(c.children))...))
		for name, f := range files {
			if f.hidden {
				continue
			}
			v[dir+"/"+name] = Any
			if f.read != nil {
				v[dir+"/"+name] = f.read(m, c)
			}
		}
	}
}

// seeTask adds where a task is. Of a dead one that is known for the hierarchies that were active when it died.
func (m *Model) seeTask(v View, t *task) {
	for _, h := range m.hierarchies {
		key := "task " + t.name + " " + h.key()
		c := t.in[h]
		switch {
		case c == nil:
			v[key] = Any
		case c.removed:
			v[key] = c.path() + " (deleted)"
		default:
			v[key] = c.path()
		}
		for _, s := range h.models {
			s.see(m, t, v)
		}
	}
}

// List is a directory in a view: its names, sorted, none of which has a newline in it.
func List(names []string) string {
	slices.Sort(names)
	return strings.Join(names, "\n")
}

// Released is the runs of release agents in a view: agent and path, in no order.
func Released(runs []string) string { return List(slices.Clone(runs)) }

// Diff says in words where two views differ; empty where they do not.
func Diff(seen, want View) string {
	differs := func(key string) bool {
		is, isThere := seen[key]
		must, mustBe := want[key]
		return must != Any && !(isThere && mustBe && (is == must || matches(is, must)))
	}
	var keys []string
	for key := range want {
		if differs(key) {
			keys = append(keys, key)
		}
	}
	for key := range seen {
		if _, mustBe := want[key]; !mustBe {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var text strings.Builder
	for _, key := range keys {
		is, isThere := seen[key]
		must, mustBe := want[key]
		switch {
		case !isThere:
			fmt.Fprintf(&text, "  %s: is not there, must be %q\n", key, must)
		case !mustBe:
			fmt.Fprintf(&text, "  %s: %q is there, and must not\n", key, is)
		default:
			fmt.Fprintf(&text, "  %s: is %q, must be %q\n", key, is, must)
		}
	}
	return text.String()
}
