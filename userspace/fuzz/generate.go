package fuzz

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Limits keep what there is small: each step is followed by a look at all of it.
const (
	maxContainers = 9 // in all hierarchies, roots included
	maxTasks      = 8
	maxDepth      = 4
)

// Generator makes sequences. The same seed makes the same one: all choices rest on the model, none on what a kernel does.
type Generator struct {
	seed   uint64
	rand   *rand.Rand
	prefix string   // of the names of its tasks
	mounts []string // the options of mounts worth trying
	user   bool     // the step is perhaps an ordinary user's, who knows what is his
}

// NewGenerator returns a generator. Several at once give their tasks names that begin differently.
func NewGenerator(seed uint64, machine Machine, prefix string) *Generator {
	g := &Generator{seed: seed, rand: rand.New(rand.NewPCG(seed, 0)), prefix: prefix}
	g.mounts = g.chooseMounts(machine)
	return g
}

// Mix makes the generator go another way than others of its seed, whose hierarchies it shares.
func (g *Generator) Mix(n uint64) { g.rand = rand.New(rand.NewPCG(g.seed, n+1)) }

// Sequence returns steps from an empty machine on.
func (g *Generator) Sequence(machine Machine, steps int) []Op {
	m := NewModel(machine)
	ops := make([]Op, steps)
	for i := range ops {
		ops[i] = g.Next(m)
		m.Apply(ops[i])
	}
	return ops
}

// chooseMounts picks what the hierarchies of a sequence are of: two or three kinds, so that a sequence meets its own hierarchies again.
func (g *Generator) chooseMounts(machine Machine) []string {
	sets := []string{"none,name=x", "none,name=y", "none,name=x,clone_children=0"}
	for _, s := range machine.Subsystems {
		if _, known := models[s]; known {
			sets = append(sets, s, s, s, s+",name=x", s+",noprefix")
		}
	}
	if all := known(machine); len(all) > 1 {
		first := all[g.rand.IntN(len(all))]
		second := all[g.rand.IntN(len(all))]
		sets = append(sets, first+","+second)
	}
	chosen := []string{g.pick(sets), g.pick(sets), "none,name=z"}
	for _, set := range slices.Clone(chosen) {
		chosen = append(chosen, set, set+",release_agent="+g.pick(Agents))
	}
	return append(chosen, "name=x", "none", "none,cpuacct", "nosuch", "name=x,name=y", "name=", "none,name=a/b", "name="+strings.Repeat("n", 65),
		"none,name="+strings.Repeat("n", 64), "noprefix,"+chosen[0], "clone_children=2", "cpuacct=1")
}

// known returns the machine's subsystems that have a model.
func known(machine Machine) []string {
	return slices.DeleteFunc(slices.Clone(machine.Subsystems), func(s string) bool { return models[s] == nil })
}

func (g *Generator) pick(from []string) string { return from[g.rand.IntN(len(from))] }

func (g *Generator) chance(percent int) bool { return g.rand.IntN(100) < percent }

