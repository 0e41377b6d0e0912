package containerfs

import (
	"strconv"
	"strings"
)

// Tasks returns the ids of the threads in the container, ascending, as the caller's pid namespace numbers them.
func (c Container) Tasks() ([]int, error) { return c.readIDs(fileTasks) }

// Procs returns the ids of the processes with at least one thread in the container, ascending.
func (c Container) Procs() ([]int, error) { return c.readIDs(fileProcs) }

// Attach moves the thread tid into the container; 0 is the calling thread, so that a caller who means itself
// locks its goroutine to the thread first, or uses Do.
func (c Container) Attach(tid int) error { return c.attach(fileTasks, tid) }

// AttachProc moves all threads of the process tgid into the container, in one step; 0 is the calling process.
func (c Container) AttachProc(tgid int) error { return c.attach(fileProcs, tgid) }

// attach writes an id to one of the two files. Its error speaks of the task that is to be moved, not of what was written.
func (c Container) attach(file string, id int) error {
	err := c.Write(file, strconv.Itoa(id)+"\n")
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	who := strconv.Itoa(id)
	if id == 0 {
		who = "the caller"
	}
	e.Op, e.Path = "move "+who+" into", c.Dir()
	return e.because(c.whyNotAttached(id, e))
}

func (c Container) readIDs(name string) ([]int, error) {
	text, err := c.ReadString(name)
	if err != nil {
		return nil, err
	}
	ids, err := parseIDs(text)
	if err != nil {
		return nil, c.unreadable(name, err)
	}
	return ids, nil
}

// parseIDs parses a listing: one number a line.
func parseIDs(text string) ([]int, error) {
	var ids []int
	for line := range strings.Lines(text) {
		id, err := strconv.Atoi(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
