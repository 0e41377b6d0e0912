package fuzz

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"syscall"
)

func init() {
	models["bc"] = func(Machine) subsystem { return beancounters{all: bcFiles()} }
}

// beancounters counts tasks exactly. Of files and memory it knows who keeps a container from being removed, and what bounds are set; not how many
// there are.
type beancounters struct {
	indifferent
	all []file
}

func (beancounters) name() string { return "bc" }

func (b beancounters) files() []file { return b.all }

// bcResources are what bc counts, in its order.
var bcResources = []string{"numtasks", "numfiles", "privvmpages"}

// unlimited is a bound that none is.
const unlimited = math.MaxInt64

// counter is a resource of a container. What is held is counted for tasks only.
type counter struct {
	barrier, limit   uint64
	maxheld, minheld int
	failures         int
}

// account is a container as bc has it.
type account map[string]*counter

func accountOf(c *container) account { return c.states["bc"].(account) }

func (beancounters) create(m *Model, c *container) {
	a := account{}
	for _, r := range bcResources {
		a[r] = &counter{barrier: unlimited, limit: unlimited}
		if r == "numfiles" && !c.isRoot() {
			a[r] = &counter{barrier: 256, limit: 512}
		}
	}
	c.states["bc"] = a
}

// bcFiles are all files: six of each resource, and the table.
func bcFiles() []file {
	all := []file{{name: "resources", read: readResources}}
	for _, r := range bcResources {
		of := func(c *container) *counter { return accountOf(c)[r] }
		known := func(show func(m *Model, c *container) int) func(m *Model, c *container) string {
			return func(m *Model, c *container) string {
				if c.isRoot() || r != "numtasks" {
					return Any
				}
				return strconv.Itoa(show(m, c)) + "\n"
			}
		}
		reset := func(do func(m *Model, c *container)) func(m *Model, c *container, text string) Errno {
			return func(m *Model, c *container, text string) Errno {
				if n, good := number(text); !good || n != 0 {
					return syscall.EINVAL
				}
				do(m, c)
				return 0
			}
		}
		zero := []string{"0", "0\n", "1", "00"}
		all = append(all,
			file{name: r + ".held", values: zero, read: known((*Model).usage)},
			file{name: r + ".maxheld", values: zero, read: known(func(_ *Model, c *container) int { return of(c).maxheld }),
				write: reset(func(m *Model, c *container) { of(c).maxheld = m.usage(c) })},
			file{name: r + ".minheld", values: zero, read: known(func(_ *Model, c *container) int { return of(c).minheld }),
				write: reset(func(m *Model, c *container) { of(c).minheld = m.usage(c) })},
			file{name: r + ".failcnt", values: zero, read: known(func(_ *Model, c *container) int { return of(c).failures }),
				write: reset(func(_ *Model, c *container) { of(c).failures = 0 })},
			bound(r, "barrier", func(c *counter) *uint64 { return &c.barrier }),
			bound(r, "limit", func(c *counter) *uint64 { return &c.limit }))
	}
	return all
}

// readResources is the table: a row for each resource, of held, maxheld, barrier, limit and failcnt.
func readResources(m *Model, c *container) string {
	var table strings.Builder
	for _, r := range bcResources {
		n, held, maxheld, failures := accountOf(c)[r], Any, Any, Any
		if r == "numtasks" && !c.isRoot() {
			held, maxheld, failures = fmt.Sprintf("%20d", m.usage(c)), fmt.Sprintf("%20d", n.maxheld), fmt.Sprintf("%20d", n.failures)
		}
		fmt.Fprintf(&table, "%10s%-24s%s%s%20d%20d%s\n", "", r, held, maxheld, n.barrier, n.limit, failures)
	}
	return table.String()
}

// bound is a file of a barrier or a limit.
func bound(resource, name string, of func(*counter) *uint64) file {
	return file{
		name:      resource + "." + name,
		often:     map[string]int{"numtasks": 15}[resource],
		valuesFor: func(c *container) []string { return boundsToTry(c, resource) },
		read:      func(_ *Model, c *container) string { return decimal(*of(accountOf(c)[resource])) + "\n" },
		write: func(_ *Model, c *container, text string) Errno {
			next := *accountOf(c)[resource]
			first, second, both := strings.Cut(text, ":")
			n, good := number(first)
			if !good {
				return syscall.EINVAL
			}
			*of(&next) = n
			if both {
				if next.barrier, next.limit = n, 0; good {
					next.limit, good = number(second)
				}
			}
			if !good || next.limit > unlimited || next.barrier > next.limit {
				return syscall.EINVAL
			}
			*accountOf(c)[resource] = next
			return 0
		},
	}
}

// boundsToTry are low for tasks only, and not in the root: the machine must live, and nobody knows how many files and pages are held.
func boundsToTry(c *container, resource string) []string {
	if c.isRoot() || resource != "numtasks" {
		return []string{"100000:200000", "9223372036854775807", "9223372036854775808", "1000000", "300000:200000", "0x100000", "150000"}
	}
	return []string{"0:0", "1:1", "1:2", "2:3", "2:2", "3", "4", "1", "2:1", "9223372036854775807", "9223372036854775808", "0x2:0x4", ":", "1:", "1:2:3", "-1:2"}
}

// mayFork: the bounds hold from the container upwards. Root goes up to the limit.
func (beancounters) mayFork(m *Model, child *task, c *container) Errno {
	for g := c; !g.isRoot(); g = g.parent {
		n := accountOf(g)["numtasks"]
		most := n.limit
		if child.user {
			most = n.barrier
		}
		if uint64(m.usage(g)+1) > most {
			n.failures++
			return syscall.EAGAIN
		}
	}
	return 0
}

func (b beancounters) forked(m *Model, child *task, c *container, byTester bool) {
	m.note(c)
	if child.process == child {
		child.memory = c
	}
}

func (beancounters) executed(_ *Model, process *task, c *container) { process.memory = c }

func (beancounters) moved(m *Model, _ *task, from, to *container) {
	m.note(to)
	m.note(from)
}

func (beancounters) reaped(m *Model, _ *task, c *container) { m.note(c) }

// note brings the extremes of a container and of those above up to date.
func (m *Model) note(c *container) {
	for ; c != nil; c = c.parent {
		n := accountOf(c)["numtasks"]
		n.maxheld = max(n.maxheld, m.usage(c))
		n.minheld = min(n.minheld, m.usage(c))
	}
}

// holds: an address space belongs to the container in which it was made, and so does the program that it executes.
func (beancounters) holds(m *Model, c *container) bool {
	for _, t := range m.tasks {
		if t.process == t && t.memory == c && len(m.threads(t)) > 0 {
			return true
		}
	}
	return false
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
