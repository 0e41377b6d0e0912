package fuzz

import (
	"fmt"
	"syscall"
)

func init() { models["ns"] = func(Machine) subsystem { return ns{} } }

// ns makes containers for tasks that make namespaces. Their names are the tasks' numbers, which no model can foretell: here it is a task's BirthName, of who
// is born n-th.
type ns struct{ indifferent }

// BirthName is what the container is called that is made for the n-th task that was born in a sequence.
func BirthName(n int) string { return fmt.Sprint("=", n) }

func (ns) name() string { return "ns" }

func (ns) files() []file { return nsFiles }

var nsFiles = []file{{name: "proxy"}}

func (ns) create(*Model, *container) {}

// mayMove: into an empty child of where a task is; root into all that is below, and the tester, who is above them all, everywhere.
func (ns) mayMove(m *Model, tasks []*task, to *container) Errno {
	for _, t := range tasks {
		from := t.in[to.hierarchy]
		switch {
		case !m.user && (m.mover == nil || to.isBelow(from)):
		case to.parent == from && !m.populated(to):
		default:
			return syscall.EPERM
		}
	}
	return 0
}

// nsHierarchy is the one that ns is bound to, or nil.
func (m *Model) nsHierarchy() *hierarchy {
	for _, h := range m.hierarchies {
		if h.has("ns") {
			return h
		}
	}
	return nil
}

// ownContainer makes the container of a task with new namespaces, below the one that it is in, or was to be born in.
func (m *Model) ownContainer(parent *container, t *task) (*container, Errno) {
	name := BirthName(t.birth)
	if err := m.mayHaveChild(parent); err != 0 {
		return nil, err
	}
	if parent.children[name] != nil {
		return nil, syscall.EEXIST
	}
	c := m.newChild(parent, name, true)
	c.access, c.autoDelete = access{mode: 0o755}, true
	for _, s := range c.hierarchy.models {
		if s.name() == "ns" { // the kernel itself
			continue
		}
		if err := s.mayMove(m, []*task{t}, c); err != 0 {
			m.withdraw(c)
			return nil, err
		}
	}
	return c, 0
}

// withdraw takes back a container that nobody has seen.
func (m *Model) withdraw(c *container) {
	delete(c.parent.children, c.name)
	for _, s := range c.hierarchy.models {
		s.remove(m, c)
	}
}

// unshare has a task make namespaces: it moves to a container of its own.
func (m *Model) unshare(t *task) Errno {
	if t.user {
		return syscall.EPERM
	}
	h := m.nsHierarchy()
	if h == nil {
		return 0
	}
	c, err := m.ownContainer(t.in[h], t)
	if err != 0 {
		return err
	}
	m.moveTo([]*task{t}, c)
	return 0
}

// clone has a task make a process with namespaces of its own: it is born in a container of its own.
func (m *Model) clone(parent *task, name string) Errno {
	if parent.user {
		return syscall.EPERM
	}
	child := &task{name: name}
	child.process = child
	return m.bear(parent, child, true)
}
