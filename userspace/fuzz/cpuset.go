package fuzz

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
	"unicode"
)

func init() {
	models["cpuset"] = func(machine Machine) subsystem {
		return &cpuset{machine: machine, all: cpusetFiles(machine)}
	}
}

// cpuset says where tasks run and have their memory from. No node comes or goes while sequences run.
type cpuset struct {
	indifferent
	machine Machine
	all     []file
}

// set is a container as cpuset has it.
type set struct {
	cpus, mems                          bits
	cpuExclusive, memExclusive, memWall bool
	migrate, spreadPage, spreadSlab     bool
	pressureEnabled, balanceOff         bool
	relax                               int
}

// bits are numbers of CPUs or nodes.
type bits uint64

func (b bits) subsetOf(other bits) bool { return b&^other == 0 }

// String returns the list that the kernel shows.
func (b bits) String() string {
	var parts []string
	for i := 0; b>>i != 0; i++ {
		if b>>i&1 == 0 {
			continue
		}
		last := i
		for b>>(last+1)&1 == 1 {
			last++
		}
		if last == i {
			parts = append(parts, strconv.Itoa(i))
		} else {
			parts = append(parts, strconv.Itoa(i)+"-"+strconv.Itoa(last))
		}
		i = last
	}
	return strings.Join(parts, ",")
}

// upTo is the numbers below n.
func upTo(n int) bits { return 1<<n - 1 }

// parseList reads a list of numbers and ranges, with commas or white space between.
func parseList(text string) (b bits, err Errno) {
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.ParseUint(first, 10, 32)
		to, err2 := strconv.ParseUint(last, 10, 32)
		switch {
		case errors.Is(err1, strconv.ErrRange), err1 == nil && errors.Is(err2, strconv.ErrRange):
			return 0, syscall.EOVERFLOW
		case err1 != nil || err2 != nil || from > to:
			return 0, syscall.EINVAL
		case to > 63:
			return 0, syscall.ERANGE
		}
		b |= upTo(int(to)+1) &^ upTo(int(from))
	}
	return b, 0
}

func (*cpuset) name() string { return "cpuset" }

func (s *cpuset) files() []file { return s.all }

func setOf(c *container) *set { return c.states["cpuset"].(*set) }

func cpusetFiles(machine Machine) []file {
	cpus, mems := func(s *set) *bits { return &s.cpus }, func(s *set) *bits { return &s.mems }
	cpuExclusive, memExclusive := func(s *set) *bool { return &s.cpuExclusive }, func(s *set) *bool { return &s.memExclusive }
	return []file{
		listFile("cpus", func(m *Model) bits { return m.online }, cpus, cpuExclusive, []string{"0", "1", "0-1", "2-3", "0-3", "1-2", "0,2", "3", "0-1\n", "", "5000", "4294967296", "3-1", "0-", ",0x"}),
		listFile("mems", func(*Model) bits { return upTo(machine.Mems) }, mems, memExclusive, []string{"0", "1", "0-1", "0,1", "0-1\n", "", "5000", "4294967296", "1-0"}),
		{name: "effective_cpus", read: func(m *Model, c *container) string { return m.effectiveCPUs(c).String() + "\n" }},
		{name: "effective_mems", read: func(_ *Model, c *container) string { return setOf(c).mems.String() + "\n" }},
		exclusiveFile("cpu_exclusive", cpus, cpuExclusive),
		exclusiveFile("mem_exclusive", mems, memExclusive),
		setFlag("mem_hardwall", func(s *set) *bool { return &s.memWall }),
		setFlag("memory_migrate", func(s *set) *bool { return &s.migrate }),
		setFlag("memory_spread_page", func(s *set) *bool { return &s.spreadPage }),
		setFlag("memory_spread_slab", func(s *set) *bool { return &s.spreadSlab }),
		{name: "memory_pressure", values: []string{"0", "1"}, write: func(*Model, *container, string) Errno { return syscall.EACCES }},
		rootFlag("memory_pressure_enabled", func(s *set) *bool { return &s.pressureEnabled }),
		balanceFile(),
		{name: "sched_relax_domain_level", values: []string{"-1", "0", "1", "5", "6", "-2"},
			read: func(_ *Model, c *container) string { return strconv.Itoa(setOf(c).relax) + "\n" }, write: writeRelax},
	}
}

// setFlag is a file that is 0 or 1.
func setFlag(name string, of func(*set) *bool) file {
	return flag(name, func(c *container) *bool { return of(setOf(c)) })
}

func rootFlag(name string, of func(*set) *bool) file {
	f := setFlag(name, of)
	f.rootOnly = true
	return f
}

// balanceFile is a flag that is kept the other way round.
func balanceFile() file {
	return file{
		name: "sched_load_balance", values: []string{"0", "1", "2"},
		read: func(_ *Model, c *container) string { return digit(!setOf(c).balanceOff) + "\n" },
		write: func(_ *Model, c *container, text string) Errno {
			n, good := number(text)
			if !good || n > 1 {
				return syscall.EINVAL
			}
			setOf(c).balanceOff = n == 0
			return 0
		},
	}
}

