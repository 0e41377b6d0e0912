package fuzz

import (
	"slices"
	"strings"
	"syscall"
)

// options are those of a mount.
type options struct {
	subsystems          []string
	all, none, noprefix bool
	name, agent, clone  string
	agentGiven          bool
	err                 Errno // of the first that is wrong
}

// parseOptions reads options one by one, as mount(2) hands them to the kernel.
func (m *Model) parseOptions(text string) options {
	var o options
	for word := range strings.SplitSeq(text, ",") {
		if word == "" {
			continue
		}
		if o.err = m.parseOption(&o, word); o.err != 0 {
			return o
		}
	}
	slices.SortFunc(o.subsystems, func(a, b string) int {
		return slices.Index(m.machine.Subsystems, a) - slices.Index(m.machine.Subsystems, b)
	})
	o.subsystems = slices.Compact(o.subsystems)
	if o.none && (o.all || len(o.subsystems) > 0) || o.all && len(o.subsystems) > 0 {
		o.err = syscall.EINVAL
	}
	return o
}

func (m *Model) parseOption(o *options, word string) Errno {
	key, value, hasValue := strings.Cut(word, "=")
	switch {
	case key == "name" && (o.name != "" || !goodName(value)),
		key == "release_agent" && (o.agentGiven || !hasValue),
		key == "clone_children" && (o.clone != "" || value != "0" && value != "1"):
		return syscall.EINVAL
	case key == "name":
		o.name = value
	case key == "release_agent":
		o.agent, o.agentGiven = value, true
	case key == "clone_children":
		o.clone = value
	case slices.Contains([]string{"all", "none", "noprefix"}, key) && hasValue:
		return syscall.EINVAL
	case key == "all":
		o.all = true
	case key == "none":
		o.none = true
	case key == "noprefix":
		o.noprefix = true
	case !slices.Contains(m.machine.Subsystems, key):
		return syscall.ENOENT
	case hasValue:
		return syscall.EINVAL
	default:
		o.subsystems = append(o.subsystems, key)
	}
	return 0
}

// goodName tells whether a hierarchy can be called that.
func goodName(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-", r))
	})
}

func (m *Model) mount(point, text string) Errno {
	if m.user {
		return syscall.EPERM
	}
	o := m.parseOptions(text)
	if o.err != 0 {
		return o.err
	}
	if o.none && o.name == "" {
		return syscall.EINVAL
	}
	wanted := o.subsystems
	if len(wanted) == 0 && !o.none {
		wanted = m.machine.Subsystems
	}
	h := m.meant(o, wanted)
	switch {
	case h == nil && len(m.hierarchies) == maxHierarchies:
		return syscall.ENOSPC
	case h == nil:
		h = m.begin(o, wanted)
	case !o.fits(h, wanted):
		return syscall.EBUSY
	}
	h.mounts++
	m.points[point] = h
	return 0
}

// hasModels tells whether the subsystems that options would bind to a new hierarchy all have models.
func (m *Model) hasModels(text string) bool {
	o := m.parseOptions(text)
	wanted := o.subsystems
	if len(wanted) == 0 && !o.none {
		wanted = m.machine.Subsystems
	}
	return o.err != 0 || m.meant(o, wanted) != nil || !slices.ContainsFunc(wanted, func(s string) bool { return models[s] == nil })
}

// meant returns the active hierarchy that options are about: the one of that name, or one that has a subsystem which is wanted.
func (m *Model) meant(o options, wanted []string) *hierarchy {
	for _, h := range m.hierarchies {
		if o.name != "" && h.name == o.name {
			return h
		}
	}
	for _, h := range m.hierarchies {
		if slices.ContainsFunc(wanted, h.has) {
			return h
		}
	}
	return nil
}

// fits tells whether options mount an active hierarchy once more. A name is enough for the one that is called so.
func (o options) fits(h *hierarchy, wanted []string) bool {
	byName := o.name != "" && h.name == o.name
	return (slices.Equal(wanted, h.subsystems) || byName && !o.none && !o.all && len(o.subsystems) == 0) &&
		(o.name == "" || byName) && o.noprefix == h.noprefix
}

// begin makes a hierarchy, with every task in its root.
func (m *Model) begin(o options, subsystems []string) *hierarchy {
	h := &hierarchy{subsystems: subsystems, name: o.name, noprefix: o.noprefix, releaseAgent: o.agent}
	for _, s := range m.subsystems {
		if h.has(s.name()) {
			h.models = append(h.models, s)
		}
	}
	h.root = newContainer(h, nil, "")
	h.root.cloneChildren = o.clone != "0"
	m.hierarchies = append(m.hierarchies, h)
	for _, t := range m.tasks {
		if !t.dead {
			t.in[h] = h.root
		}
	}
	for _, s := range h.models {
		s.create(m, h.root)
	}
	return h
}

func (m *Model) remount(point, text string) Errno {
	if m.user {
		return syscall.EPERM
	}
	h, o := m.points[point], m.parseOptions(text)
	if o.err != 0 {
		return o.err
	}
	wanted := o.subsystems
	if o.all {
		wanted = m.machine.Subsystems
	}
	if (len(wanted) > 0 || o.none) && !slices.Equal(wanted, h.subsystems) || o.name != "" && o.name != h.name || o.noprefix && !h.noprefix ||
		o.clone != "" && (o.clone == "1") != h.root.cloneChildren {
		return syscall.EBUSY
	}
	if o.agentGiven {
		h.releaseAgent = o.agent
	}
	return 0
}

func (m *Model) umount(point string) Errno {
	if m.user {
		return syscall.EPERM
	}
	h := m.points[point]
	delete(m.points, point)
	h.mounts--
	m.endUnused(h)
	return 0
}

// endUnused ends a hierarchy that nobody has mounted and that has no containers.
func (m *Model) endUnused(h *hierarchy) {
	if h.mounts > 0 || len(h.root.children) > 0 {
		return
	}
	m.hierarchies = slices.DeleteFunc(m.hierarchies, func(other *hierarchy) bool { return other == h })
	for _, t := range m.tasks {
		delete(t.in, h)
	}
}
