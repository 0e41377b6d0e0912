package fuzz

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"syscall"
)

// Errno is what a step returns; 0 where it succeeds.
type Errno = syscall.Errno

// Machine is what a model has to know of the kernel and the machine that it is compared with.
type Machine struct {
	Subsystems []string // all, in the order of their numbers
	CPUs, Mems int      // all online, numbered from 0
}

// Points are the places where hierarchies are mounted.
var Points = []string{"0", "1", "2"}

// maxHierarchies is more than there are points: too many at once are another test's matter.
const maxHierarchies = 8

// Model is what the documents say of a machine on which certain steps have been done. Nothing in it comes from the kernel.
type Model struct {
	machine     Machine
	hierarchies []*hierarchy // active
	points      map[string]*hierarchy
	tasks       map[string]*task // alive, or dead and not reaped
	released    []string         // runs of release agents: the agent and its argument
	subsystems  []subsystem      // that have a model, in the machine's order
	user        bool             // the step is an ordinary user's
	mover       *task            // who writes its own number
	births      int
	online      bits
	seen        int // how much there was to be seen the last time
}

// hierarchy is an active one.
type hierarchy struct {
	subsystems   []string // in the machine's order
	models       []subsystem
	name         string
	noprefix     bool
	releaseAgent string
	root         *container
	mounts       int
	// What files returns, once it has been asked for.
	files, rootFiles map[string]*file
}

// key is the name of a hierarchy in /proc/PID/container.
func (h *hierarchy) key() string {
	if len(h.subsystems) == 0 {
		return "name=" + h.name
	}
	return strings.Join(h.subsystems, ",")
}

func (h *hierarchy) has(subsystem string) bool { return slices.Contains(h.subsystems, subsystem) }

// container is one, also when it has been removed and dead tasks remember it.
type container struct {
	hierarchy       *hierarchy
	parent          *container // nil for the root
	name            string
	children        map[string]*container
	removed         bool
	notifyOnRelease bool
	cloneChildren   bool
	autoDelete      bool
	maxDescendants  uint64
	access          access            // of the directory
	filesOfUser     bool              // the others are his
	fileAccess      map[string]access // of files that are not as they were made
	states          map[string]any    // of the subsystems
}

// noMax is "max" of max_descendants.
const noMax = 1<<32 - 1

// task is a thread.
type task struct {
	name    string
	process *task // its first thread, which may be itself
	birth   int   // the how many-th it was
	wish    bits  // for CPUs; 0 where it does not care
	dead    bool  // and not reaped
	deaf    bool  // takes no orders: it executes a program, or is a thread
	user    bool  // has dropped its privileges
	in      map[*hierarchy]*container
	memory  *container // where the address space was made, if a subsystem counts that; of processes
}

// NewModel returns the model of a machine where nothing is mounted.
func NewModel(machine Machine) *Model {
	m := &Model{machine: machine, online: upTo(machine.CPUs), points: map[string]*hierarchy{}, tasks: map[string]*task{}}
	for _, name := range machine.Subsystems {
		if newModel, known := models[name]; known {
			m.subsystems = append(m.subsystems, newModel(machine))
		}
	}
	return m
}

// path returns the container's path in its hierarchy.
func (c *container) path() string {
	if c.parent == nil {
		return "/"
	}
	return strings.TrimSuffix(c.parent.path(), "/") + "/" + c.name
}

func (c *container) isRoot() bool { return c.parent == nil }

// isBelow tells whether c is top, or somewhere below it.
func (c *container) isBelow(top *container) bool {
	for ; c != nil; c = c.parent {
		if c == top {
			return true
		}
	}
	return false
}

// all returns the container and all below it, parents first, children by name.
func (c *container) all() []*container {
	found := []*container{c}
	for _, name := range slices.Sorted(maps.Keys(c.children)) {
		found = append(found, c.children[name].all()...)
	}
	return found
}

func (c *container) descendants() uint64 { return uint64(len(c.all()) - 1) }

// sorted returns all tasks by name.
func (m *Model) sorted() []*task {
	return slices.SortedFunc(maps.Values(m.tasks), func(a, b *task) int { return cmp.Compare(a.name, b.name) })
}

// tasksIn returns the live tasks of a container.
func (m *Model) tasksIn(c *container) []*task {
	return slices.DeleteFunc(m.sorted(), func(t *task) bool { return t.dead || t.in[c.hierarchy] != c })
}

