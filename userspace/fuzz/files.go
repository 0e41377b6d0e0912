package fuzz

import (
	"strconv"
	"strings"
	"syscall"
)

// file describes one in a container's directory.
type file struct {
	name     string
	rootOnly bool
	notRoot  bool
	max      int // longest text that surely is not too long; 0: a number's
	// read returns the content; nil for a file that is not for reading, or whose content the model does not know.
	read func(m *Model, c *container) string
	// write is what a text that has come through, without the white space around it, does; nil for a file that is not for writing.
	write func(m *Model, c *container, text string) Errno
	// values are worth trying; valuesFor where they depend on the container.
	values    []string
	valuesFor func(c *container) []string
	// often is how many times as often as others it is written to.
	often int
	// hidden files are not read: their content is nobody's to predict.
	hidden bool
}

// base are the files that every container has.
var base = []file{
	{name: "tasks", read: func(m *Model, c *container) string { return m.list(c, func(t *task) *task { return t }) }, write: writeTask},
	{name: "procs", read: func(m *Model, c *container) string { return m.list(c, func(t *task) *task { return t.process }) }, write: writeTask},
	notify(),
	flag("clone_children", func(c *container) *bool { return &c.cloneChildren }),
	{name: "events", notRoot: true, read: func(m *Model, c *container) string {
		if m.populated(c) {
			return "populated 1\n"
		}
		return "populated 0\n"
	}},
	{name: "max_descendants", often: 3, values: []string{"0", "1", "2", "3", "max", "MAX", "maximum", "4294967296"}, read: readMax, write: writeMax},
	autoDelete(),
	{name: "kill", often: 2, notRoot: true, hidden: true, values: []string{"1", "0x1", "2"}, write: writeKill},
	{name: "release_agent", rootOnly: true, max: 4095, values: append([]string{"/no/such/agent", "/a\n/b"}, Agents...),
		read:  func(_ *Model, c *container) string { return c.hierarchy.releaseAgent + "\n" },
		write: writeAgent},
}

// Agents are programs that record that they were run as release agents.
var Agents = []string{"/tmp/fuzz-agent-1", "/tmp/fuzz-agent-2"}

// flag is a file that is 0 or 1.
func flag(name string, of func(*container) *bool) file {
	return file{
		name:   name,
		values: []string{"0", "1", "1\n", " 1 ", "01", "0x1", "2"},
		read:   func(_ *Model, c *container) string { return digit(*of(c)) + "\n" },
		write: func(_ *Model, c *container, text string) Errno {
			n, good := number(text)
			if !good || n > 1 {
				return syscall.EINVAL
			}
			*of(c) = n == 1
			return 0
		},
	}
}

func notify() file {
	f := flag("notify_on_release", func(c *container) *bool { return &c.notifyOnRelease })
	f.often = 4
	return f
}

func autoDelete() file {
	f := flag("auto_delete", func(c *container) *bool { return &c.autoDelete })
	f.notRoot, f.often = true, 3
	return f
}

func digit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// number reads a number as the documents say: decimal, whatever zeros it begins with, or hexadecimal after 0x; without a sign.
func number(text string) (uint64, bool) {
	digits, base := text, 10
	if len(text) > 2 && (text[:2] == "0x" || text[:2] == "0X") {
		digits, base = text[2:], 16
	}
	if strings.HasPrefix(digits, "+") || strings.Contains(digits, "_") {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, base, 64)
	return n, err == nil
}

// writeTask is for what the tester writes as text: none of it is the number of a task.
func writeTask(_ *Model, _ *container, text string) Errno {
	if n, good := number(text); good && n > 0 && n < 1<<31 {
		return syscall.ESRCH
	}
	return syscall.EINVAL
}

func readMax(_ *Model, c *container) string {
	if c.maxDescendants == noMax {
		return "max\n"
	}
	return decimal(c.maxDescendants) + "\n"
}

func writeMax(_ *Model, c *container, text string) Errno {
	n, good := number(text)
	switch {
	case text == "max":
		n = noMax
	case !good || n > noMax:
		return syscall.EINVAL
	}
	c.maxDescendants = n
	return 0
}

// writeKill ends all processes that have a thread here or below.
func writeKill(m *Model, c *container, text string) (err Errno) {
	if n, good := number(text); !good || n != 1 {
		return syscall.EINVAL
	}
	var doomed []*task
	for _, c := range c.all() {
		doomed = append(doomed, m.tasksIn(c)...)
	}
	for _, t := range doomed {
		if m.user && !t.process.user {
			err = syscall.EPERM
		} else {
			m.end(t.process)
		}
	}
	return err
}

func writeAgent(m *Model, c *container, text string) Errno {
	switch {
	case m.user:
		return syscall.EPERM
	case strings.Contains(text, "\n"):
		return syscall.EINVAL
	}
	c.hierarchy.releaseAgent = text
	return 0
}

// list is a listing of the container's tasks: what of says of each, once.
func (m *Model) list(c *container, of func(*task) *task) string {
	listed := map[string]bool{}
	for _, t := range m.tasks {
		if !t.dead && t.in[c.hierarchy] == c {
			listed[of(t).name] = true
		}
	}
	return formatTasks(listed)
}

// files returns the files of a container by name. All containers of a hierarchy but the root have the same.
func (m *Model) files(c *container) map[string]*file {
	known := &c.hierarchy.files
	if c.isRoot() {
		known = &c.hierarchy.rootFiles
	}
	if *known == nil {
		*known = m.filesOf(c)
	}
	return *known
}

func (m *Model) filesOf(c *container) map[string]*file {
	all := map[string]*file{}
	add := func(prefix string, files []file) {
		for i, f := range files {
			if !(f.rootOnly && !c.isRoot() || f.notRoot && c.isRoot()) {
				all[prefix+f.name] = &files[i]
			}
		}
	}
	add("", base)
	for _, s := range c.hierarchy.models {
		if c.hierarchy.noprefix {
			add("", s.files())
		} else {
			add(s.name()+".", s.files())
		}
	}
	return all
}

// file returns the file of that name in a container, or nil.
func (m *Model) file(c *container, name string) *file { return m.files(c)[name] }

// write is a text written to a file by the tester.
func (m *Model) write(path, text string) Errno {
	at := m.find(path)
	if err := m.writable(at); err != 0 {
		return err
	}
	f := m.file(at.in, at.name)
	switch {
	case len(text) > max(f.max, 64):
		return syscall.E2BIG
	case strings.Contains(text, "\x00") || f.write == nil:
		return syscall.EINVAL
	}
	return f.write(m, at.in, strings.Trim(text, " \t\n\v\f\r"))
}