// steps are what can be done, and how often each is tried.
var steps = []struct {
	weight int
	make   func(g *Generator, m *Model) Op
}{
	{3, func(g *Generator, m *Model) Op { return op("mount", g.pick(Points), g.pick(g.mounts)) }},
	{1, func(g *Generator, m *Model) Op { return op("umount", g.pick(Points)) }},
	{1, (*Generator).remount},
	{12, func(g *Generator, m *Model) Op { return op("mkdir", g.newName(m)) }},
	{6, func(g *Generator, m *Model) Op { return op("rmdir", g.path(m)) }},
	{3, (*Generator).rename},
	{30, (*Generator).write},
	{25, func(g *Generator, m *Model) Op { return op("move", g.taskFile(m), g.task(m)) }},
	{5, func(g *Generator, m *Model) Op { return op("enter", g.taskFile(m), g.task(m)) }},
	{12, func(g *Generator, m *Model) Op { return op("fork", g.parent(m), g.newTask(m)) }},
	{2, func(g *Generator, m *Model) Op { return op("clone", g.task(m), g.newTask(m)) }},
	{2, func(g *Generator, m *Model) Op { return op("unshare", g.task(m)) }},
	{4, func(g *Generator, m *Model) Op { return op("thread", g.task(m), g.newTask(m)) }},
	{2, func(g *Generator, m *Model) Op { return op("drop", g.task(m)) }},
	{6, func(g *Generator, m *Model) Op { return op("own", g.anyPath(m), g.pick(owners)) }},
	{2, func(g *Generator, m *Model) Op { return op("mode", g.anyPath(m), g.pick(modes)) }},
	{1, func(g *Generator, m *Model) Op { return g.set(m) }},
	{2, func(g *Generator, m *Model) Op { return op("ask", g.task(m), g.pick(wishes)) }},
	{1, func(g *Generator, m *Model) Op { return g.plug(m) }},
	{1, func(g *Generator, m *Model) Op { return op("exec", g.task(m)) }},
	{3, func(g *Generator, m *Model) Op { return op("exit", g.task(m)) }},
	{4, func(g *Generator, m *Model) Op { return op("end", g.task(m)) }},
	{8, func(g *Generator, m *Model) Op { return op("reap", g.task(m)) }},
}

// Next returns a step that makes sense where the model is.
func (g *Generator) Next(m *Model) Op {
	total := 0
	for _, s := range steps {
		total += s.weight
	}
	for {
		n := g.rand.IntN(total)
		for _, s := range steps {
			if n -= s.weight; n < 0 {
				g.user = g.chance(3) || m.delegated() && g.chance(30)
				o := s.make(g, m)
				o.User = g.user && slices.Contains(byUser, o.Verb)
				if m.Enabled(o) && g.wanted(m, o) {
					return o
				}
				break
			}
		}
	}
}

// wanted keeps hierarchies and what is in them few.
func (g *Generator) wanted(m *Model, o Op) bool {
	switch o.Verb {
	case "mkdir":
		return m.containers() < maxContainers && strings.Count(o.Args[0], "/") <= maxDepth
	case "clone", "unshare":
		return len(m.tasks) < maxTasks && m.containers() < maxContainers
	case "fork", "thread":
		return len(m.tasks) < maxTasks
	case "umount":
		return len(m.hierarchies) > 1 || g.chance(20)
	}
	return true
}

func (m *Model) containers() int {
	n := 0
	for _, h := range m.hierarchies {
		n += len(h.root.all())
	}
	return n
}

func (g *Generator) remount(*Model) Op {
	return op("remount", g.pick(Points), g.pick(append([]string{"", "release_agent=", "release_agent=" + g.pick(Agents), "clone_children=0"}, g.mounts...)))
}

// delegated tells whether anything is the user's.
func (m *Model) delegated() bool {
	return slices.ContainsFunc(m.hierarchies, func(h *hierarchy) bool {
		return slices.ContainsFunc(h.root.all(), func(c *container) bool { return c.access.user })
	})
}

// dir returns a directory that there is; POINT/ is a root.
func (g *Generator) dir(m *Model) string {
	point := g.pick(Points)
	h := m.points[point]
	if h == nil {
		return point + "/"
	}
	all := h.root.all()
	if his := slices.DeleteFunc(slices.Clone(all), func(c *container) bool { return !c.access.user }); g.user && len(his) > 0 && g.chance(90) {
		all = his
	}
	return point + all[g.rand.IntN(len(all))].path()
}

func join(dir, name string) string { return strings.TrimSuffix(dir, "/") + "/" + name }

// names of containers, good, bad and taken.
var names = []string{"a", "b", "c", "a", "b", "c", "d e", "x:y", "tasks", "nosuch/a", "tasks/a", "new\nline", strings.Repeat("n", 256)}

// newName is where a container may be wanted.
func (g *Generator) newName(m *Model) string { return join(g.dir(m), g.pick(names)) }