// populated tells whether a live task is in the container or below it.
func (m *Model) populated(c *container) bool {
	for _, t := range m.tasks {
		if !t.dead && t.in[c.hierarchy].isBelow(c) {
			return true
		}
	}
	return false
}

// Apply does a step that Enabled allows, and returns its errno: 0, or the model is as it was.
func (m *Model) Apply(o Op) Errno {
	m.user = o.User
	defer func() { m.user, m.mover = false, nil }()
	switch a := append(o.Args, "", ""); o.Verb {
	case "mount":
		return m.mount(a[0], a[1])
	case "remount":
		return m.remount(a[0], a[1])
	case "umount":
		return m.umount(a[0])
	case "mkdir":
		return m.mkdir(a[0])
	case "rmdir":
		return m.rmdir(a[0])
	case "rename":
		return m.rename(a[0], a[1])
	case "write":
		return m.write(a[0], a[1])
	case "move":
		return m.move(a[0], a[1])
	case "own":
		return m.own(a[0], a[1] == "user")
	case "mode":
		return m.mode(a[0], a[1])
	case "set":
		return m.set(a[0], a[1])
	case "cpu":
		m.plug(a[0], a[1] == "on")
	case "ask":
		return m.ask(m.tasks[a[0]], a[1])
	case "enter":
		return m.enter(a[0], m.tasks[a[1]])
	case "fork":
		return m.fork(a[0], a[1])
	case "thread":
		return m.thread(m.tasks[a[0]], a[1])
	case "clone":
		return m.clone(m.tasks[a[0]], a[1])
	case "unshare":
		return m.unshare(m.tasks[a[0]])
	case "drop":
		m.tasks[a[0]].user = true
	case "exec":
		m.exec(m.tasks[a[0]])
	case "exit":
		m.exit(m.tasks[a[0]])
	case "end":
		m.end(m.tasks[a[0]])
	case "reap":
		m.reap(m.tasks[a[0]])
	}
	return 0
}

// Enabled tells whether a step makes sense where the model is: whether there is a task that could do it, and whose result is ours to tell. What
// is left of a sequence when steps have been taken out is done where it still makes sense.
func (m *Model) Enabled(o Op) bool {
	if m.online != upTo(m.machine.CPUs) && aboutCPUs(o) {
		return false
	}
	listens := func(name string) bool { t := m.tasks[name]; return t != nil && !t.dead && !t.deaf }
	switch a := append(o.Args, "", ""); o.Verb {
	case "mount":
		return slices.Contains(Points, a[0]) && m.points[a[0]] == nil && m.hasModels(a[1])
	case "remount", "umount":
		return m.points[a[0]] != nil
	case "mkdir", "rmdir", "write", "own", "mode":
		return m.mounted(a[0])
	case "set":
		return slices.ContainsFunc(m.subsystems, func(s subsystem) bool { return s.name() == "numtasks" })
	case "rename":
		from, old, _ := strings.Cut(a[0], "/")
		to, name, _ := strings.Cut(a[1], "/")
		return m.mounted(a[0]) && from == to && old != "" && name != ""
	case "move":
		return m.mounted(a[0]) && takesTasks(a[0])
	case "enter":
		return m.mounted(a[0]) && takesTasks(a[0]) && listens(a[1])
	case "fork":
		return (a[0] == "me" || listens(a[0])) && m.tasks[a[1]] == nil
	case "thread", "clone":
		return listens(a[0]) && m.tasks[a[1]] == nil
	case "cpu":
		return m.mayPlug(a[0], a[1])
	case "ask":
		t := m.tasks[a[0]]
		return t != nil && !t.dead
	case "exec", "drop", "unshare":
		return listens(a[0])
	case "exit":
		return m.tasks[a[0]] != nil && !m.tasks[a[0]].dead && (listens(a[0]) || m.tasks[a[0]].process != m.tasks[a[0]])
	case "end":
		t := m.tasks[a[0]]
		return t != nil && t.process == t && len(m.threads(t)) > 0
	case "reap":
		t := m.tasks[a[0]]
		return t != nil && t.process == t && len(m.threads(t)) == 0
	}
	return false
}

// mounted tells whether a path begins with a point where something is mounted.
func (m *Model) mounted(path string) bool {
	point, _, below := strings.Cut(path, "/")
	return below && m.points[point] != nil
}

// takesTasks tells whether a path may be that of a file to which the numbers of tasks are written.
func takesTasks(path string) bool {
	return strings.HasSuffix(path, "/tasks") || strings.HasSuffix(path, "/procs")
}
