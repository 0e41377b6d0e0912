package fuzz

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

func init() {
	models["numtasks"] = func(Machine) subsystem { return &numtasks{total: TotalTasks, rate: unlimited} }
}

// While sequences run, numtasks.total_numtasks begins as TotalTasks: far more than there ever are, and so much that one share of a divisor as large is one
// task. numtasks.forkrate_interval is RateInterval, which never ends: what has been counted stays counted.
const (
	TotalTasks   = 1000000
	RateInterval = 1000000
)

// numtasks deals out tasks by shares. What is in the root besides ours is never near a limit, and not looked at.
type numtasks struct {
	indifferent
	total int64 // or unlimited
	rate  int64 // how many forks a group may make, or unlimited
}

// parameters are those of numtasks, and values that are worth trying. The total is always enough for the machine.
var parameters = map[string][]string{
	"total_numtasks":    {"1000000", "1000000", "500000", "2000000", "unlimited", "0", "-1", "x", "1000000x"},
	"forkrate":          {"1", "2", "3", "5", "unlimited", "unlimited", "unlimited", "0", "-1", "x", "2 "},
	"forkrate_interval": {"1000000", "0", "-1", "unlimited"},
}

// set is the tester writing to a parameter.
func (m *Model) set(name, text string) Errno {
	for _, s := range m.subsystems {
		if n, is := s.(*numtasks); is {
			return n.set(name, text)
		}
	}
	return syscall.ENOENT
}

func (s *numtasks) set(name, text string) Errno {
	n, err := strconv.ParseInt(text, 10, 32)
	if text == "unlimited" && name != "forkrate_interval" {
		n, err = unlimited, nil
	}
	if err != nil || n < 1 {
		return syscall.EINVAL
	}
	switch name {
	case "total_numtasks":
		s.total = n
	case "forkrate":
		s.rate = n
	}
	return 0
}

// seeParameters adds what the parameters say.
func (s *numtasks) seeParameters(v View) {
	show := func(n int64) string {
		if n == unlimited {
			return "unlimited\n"
		}
		return fmt.Sprintf("%d\n", n)
	}
	v["parameter total_numtasks"], v["parameter forkrate"] = show(s.total), show(s.rate)
	v["parameter forkrate_interval"] = show(RateInterval)
}

// group is a container as numtasks has it.
type group struct {
	min, max, divisor                 int64
	successes, failures, rateFailures int
	forks                             int64 // for the rate, here and below
}

// dontCare is the number of no guarantee and of no maximum, unchanged the one of a quantity that stays as it is.
const (
	dontCare  = -3
	unchanged = -1
)

func (*numtasks) name() string { return "numtasks" }

func (*numtasks) files() []file { return numtasksFiles }

var numtasksFiles = []file{
	{name: "shares", often: 25, max: 160, valuesFor: sharesToTry, read: readShares, write: writeShares},
	{name: "stats", values: []string{"res=numtasks", "res=cpu", "0", "res=numtasks\n"}, read: readTaskStats,
		write: func(_ *Model, c *container, text string) Errno {
			if text != "res=numtasks" {
				return syscall.EINVAL
			}
			g := groupOf(c)
			g.successes, g.failures, g.rateFailures = 0, 0, 0
			return 0
		}},
}

func groupOf(c *container) *group { return c.states["numtasks"].(*group) }

func (*numtasks) create(_ *Model, c *container) {
	c.states["numtasks"] = &group{min: dontCare, max: dontCare, divisor: 100}
}

// sharesToTry gives the root large divisors only: all that it deals out must leave enough for the machine.
func sharesToTry(c *container) []string {
	if c.isRoot() {
		return []string{"child_shares_divisor=1000000", "child_shares_divisor=1000000", "child_shares_divisor=1000000", "child_shares_divisor=1000000", "child_shares_divisor=1000", "child_shares_divisor=99",
			"child_shares_divisor=0", "child_shares_divisor=-3", "min_shares=1", "max_shares=-3", "min_shares=-1", "res=numtasks"}
	}
	return []string{"max_shares=0", "max_shares=1", "max_shares=2", "max_shares=3", "max_shares=-3", "min_shares=0", "min_shares=1", "min_shares=2",
		"min_shares=-3", "min_shares=1,max_shares=2", "res=numtasks,max_shares=2", "min_shares=2,max_shares=1", "child_shares_divisor=1",
		"child_shares_divisor=2", "child_shares_divisor=3", "child_shares_divisor=100", "max_shares=101", "max_shares=-2", "min_shares=-4",
		"min_shares=1,min_shares=1", "res=bc,min_shares=1", "min_shares=1,", "min_shares = 1", "min_shares=+1", "max_shares=1000000",
		"res=numtasks,min_shares=-1,max_shares=-1,child_shares_divisor=-1", "shares=1", "min_shares", "min_shares=0x1"}
}

func readShares(_ *Model, c *container) string {
	g := groupOf(c)
	if c.isRoot() {
		return fmt.Sprintf("res=numtasks,min_shares=-2,max_shares=-2,child_shares_divisor=%d\n", g.divisor)
	}
	return fmt.Sprintf("res=numtasks,min_shares=%d,max_shares=%d,child_shares_divisor=%d\n", g.min, g.max, g.divisor)
}

