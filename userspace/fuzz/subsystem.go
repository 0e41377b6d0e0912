package fuzz

// subsystem is the model of one: what the documents say of its files, and of births, moves and deaths. Embed indifferent for what it does not
// care about. What it keeps of a container or a task it puts into their states.
type subsystem interface {
	name() string
	files() []file
	// create gives a new container its state, clone its parent's settings where it is to begin with these. remove is its end.
	create(m *Model, c *container)
	clone(m *Model, c *container)
	remove(m *Model, c *container)
	// holds tells whether the container cannot be removed for the subsystem's sake.
	holds(m *Model, c *container) bool
	// mayFork returns the error of a birth in c, or counts what was tried; forked is told of the birth, and whether the tester is the parent.
	mayFork(m *Model, child *task, c *container) Errno
	forked(m *Model, child *task, c *container, byTester bool)
	// mayMove returns the error of a move into a container, moved is told of each task that was moved.
	mayMove(m *Model, tasks []*task, to *container) Errno
	moved(m *Model, t *task, from, to *container)
	// executed is told that a process executes a program, reaped that a dead task's number is free.
	executed(m *Model, process *task, c *container)
	reaped(m *Model, t *task, c *container)
	// see adds what can be seen of a task elsewhere than in files of containers.
	see(m *Model, t *task, v View)
}

// models has for each subsystem what makes its model. Another subsystem is a file of its own and a line here.
var models = map[string]func(Machine) subsystem{}

// indifferent is a subsystem that refuses nothing, and to which nothing matters but its files.
type indifferent struct{}

func (indifferent) clone(*Model, *container)                    {}
func (indifferent) remove(*Model, *container)                   {}
func (indifferent) holds(*Model, *container) bool               { return false }
func (indifferent) mayFork(*Model, *task, *container) Errno     { return 0 }
func (indifferent) forked(*Model, *task, *container, bool)      {}
func (indifferent) mayMove(*Model, []*task, *container) Errno   { return 0 }
func (indifferent) moved(*Model, *task, *container, *container) {}
func (indifferent) executed(*Model, *task, *container)          {}
func (indifferent) reaped(*Model, *task, *container)            {}
func (indifferent) see(*Model, *task, View)                     {}
