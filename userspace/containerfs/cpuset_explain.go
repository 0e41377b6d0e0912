package containerfs

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Overlap is why a cpuset cannot be as it was asked to be: it or a sibling is exclusive, and both would have the same.
type Overlap struct {
	// Shared is what both would have.
	Shared CPUSet
	// What is "CPUs" or "memory nodes".
	What string
	// With is the sibling.
	With Container
}

// Error tells what is shared, and with whom.
func (o *Overlap) Error() string {
	return fmt.Sprintf("%s %s are also %s's", o.What, o.Shared, o.With.Dir())
}

// placement is one of the two things that a cpuset is a set of.
type placement struct{ list, exclusive, noun string }

var placements = []placement{
	{"cpus", string(CPUExclusive), "CPUs"},
	{"mems", string(MemExclusive), "memory nodes"},
}

// whyNotUsable tells what a cpuset lacks that no task can be in.
func (s Cpuset) whyNotUsable() error {
	for _, p := range placements {
		if set, err := s.set(p.list); err == nil && set.IsEmpty() {
			return fmt.Errorf("its %s are empty", p.list)
		}
	}
	return nil
}

// explainWrite finds out why a cpuset did not take what was written to one of its files.
func (s Cpuset) explainWrite(e *Error, file, text string) *Error {
	for _, p := range placements {
		switch file {
		case p.list:
			return s.explainList(e, p, text)
		case p.exclusive:
			return s.explainExclusive(e, p, text)
		}
	}
	return e
}

// explainList finds out why a list was not taken.
func (s Cpuset) explainList(e *Error, p placement, text string) *Error {
	c := s.container
	wanted, err := ParseCPUs(text)
	switch {
	case e.Err == unix.ENOSPC:
		e.Kind = ErrEmptyCpuset
		return e.because(s.whyNothingLeft(p, wanted))
	case e.Err == unix.EACCES && c.IsRoot():
		return e.because(fmt.Errorf("the root always has all %s of the machine", p.noun))
	case err != nil:
		return e.because(fmt.Errorf("%q is no list of %s: %w", text, p.noun, err))
	case e.Err == unix.EACCES:
		if has, err := c.Parent().Cpuset().set(p.list); err == nil && !wanted.Difference(has).IsEmpty() {
			return e.because(fmt.Errorf("%s %s are not among its parent's, which are %s", p.noun, wanted.Difference(has), orEmpty(has)))
		}
	case e.Err == unix.EBUSY:
		return e.because(s.whyChildNeeds(p, wanted))
	case e.Err == unix.EINVAL:
		return s.explainOverlap(e, p, wanted, false)
	}
	return e
}

// whyNothingLeft tells why a cpuset cannot have the list: nothing would be left for its tasks.
func (s Cpuset) whyNothingLeft(p placement, wanted CPUSet) error {
	if !wanted.IsEmpty() {
		return fmt.Errorf("none of %s %s is online", p.noun, wanted)
	}
	if busy, ok := s.container.whyBusy().(*Busy); ok && (len(busy.Tasks) > 0 || len(busy.Children) > 0) {
		return fmt.Errorf("they cannot be empty while the container is in use: %w", busy)
	}
	return nil
}

// whyChildNeeds finds a child with something that would be taken away.
func (s Cpuset) whyChildNeeds(p placement, wanted CPUSet) error {
	children, _ := s.container.Children()
	for _, child := range children {
		has, err := child.Cpuset().set(p.list)
		if missing := has.Difference(wanted); err == nil && !missing.IsEmpty() {
			return fmt.Errorf("%s below it has %s %s", child.Dir(), p.noun, missing)
		}
	}
	if p.list == "cpus" {
		return errNoTimeLeft // there is no other reason
	}
	return nil
}

// errNoTimeLeft is why CPUs are not taken away, or a task is not let in: the scheduler has promised time to deadline tasks.
var errNoTimeLeft = errors.New("its CPUs would not have enough time for its deadline tasks")

// explainExclusive finds out why a flag was not taken.
func (s Cpuset) explainExclusive(e *Error, p placement, text string) *Error {
	parent := s.container.Parent()
	switch e.Err {
	case unix.EACCES:
		if s.container.IsRoot() {
			return e.because(fmt.Errorf("the root is always %s", p.exclusive))
		}
		if on, err := parent.Cpuset().Flag(CpusetFlag(p.exclusive)); err == nil && !on {
			return e.because(fmt.Errorf("its parent %s is not %s", parent.Dir(), p.exclusive))
		}
	case unix.EBUSY:
		children, _ := s.container.Children()
		for _, child := range children {
			if on, err := child.Cpuset().Flag(CpusetFlag(p.exclusive)); err == nil && on {
				return e.because(fmt.Errorf("%s below it is %s", child.Dir(), p.exclusive))
			}
		}
	case unix.EINVAL:
		if text = strings.TrimSpace(text); text != "0" && text != "1" {
			return e.because(errors.New("it is 0 or 1"))
		}
		if own, err := s.set(p.list); err == nil {
			return s.explainOverlap(e, p, own, true)
		}
	}
	return e
}

// explainOverlap finds a sibling that has something of what is wanted, where one of the two is exclusive.
func (s Cpuset) explainOverlap(e *Error, p placement, wanted CPUSet, exclusive bool) *Error {
	if !exclusive {
		exclusive, _ = s.Flag(CpusetFlag(p.exclusive))
	}
	siblings, _ := s.container.Parent().Children()
	for _, sibling := range siblings {
		if sibling == s.container {
			continue
		}
		other := sibling.Cpuset()
		has, err := other.set(p.list)
		its, _ := other.Flag(CpusetFlag(p.exclusive))
		if shared := has.Intersection(wanted); err == nil && !shared.IsEmpty() && (exclusive || its) {
			e.Kind = ErrOverlap
			return e.because(&Overlap{Shared: shared, What: p.noun, With: sibling})
		}
	}
	return e
}

// orEmpty is a set in words.
func orEmpty(set CPUSet) string {
	if set.IsEmpty() {
		return "empty"
	}
	return set.String()
}
