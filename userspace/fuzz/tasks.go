package fuzz

import (
	"maps"
	"slices"
	"syscall"
)

// threads returns the live threads of a process.
func (m *Model) threads(process *task) []*task {
	return slices.DeleteFunc(m.sorted(), func(t *task) bool { return t.dead || t.process != process })
}

// fork makes a process in its parent's containers. The tester is in the roots.
func (m *Model) fork(parent, name string) Errno {
	child := &task{name: name}
	child.process = child
	from := m.tasks[parent]
	if from != nil {
		child.user = from.user
	}
	return m.bear(from, child, false)
}

func (m *Model) thread(of *task, name string) Errno {
	return m.bear(of, &task{name: name, process: of, deaf: true, user: of.user}, false)
}

// bear adds a task that parent makes, the tester if nil, if all subsystems agree; perhaps with namespaces of its own.
func (m *Model) bear(parent, child *task, namespaces bool) Errno {
	child.birth = m.births + 1
	child.in = map[*hierarchy]*container{}
	for _, h := range m.hierarchies {
		child.in[h] = h.root
	}
	if parent != nil {
		maps.Copy(child.in, parent.in)
		child.wish = parent.wish
	}
	var own *container
	if h := m.nsHierarchy(); h != nil && namespaces {
		var err Errno
		if own, err = m.ownContainer(child.in[h], child); err != 0 {
			return err
		}
		child.in[h] = own
	}
	for _, s := range m.subsystems {
		for h, c := range child.in {
			if h.has(s.name()) {
				if err := s.mayFork(m, child, c); err != 0 {
					if own != nil {
						m.withdraw(own)
					}
					return err
				}
			}
		}
	}
	m.births++
	m.tasks[child.name] = child
	for _, h := range m.hierarchies {
		for _, s := range h.models {
			s.forked(m, child, child.in[h], parent == nil)
		}
	}
	// Its address space was made before it had a container of its own.
	if own != nil && child.memory == own {
		child.memory = parent.in[own.hierarchy]
	}
	return 0
}

// exec ends the other threads of the process, and it listens no more.
func (m *Model) exec(process *task) {
	process.deaf = true
	home := process.memory
	for _, t := range m.threads(process) {
		if t != process {
			m.exit(t)
		}
	}
	for _, h := range m.hierarchies {
		for _, s := range h.models {
			s.executed(m, process, process.in[h])
		}
	}
	m.lostMemory(home)
}

// lostMemory is what becomes of a container that has lost an address space.
func (m *Model) lostMemory(home *container) {
	if home != nil {
		m.lost(home)
	}
}

// exit ends a thread. A process can be seen, dead, until it is reaped.
func (m *Model) exit(t *task) {
	t.dead = true
	if t.process != t {
		m.forget(t)
	}
	home := t.process.memory
	if len(m.threads(t.process)) > 0 {
		home = nil
	}
	for _, h := range slices.Clone(m.hierarchies) {
		if c := t.in[h]; c != nil {
			m.lost(c)
			if c == home {
				home = nil
			}
		}
	}
	m.lostMemory(home)
}

// end kills a process.
func (m *Model) end(process *task) {
	for _, t := range m.threads(process) {
		m.exit(t)
	}
}

func (m *Model) reap(process *task) { m.forget(process) }

// forget is the end of a task's number.
func (m *Model) forget(t *task) {
	delete(m.tasks, t.name)
	for h, c := range t.in {
		for _, s := range h.models {
			s.reaped(m, t, c)
		}
	}
}

// move is the tester writing a task's number.
func (m *Model) move(path, name string) Errno {
	at := m.find(path)
	if err := m.writable(at); err != 0 {
		return err
	}
	t := m.tasks[name]
	if t == nil {
		return syscall.ESRCH // a number that nobody has
	}
	moved := m.moved(t, at.name)
	if m.user && slices.ContainsFunc(moved, func(t *task) bool { return !t.user }) {
		return syscall.EACCES
	}
	return m.attach(moved, at.in)
}

// moved returns who moves when the number of t is written to a file.
func (m *Model) moved(t *task, file string) []*task {
	if file == "procs" {
		return m.threads(t.process)
	}
	if t.dead {
		return nil
	}
	return []*task{t}
}

// enter is a task writing 0 for itself.
func (m *Model) enter(path string, t *task) Errno {
	m.user, m.mover = t.user, t
	at := m.find(path)
	if err := m.writable(at); err != 0 {
		return err
	}
	return m.attach(m.moved(t, at.name), at.in)
}

// writable is the error of opening what should be a file.
func (m *Model) writable(at place) Errno {
	switch {
	case at.err != 0:
		return at.err
	case at.dir != nil:
		return syscall.EISDIR
	case !at.file:
		return syscall.ENOENT
	case !m.may(m.accessOf(at), change):
		return syscall.EACCES
	}
	return 0
}

// attach moves tasks into a container, all or none.
func (m *Model) attach(tasks []*task, to *container) Errno {
	if len(tasks) == 0 {
		return syscall.ESRCH
	}
	// Of those that are there already nobody is asked.
	moving := slices.DeleteFunc(slices.Clone(tasks), func(t *task) bool { return t.in[to.hierarchy] == to })
	for _, s := range to.hierarchy.models {
		if err := s.mayMove(m, moving, to); len(moving) > 0 && err != 0 {
			return err
		}
	}
	m.moveTo(moving, to)
	return 0
}

// moveTo moves tasks that may be moved.
func (m *Model) moveTo(tasks []*task, to *container) {
	for _, t := range tasks {
		from := t.in[to.hierarchy]
		t.in[to.hierarchy] = to
		for _, s := range to.hierarchy.models {
			s.moved(m, t, from, to)
		}
		m.lost(from)
	}
}
