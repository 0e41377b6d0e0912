package fuzz

import (
	"slices"
	"strings"
	"syscall"
)

// newContainer returns a container that nobody sees yet.
func newContainer(h *hierarchy, parent *container, name string) *container {
	c := &container{hierarchy: h, parent: parent, name: name, children: map[string]*container{}, maxDescendants: noMax, states: map[string]any{},
		access: access{mode: 0o555}, fileAccess: map[string]access{}}
	if parent != nil {
		c.notifyOnRelease, c.cloneChildren = parent.notifyOnRelease, parent.cloneChildren
	}
	return c
}

// place is where a path leads: to a container, to a file of one, or to a name in one that is free.
type place struct {
	in   *container // what has the name; nil where the name is the root's
	name string
	dir  *container
	file bool
	err  Errno // of the way there
}

// find follows a path, POINT/NAME/NAME.
func (m *Model) find(path string) place {
	point, rest, _ := strings.Cut(path, "/")
	here := m.points[point].root
	at := place{dir: here}
	for name := range strings.SplitSeq(rest, "/") {
		switch {
		case name == "":
			continue
		case at.file:
			return place{err: syscall.ENOTDIR}
		case at.dir == nil:
			return place{err: syscall.ENOENT}
		case !m.may(at.dir.access, search):
			return place{err: syscall.EACCES}
		}
		at = place{in: at.dir, name: name, dir: at.dir.children[name], file: m.file(at.dir, name) != nil}
	}
	return at
}

func (m *Model) mkdir(path string) Errno {
	at := m.find(path)
	switch {
	case at.err != 0:
		return at.err
	case at.dir != nil || at.file:
		return syscall.EEXIST
	}
	if !m.may(at.in.access, changeDir) {
		return syscall.EACCES
	}
	if err := checkName(at.name); err != 0 {
		return err
	}
	if err := m.mayHaveChild(at.in); err != 0 {
		return err
	}
	c := m.newChild(at.in, at.name, at.in.cloneChildren)
	c.access, c.filesOfUser = access{user: m.user, mode: 0o755}, m.user
	return 0
}

// mayHaveChild is the error of making a container below one.
func (m *Model) mayHaveChild(parent *container) Errno {
	depth := 1
	for c := parent; c != nil; c = c.parent {
		if c.descendants() >= c.maxDescendants || depth > 256 {
			return syscall.EAGAIN
		}
		depth++
	}
	return 0
}

// newChild makes a container, which begins with its parent's settings where that is told.
func (m *Model) newChild(parent *container, name string, withSettings bool) *container {
	c := newContainer(parent.hierarchy, parent, name)
	for _, s := range c.hierarchy.models {
		s.create(m, c)
		if withSettings {
			s.clone(m, c)
		}
	}
	parent.children[name] = c
	return c
}

// checkName is the error of a name that no container can have.
func checkName(name string) Errno {
	switch {
	case len(name) > 255:
		return syscall.ENAMETOOLONG
	case strings.Contains(name, "\n"):
		return syscall.EINVAL
	}
	return 0
}

func (m *Model) rmdir(path string) Errno {
	at := m.find(path)
	switch {
	case at.err != 0:
		return at.err
	case at.dir == nil && !at.file:
		return syscall.ENOENT
	case at.dir != nil && at.dir.isRoot(): // a mount point, in a directory of root's
		if m.user {
			return syscall.EACCES
		}
		return syscall.EBUSY
	case !m.may(at.in.access, changeDir):
		return syscall.EACCES
	case at.file:
		return syscall.ENOTDIR
	case m.inUse(at.dir):
		return syscall.EBUSY
	}
	m.remove(at.dir)
	return 0
}

// empty tells whether a container has neither tasks nor children.
func (m *Model) empty(c *container) bool { return len(c.children) == 0 && len(m.tasksIn(c)) == 0 }

// inUse tells whether a container cannot be removed.
func (m *Model) inUse(c *container) bool {
	for _, s := range c.hierarchy.models {
		if s.holds(m, c) {
			return true
		}
	}
	return !m.empty(c)
}

// remove takes a container away, which may release the one above.
func (m *Model) remove(c *container) {
	c.removed = true
	delete(c.parent.children, c.name)
	for _, s := range c.hierarchy.models {
		s.remove(m, c)
	}
	m.lost(c.parent)
	m.endUnused(c.hierarchy)
}

// lost is what becomes of a container that has lost a task or a child: where it has nothing left it is released.
func (m *Model) lost(c *container) {
	if c.isRoot() || c.removed || m.inUse(c) {
		return
	}
	if c.notifyOnRelease && slices.Contains(Agents, c.hierarchy.releaseAgent) {
		m.released = append(m.released, c.hierarchy.releaseAgent+" "+c.path())
	}
	if c.autoDelete {
		m.remove(c)
	}
}

func (m *Model) rename(from, to string) Errno {
	old, at := m.find(from), m.find(to)
	switch {
	case old.err != 0:
		return old.err
	case at.err != 0:
		return at.err
	case old.dir == nil && !old.file:
		return syscall.ENOENT
	case old.in == at.in && old.name == at.name:
		return 0
	case old.dir != nil && at.in.isBelow(old.dir):
		return syscall.EINVAL
	case at.dir != nil && old.in.isBelow(at.dir):
		return syscall.ENOTEMPTY
	case !m.may(old.in.access, changeDir), !m.may(at.in.access, changeDir):
		return syscall.EACCES
	case old.file && at.dir != nil:
		return syscall.EISDIR
	case old.dir != nil && at.file:
		return syscall.ENOTDIR
	case old.dir != nil && old.in != at.in && !m.may(old.dir.access, change): // its .. would change
		return syscall.EACCES
	case old.file:
		return syscall.EPERM
	case old.in != at.in:
		return syscall.EIO
	case at.dir != nil:
		return syscall.EEXIST
	}
	if err := checkName(at.name); err != 0 {
		return err
	}
	delete(old.in.children, old.name)
	old.dir.name = at.name
	at.in.children[at.name] = old.dir
	return 0
}