func writeRelax(_ *Model, c *container, text string) Errno {
	n, good := number(text)
	switch {
	case text == "-1":
		setOf(c).relax = -1
	case good && n <= 5:
		setOf(c).relax = int(n)
	default:
		return syscall.EINVAL
	}
	return 0
}

// listFile is cpus or mems, of which there are some.
func listFile(name string, isThere func(*Model) bits, of func(*set) *bits, exclusive func(*set) *bool, values []string) file {
	return file{
		name: name, often: 20, values: values,
		read: func(m *Model, c *container) string {
			if c.isRoot() {
				return (*of(setOf(c)) & isThere(m)).String() + "\n"
			}
			return of(setOf(c)).String() + "\n"
		},
		write: func(m *Model, c *container, text string) Errno {
			if c.isRoot() {
				return syscall.EACCES
			}
			asked, err := parseList(text)
			if err != 0 {
				return err
			}
			next := asked & isThere(m)
			switch {
			case asked == 0 && !m.empty(c), asked != 0 && next == 0:
				return syscall.ENOSPC
			case !next.subsetOf(*of(setOf(c.parent))):
				return syscall.EACCES
			}
			for _, child := range c.children {
				if !of(setOf(child)).subsetOf(next) {
					return syscall.EBUSY
				}
			}
			if overlaps(c, next, of, exclusive, *exclusive(setOf(c))) {
				return syscall.EINVAL
			}
			*of(setOf(c)) = next
			return 0
		},
	}
}

// overlaps tells whether a sibling has any of what c is to have, and one of the two is exclusive.
func overlaps(c *container, next bits, of func(*set) *bits, exclusive func(*set) *bool, isExclusive bool) bool {
	for _, sibling := range c.parent.children {
		if s := setOf(sibling); sibling != c && *of(s)&next != 0 && (isExclusive || *exclusive(s)) {
			return true
		}
	}
	return false
}

// exclusiveFile is cpu_exclusive or mem_exclusive.
func exclusiveFile(name string, of func(*set) *bits, exclusive func(*set) *bool) file {
	f := setFlag(name, exclusive)
	f.often = 8
	f.write = func(_ *Model, c *container, text string) Errno {
		n, good := number(text)
		switch {
		case !good || n > 1:
			return syscall.EINVAL
		case c.isRoot() && n == 0, n == 1 && !c.isRoot() && !*exclusive(setOf(c.parent)):
			return syscall.EACCES
		case n == 1 && !c.isRoot() && overlaps(c, *of(setOf(c)), of, exclusive, true):
			return syscall.EINVAL
		}
		for _, child := range c.children {
			if n == 0 && *exclusive(setOf(child)) {
				return syscall.EBUSY
			}
		}
		*exclusive(setOf(c)) = n == 1
		return 0
	}
	return f
}

func (s *cpuset) create(_ *Model, c *container) {
	next := &set{relax: -1}
	c.states["cpuset"] = next
	if c.isRoot() {
		next.cpus, next.mems, next.cpuExclusive, next.memExclusive = upTo(s.machine.CPUs), upTo(s.machine.Mems), true, true
		return
	}
	above := setOf(c.parent)
	next.spreadPage, next.spreadSlab = above.spreadPage, above.spreadSlab
}

// clone gives a cpuset what its parent has, less what an exclusive sibling has.
func (s *cpuset) clone(m *Model, c *container) {
	next, above := setOf(c), setOf(c.parent)
	next.cpus, next.mems = above.cpus, above.mems
	if c.parent.isRoot() { // which follows the machine
		next.cpus = m.online
	}
	for _, sibling := range c.parent.children {
		if other := setOf(sibling); other.cpuExclusive {
			next.cpus &^= other.cpus
		}
		if other := setOf(sibling); other.memExclusive {
			next.mems &^= other.mems
		}
	}
}

func (*cpuset) mayMove(_ *Model, _ []*task, to *container) Errno {
	if s := setOf(to); s.cpus == 0 || s.mems == 0 {
		return syscall.ENOSPC
	}
	return 0
}

// see: a task runs on what it has wished for and its cpuset has, or on all that this has. In the root it may be listed with CPUs that are away.
func (*cpuset) see(m *Model, t *task, v View) {
	if t.dead {
		return
	}
	for h, c := range t.in {
		if !h.has("cpuset") {
			continue
		}
		cpus := m.effectiveCPUs(c)
		if t.wish&cpus != 0 {
			cpus &= t.wish
		}
		shown := cpus.String()
		if c.isRoot() && m.online != upTo(m.machine.CPUs) {
			shown = Any
		}
		v["status "+t.name] = "cpus " + shown + " mems " + setOf(c).mems.String()
	}
}
