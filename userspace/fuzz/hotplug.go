package fuzz

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// While a CPU is away only what has nothing to say of CPUs is done: which of them a list then may have the documents do not say in every case.
func aboutCPUs(o Op) bool {
	switch o.Verb {
	case "mount", "umount":
		return true
	case "write":
		name := strings.TrimPrefix(path.Base(o.Args[0]), "cpuset.")
		return slices.Contains([]string{"cpus", "cpu_exclusive", "sched_load_balance", "sched_relax_domain_level"}, name)
	}
	return false
}

// mayPlug tells whether a CPU can come or go without anybody being asked. The scheduler may want to keep the last CPU of a domain; who has wished for nothing
// else loses the wish.
func (m *Model) mayPlug(cpu, where string) bool {
	n, err := strconv.Atoi(cpu)
	if err != nil || n < 1 || n >= m.machine.CPUs {
		return false
	}
	this, all := bits(1)<<n, upTo(m.machine.CPUs)
	if where == "on" {
		return m.online == all&^this
	}
	for _, h := range m.hierarchies {
		for _, c := range h.root.all() {
			if !h.has("cpuset") {
				break
			}
			if s := setOf(c); s.cpuExclusive && !c.isRoot() || s.balanceOff {
				return false
			}
		}
	}
	return where == "off" && m.online == all && !slices.ContainsFunc(m.sorted(), func(t *task) bool { return t.wish == this })
}

func (m *Model) plug(cpu string, on bool) {
	n, _ := strconv.Atoi(cpu)
	m.online &^= 1 << n
	if on {
		m.online |= 1 << n
	}
}

// ask has a task wish for CPUs.
func (m *Model) ask(t *task, list string) Errno {
	wish, err := parseList(list)
	if err != 0 {
		return err
	}
	if wish&m.cpusFor(t) == 0 {
		return syscall.EINVAL
	}
	t.wish = wish
	return 0
}

// cpusFor is what a task may wish for.
func (m *Model) cpusFor(t *task) bits {
	for h, c := range t.in {
		if h.has("cpuset") {
			return m.effectiveCPUs(c)
		}
	}
	return m.online
}

// effectiveCPUs are those of a cpuset that are there, or those of the nearest above where none is.
func (m *Model) effectiveCPUs(c *container) bits {
	if c.isRoot() {
		return m.online
	}
	own := setOf(c).cpus
	if own != 0 && own&m.online == 0 {
		return m.effectiveCPUs(c.parent)
	}
	return own & m.online
}

// CPUs reads a list of them, as Op has it.
func CPUs(list string) []int {
	all, _ := parseList(list)
	var numbers []int
	for n := range 64 {
		if all>>n&1 == 1 {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