func readTaskStats(m *Model, c *container) string {
	if c.isRoot() {
		return Any // the kernel's own are among them
	}
	g := groupOf(c)
	return fmt.Sprintf("numtasks: Current usage %d\nnumtasks: Number of successes %d\nnumtasks: Number of failures %d\n"+
		"numtasks: Number of forkrate failures %d\n", m.usage(c), g.successes, g.failures, g.rateFailures)
}

func writeShares(_ *Model, c *container, text string) Errno {
	next := *groupOf(c)
	given := map[string]bool{}
	for word := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(word, "=")
		if given[key] {
			return syscall.EINVAL
		}
		given[key] = true
		if key == "res" {
			if value != "numtasks" {
				return syscall.EINVAL
			}
			continue
		}
		quantity := map[string]*int64{"min_shares": &next.min, "max_shares": &next.max, "child_shares_divisor": &next.divisor}[key]
		n, good := share(value)
		switch {
		case quantity == nil || !good:
			return syscall.EINVAL
		case n == unchanged:
			continue
		case key == "child_shares_divisor" && n < 1, key != "child_shares_divisor" && c.isRoot():
			return syscall.EINVAL
		}
		*quantity = n
	}
	if !next.fits(c) {
		return syscall.EINVAL
	}
	*groupOf(c) = next
	return 0
}

// share reads a quantity: digits, or the minus of don't care and of what stays.
func share(text string) (int64, bool) {
	if text == "-1" || text == "-3" {
		n, _ := strconv.ParseInt(text, 10, 64)
		return n, true
	}
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 32)
	return n, err == nil
}

// fits tells whether the shares can be those of c.
func (g *group) fits(c *container) bool {
	if g.min >= 0 && g.max >= 0 && g.min > g.max {
		return false
	}
	if !c.isRoot() {
		guaranteed := max(g.min, 0)
		for _, sibling := range c.parent.children {
			if sibling != c {
				guaranteed += max(groupOf(sibling).min, 0)
			}
		}
		if divisor := groupOf(c.parent).divisor; g.max > divisor || guaranteed > divisor {
			return false
		}
	}
	guaranteed := int64(0)
	for _, child := range c.children {
		guaranteed += max(groupOf(child).min, 0)
		if groupOf(child).max > g.divisor {
			return false
		}
	}
	return guaranteed <= g.divisor
}

// quantities is what a group is guaranteed, and may have at most. Nothing is guaranteed of what is unlimited, and any part of it but none is unlimited, too.
func (s *numtasks) quantities(c *container) (least, most int64) {
	if c.isRoot() && s.total == unlimited {
		return 0, unlimited
	}
	if c.isRoot() {
		return s.total, s.total
	}
	g, divisor := groupOf(c), groupOf(c.parent).divisor
	least, most = s.quantities(c.parent)
	least = least * max(g.min, 0) / divisor
	switch {
	case g.max == 0:
		most = 0
	case g.max != dontCare && most != unlimited:
		most = most * g.max / divisor
	}
	return least, most
}

// usage is how many of our tasks are in a container and below, the dead that have not been reaped among them.
func (m *Model) usage(c *container) int {
	n := 0
	for _, t := range m.tasks {
		if t.in[c.hierarchy].isBelow(c) {
			n++
		}
	}
	return n
}

// need is what a group needs, more of it in the group at than there is: its tasks, and for each child what that needs or is guaranteed.
func (s *numtasks) need(m *Model, c, at *container, more int64) int64 {
	need := int64(m.usage(c))
	if c == at {
		need += more
	}
	for _, child := range c.children {
		need -= int64(m.usage(child))
		least, _ := s.quantities(child)
		need += max(s.need(m, child, at, more), least)
	}
	return need
}

// mayFork asks the group, and for what is not guaranteed those above. The root has enough. Where several have no room the limit is the highest's: who has
// no maximum of its own has the parent's.
func (s *numtasks) mayFork(m *Model, _ *task, c *container) Errno {
	var full *container
	for g := c; !g.isRoot(); g = g.parent {
		least, most := s.quantities(g)
		need := s.need(m, g, c, 1)
		if need <= least {
			break
		}
		if need > most {
			full = g
		}
	}
	if full == nil {
		return s.countForRate(c)
	}
	groupOf(c).failures++
	if full != c {
		groupOf(full).failures++
	}
	return syscall.EAGAIN
}

// countForRate counts a fork in its group and in those above, or refuses it. Nobody asks how many forks the root makes.
func (s *numtasks) countForRate(c *container) Errno {
	if s.rate == unlimited {
		return 0
	}
	for g := c; !g.isRoot(); g = g.parent {
		if groupOf(g).forks >= s.rate {
			groupOf(c).rateFailures++
			if g != c {
				groupOf(g).rateFailures++
			}
			return syscall.EAGAIN
		}
	}
	for g := c; !g.isRoot(); g = g.parent {
		groupOf(g).forks++
	}
	return 0
}

func (*numtasks) forked(_ *Model, _ *task, c *container, _ bool) { groupOf(c).successes++ }
