package containerfs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Numtasks is what subsystem numtasks keeps for a container: how many tasks it is guaranteed and may have.
type Numtasks struct{ subsystem }

// Numtasks returns the container's settings and statistics in subsystem numtasks.
func (c Container) Numtasks() Numtasks { return Numtasks{subsystem{c, "numtasks"}} }

// What a share can be besides a number from 0 on.
const (
	// Unchanged leaves a share as it is; only for SetShares.
	Unchanged = -1
	// Unsupported is what a root shows: it has no parent to have a part of.
	Unsupported = -2
	// DontCare guarantees nothing, or sets no limit.
	DontCare = -3
)

// Shares are the parts that a group has of its parent's, and how many parts it has for its children.
type Shares struct {
	// Min is the part that is guaranteed.
	Min int `json:"min_shares"`
	// Max is the part that may be used at most.
	Max int `json:"max_shares"`
	// ChildDivisor is how many parts there are for the children.
	ChildDivisor int `json:"child_shares_divisor"`
}

// Shares returns the group's shares.
func (n Numtasks) Shares() (Shares, error) { return parsed(n.subsystem, "shares", parseShares) }

// SetShares sets those of the group's shares that are not Unchanged, all or none.
func (n Numtasks) SetShares(s Shares) error { return n.write("shares", s.String()) }

// String returns the shares as the file takes them.
func (s Shares) String() string {
	return fmt.Sprintf("min_shares=%d,max_shares=%d,child_shares_divisor=%d", s.Min, s.Max, s.ChildDivisor)
}

// parseShares parses shares as the file shows and takes them. What is left out is Unchanged.
func parseShares(text string) (Shares, error) {
	s := Shares{Min: Unchanged, Max: Unchanged, ChildDivisor: Unchanged}
	for word := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(word), "=")
		if !ok {
			return s, fmt.Errorf("%q is not NAME=NUMBER", word)
		}
		var to *int
		switch key {
		case "res":
			continue
		case "min_shares":
			to = &s.Min
		case "max_shares":
			to = &s.Max
		case "child_shares_divisor":
			to = &s.ChildDivisor
		default:
			return s, fmt.Errorf("there is no %q, only min_shares, max_shares and child_shares_divisor", key)
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			return s, fmt.Errorf("%s: %q is not a number", key, value)
		}
		*to = n
	}
	return s, nil
}

// TaskStats is what numtasks has counted.
type TaskStats struct {
	// Usage is the number of tasks in the group and in those below it.
	Usage int `json:"usage"`
	// Successes, Failures and ForkrateFailures count forks in the group itself: those let through, those refused for want of tasks,
	// and those refused for coming too fast.
	Successes        int `json:"successes"`
	Failures         int `json:"failures"`
	ForkrateFailures int `json:"forkrate_failures"`
}

// Stats returns what has been counted in the group.
func (n Numtasks) Stats() (TaskStats, error) { return parsed(n.subsystem, "stats", parseTaskStats) }

func parseTaskStats(text string) (TaskStats, error) {
	var s TaskStats
	counts := map[string]*int{"Current usage": &s.Usage, "Number of successes": &s.Successes, "Number of failures": &s.Failures,
		"Number of forkrate failures": &s.ForkrateFailures}
	for line := range strings.Lines(text) {
		label := strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "numtasks: ")
		blank := strings.LastIndexByte(label, ' ')
		to, ok := counts[label[:max(blank, 0)]]
		if !ok {
			continue
		}
		n, err := strconv.Atoi(label[blank+1:])
		if err != nil {
			return s, fmt.Errorf("line %q: %w", line, err)
		}
		*to = n
		delete(counts, label[:blank])
	}
	if len(counts) > 0 {
		return s, fmt.Errorf("%q lacks a line", text)
	}
	return s, nil
}

// ResetStats sets the three numbers of forks to 0.
func (n Numtasks) ResetStats() error { return n.write("stats", "res=numtasks") }

// whyRefused finds out why shares were not taken.
func (n Numtasks) whyRefused(e *Error, file, text string) error {
	if file != "shares" || e.Err != unix.EINVAL {
		return nil
	}
	wanted, err := parseShares(text)
	if err != nil {
		return err
	}
	now, err := n.Shares()
	if err != nil {
		return nil
	}
	wanted = wanted.over(now)
	root := n.container.IsRoot()
	switch {
	case wanted.ChildDivisor < 1:
		return errors.New("child_shares_divisor is at least 1")
	case root && (wanted.Min != Unsupported || wanted.Max != Unsupported):
		return errors.New("the root has no parent to have a share of, only a child_shares_divisor")
	case !root && wanted.Max >= 0 && wanted.Min > wanted.Max:
		return fmt.Errorf("min_shares %d would exceed max_shares %d", wanted.Min, wanted.Max)
	}
	if !root {
		if err := n.whyTooMuch(wanted); err != nil {
			return err
		}
	}
	return n.whyTooLittle(wanted)
}

// over returns s with what is unchanged in it taken from old.
func (s Shares) over(old Shares) Shares {
	for _, field := range []struct{ new, old *int }{{&s.Min, &old.Min}, {&s.Max, &old.Max}, {&s.ChildDivisor, &old.ChildDivisor}} {
		if *field.new == Unchanged {
			*field.new = *field.old
		}
	}
	return s
}

// whyTooMuch tells whether the parent has not so many shares.
func (n Numtasks) whyTooMuch(wanted Shares) error {
	parent := n.container.Parent()
	has, err := parent.Numtasks().Shares()
	if err != nil {
		return nil
	}
	if wanted.Max > has.ChildDivisor {
		return fmt.Errorf("max_shares %d would exceed the %d that %s has for its children", wanted.Max, has.ChildDivisor, parent.Dir())
	}
	sum := max(wanted.Min, 0)
	children, _ := parent.Children()
	for _, sibling := range children {
		if s, err := sibling.Numtasks().Shares(); err == nil && sibling != n.container {
			sum += max(s.Min, 0)
		}
	}
	if sum > has.ChildDivisor {
		return fmt.Errorf("with its siblings' the min_shares would be %d, and %s has %d for its children", sum, parent.Dir(), has.ChildDivisor)
	}
	return nil
}

// whyTooLittle tells whether the children have more shares than there would be.
func (n Numtasks) whyTooLittle(wanted Shares) error {
	sum := 0
	children, _ := n.container.Children()
	for _, child := range children {
		s, err := child.Numtasks().Shares()
		if err != nil {
			continue
		}
		if s.Max > wanted.ChildDivisor {
			return fmt.Errorf("%s below it has max_shares %d", child.Dir(), s.Max)
		}
		sum += max(s.Min, 0)
	}
	if sum > wanted.ChildDivisor {
		return fmt.Errorf("those below it have min_shares %d together", sum)
	}
	return nil
}
