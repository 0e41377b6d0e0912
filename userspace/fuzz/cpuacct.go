package fuzz

import "syscall"

func init() { models["cpuacct"] = func(Machine) subsystem { return cpuacct{} } }

// cpuacct counts time, which no model can foretell: it knows the files, and what they take.
type cpuacct struct{ indifferent }

func (cpuacct) name() string { return "cpuacct" }

func (cpuacct) files() []file { return cpuacctFiles }

var cpuacctFiles = []file{
	{name: "usage", values: []string{"0", "0x0", "1", "100"}, write: func(_ *Model, _ *container, text string) Errno {
		if n, good := number(text); !good || n != 0 {
			return syscall.EINVAL
		}
		return 0
	}},
	{name: "usage_subtree"},
	{name: "usage_percpu"},
	{name: "stat"},
	{name: "load"},
	{name: "load_interval_ms", rootOnly: true, values: []string{"100", "99", "3600000", "3600001", "10000"},
		read:  func(_ *Model, c *container) string { return interval(c).text() },
		write: func(_ *Model, c *container, text string) Errno { return interval(c).set(text) }},
}

// loadInterval is the root's state.
type loadInterval struct{ ms string }

func (cpuacct) create(_ *Model, c *container) { c.states["cpuacct"] = &loadInterval{"10000"} }

func interval(c *container) *loadInterval { return c.states["cpuacct"].(*loadInterval) }

func (i *loadInterval) text() string { return i.ms + "\n" }

func (i *loadInterval) set(text string) Errno {
	n, good := number(text)
	if !good || n < 100 || n > 3600000 {
		return syscall.EINVAL
	}
	i.ms = decimal(n)
	return 0
}
