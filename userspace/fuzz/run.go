// Package fuzz tests a kernel with containers against a model of it: random sequences of steps are done on both, and after each step the errno and
// everything that can be seen must be the same. A sequence that shows a difference is shortened.
//
// The model rests on the kernel's documentation, Documentation/admin-guide/containers, and on nothing that a kernel does. It is pure Go: what drives a
// kernel is in package guesttest.
package fuzz

import (
	"errors"
	"fmt"
	"time"
)

// System is what a model is compared with.
type System interface {
	// Do does a step, and returns the errno, or another error where it could not be done at all.
	Do(Op) (Errno, error)
	// Await looks until check says nothing, as what happens by itself may take a while; it gives up when patience is at an end, and returns what check
	// said last.
	Await(patience time.Duration, check func(View) string) (string, error)
	// Reset makes an empty machine of it again: no hierarchy, none of our tasks.
	Reset() error
}

// Difference is where a system and the model part.
type Difference struct {
	Ops  []Op // the steps; the last is where it shows
	What string
}

func (d *Difference) Error() string {
	return fmt.Sprintf("after step %d, %s:\n%s", len(d.Ops), d.Ops[len(d.Ops)-1], d.What)
}

// patience is how long a difference must last to be one: far more than anything takes on the slowest machine. Sequences that are tried only because
// they are shorter get less of it: what they show is looked at again.
const (
	patience = 10 * time.Second
	haste    = 300 * time.Millisecond
)

// Run does a sequence on a system and on a new model. It returns a *Difference where there is one.
func Run(s System, machine Machine, ops []Op) error { return run(s, machine, ops, patience) }

func run(s System, machine Machine, ops []Op, patience time.Duration) error {
	m := NewModel(machine)
	var done []Op
	for _, o := range ops {
		if !m.Enabled(o) {
			continue
		}
		done = append(done, o)
		what, err := step(s, m, o, patience)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", Format(done), err), s.Reset())
		}
		if what != "" {
			return errors.Join(&Difference{done, what}, s.Reset())
		}
	}
	return s.Reset()
}

// step does one step on both, and says where they differ.
func step(s System, m *Model, o Op, patience time.Duration) (string, error) {
	want := m.Apply(o)
	got, err := s.Do(o)
	if err != nil {
		return "", err
	}
	if got != want {
		return fmt.Sprintf("  the step %s, but must: %s\n", describe(got), describe(want)), nil
	}
	expected := m.View()
	return s.Await(patience, func(seen View) string { return Diff(seen, expected) })
}

func describe(e Errno) string {
	if e == 0 {
		return "succeeds"
	}
	return fmt.Sprintf("fails with %q", e.Error())
}

// Shrink shortens a sequence that shows a difference as long as it still shows one, perhaps another. It leaves out halves, then smaller and smaller
// parts, and makes no more than tries runs.
func Shrink(s System, machine Machine, found *Difference, tries int) *Difference {
	shortest := found
	for size := len(found.Ops) / 2; size > 0 && tries > 0; size /= 2 {
		for at := len(shortest.Ops) - size; at >= 0 && tries > 0; at-- {
			var d *Difference
			tries--
			if errors.As(run(s, machine, without(shortest.Ops, at, size), haste), &d) {
				shortest = d
				at = min(at, len(d.Ops)-size+1)
			} else {
				at -= size - 1
			}
		}
	}
	var confirmed *Difference
	if errors.As(Run(s, machine, shortest.Ops), &confirmed) {
		return confirmed
	}
	return found
}

// without returns ops less size of them.
func without(ops []Op, at, size int) []Op {
	return append(append([]Op(nil), ops[:at]...), ops[at+size:]...)
}

// What the in-guest tests are told by the environment: where the random numbers begin, how many steps to do and by how many workers; or which sequence
// to do.
const (
	SeedVariable     = "GPC_FUZZ_SEED"
	StepsVariable    = "GPC_FUZZ_STEPS"
	WorkersVariable  = "GPC_FUZZ_WORKERS"
	SequenceVariable = "GPC_FUZZ_SEQUENCE"
)