// path is a directory, or what should not be taken for one.
func (g *Generator) path(m *Model) string {
	if g.chance(15) {
		return g.newName(m)
	}
	return g.dir(m)
}

// Who may have what, and what may be done with it: by the group what by others.
var (
	owners = []string{"user", "user", "user", "root"}
	modes  = []string{"755", "700", "777", "555", "644", "600", "666", "222", "000"}
)

// anyPath is a directory or a file.
func (g *Generator) anyPath(m *Model) string {
	dir := g.dir(m)
	if point, _, _ := strings.Cut(dir, "/"); m.points[point] == nil || g.chance(80) {
		return dir
	}
	return join(dir, g.pick(byWeight(m.files(m.find(dir).dir))))
}

// wishes are CPUs that a task may ask for.
var wishes = []string{"0-3", "0-3", "0", "1", "2-3", "1-2", "3"}

// plug takes a CPU away, or brings it back, which is what is done next but one when it is away.
func (g *Generator) plug(m *Model) Op {
	if m.online != upTo(m.machine.CPUs) {
		return op("cpu", (upTo(m.machine.CPUs) &^ m.online).String(), "on")
	}
	return op("cpu", strconv.Itoa(1+g.rand.IntN(m.machine.CPUs-1)), "off")
}

// set changes a parameter.
func (g *Generator) set(m *Model) Op {
	name := g.pick(slices.Sorted(maps.Keys(parameters)))
	return op("set", name, g.pick(parameters[name]))
}

func (g *Generator) rename(m *Model) Op {
	from := g.path(m)
	if g.chance(25) {
		return op("rename", from, g.newName(m))
	}
	return op("rename", from, join(from[:strings.LastIndex(from, "/")+1], g.pick(names)))
}

// taskFile is a container's tasks or procs.
func (g *Generator) taskFile(m *Model) string {
	return join(g.dir(m), g.pick([]string{"tasks", "tasks", "procs"}))
}

// task is one that there is, mostly.
func (g *Generator) task(m *Model) string {
	all := m.sorted()
	if len(all) == 0 || g.chance(3) {
		return g.prefix + "99"
	}
	if live := slices.DeleteFunc(slices.Clone(all), func(t *task) bool { return t.dead }); len(live) > 0 && g.chance(70) {
		all = live
	}
	if his := slices.DeleteFunc(slices.Clone(all), func(t *task) bool { return !t.user }); g.user && len(his) > 0 && g.chance(90) {
		all = his
	}
	return all[g.rand.IntN(len(all))].name
}

func (g *Generator) parent(m *Model) string {
	if g.chance(25) {
		return "me"
	}
	return g.task(m)
}

func (g *Generator) newTask(m *Model) string {
	for i := 1; ; i++ {
		if name := fmt.Sprint(g.prefix, i); m.tasks[name] == nil {
			return name
		}
	}
}

// nonsense is wrong for every file, or almost.
var nonsense = []string{"", " ", "\n", "x", "-1", "+1", "1 1", "1.5", "0x", "1\x00", "99999999999999999999", strings.Repeat("1", 5000),
	"4194305", "-0", "٣", "max", "1_0", "0b1", "0o7"}

func (g *Generator) write(m *Model) Op {
	dir := g.dir(m)
	point, _, _ := strings.Cut(dir, "/")
	if m.points[point] == nil {
		return op("write", dir, "")
	}
	at := m.find(dir)
	files := m.files(at.dir)
	name := g.pick(byWeight(files))
	values := files[name].values
	if f := files[name].valuesFor; f != nil {
		values = f(at.dir)
	}
	if len(values) == 0 || g.chance(12) {
		values = nonsense
	}
	return op("write", join(dir, name), g.pick(values))
}

// byWeight lists the names of files, each as often as it is to be tried.
func byWeight(files map[string]*file) []string {
	var all []string
	for name, f := range files {
		all = append(all, slices.Repeat([]string{name}, max(f.often, 1))...)
	}
	slices.Sort(all)
	return all
}
