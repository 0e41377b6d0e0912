//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// forksUntilRefused is a worker's round: it makes children that sleep until it is refused one, and ends them.
func forksUntilRefused() error {
	var children []int
	defer func() {
		for _, pid := range children {
			kill(pid)
		}
	}()
	for len(children) < 100 {
		pid, err := bare.Spawn(bare.Sleeps)
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err != nil {
			return err
		}
		children = append(children, pid)
	}
	return errors.New("100 forks, and none was refused")
}

// raceAtTheLimit has four threads fork in a family, up to their common limit of 60 again and again, beside other workers.
func raceAtTheLimit(t *testing.T, others func(r *race, parent, a, b, leaf containerfs.Container)) {
	t.Helper()
	begin(t)
	parent, a, b := family(t, divided(t))
	leaf := mkdir(t, a, "leaf")
	r := newRace(t)
	// Moves are never refused: all must be in before the group is full.
	var moved sync.WaitGroup
	for _, c := range []containerfs.Container{a, b, leaf, parent} {
		moved.Add(1)
		moveIn := sync.OnceValue(func() error {
			err := c.Attach(0)
			moved.Done()
			moved.Wait()
			return err
		})
		r.worker("forks in "+c.Path, func() error {
			if err := moveIn(); err != nil {
				return err
			}
			return forksUntilRefused()
		})
	}
	others(r, parent, a, b, leaf)
	r.wait()
	wantUnused(t, parent, a, b, leaf)
	// All that was put aside is there again.
	for _, c := range []containerfs.Container{a, b, leaf} {
		setShares(t, c, "min_shares=-3")
	}
	p := forkerIn(t, leaf)
	p.forks(t, 59)
	p.wantRefused(t)
	p.end()
}

// wantUnused waits until nothing is counted in containers whose tasks have ended, or are about to.
func wantUnused(t *testing.T, all ...containerfs.Container) {
	t.Helper()
	for _, c := range all {
		eventually(t, c.Path+" is empty", func() bool { return len(got(c.Tasks())(t)) == 0 && stats(t, c).usage == 0 })
	}
}

// Nobody exceeds the limit, whoever else forks at the same moment.
func TestNumtasksRaceAtTheLimit(t *testing.T) {
	raceAtTheLimit(t, func(r *race, parent, a, b, leaf containerfs.Container) {
		must(t, a.Write("numtasks.shares", "min_shares=10"))
		r.worker("limit", func() error {
			if s := stats(t, parent); s.usage > 60 {
				return fmt.Errorf("%d tasks in a group of 60", s.usage)
			}
			return nil
		})
	})
}

// Nothing stays counted, or put aside, when shares change and groups come and go meanwhile.
func TestNumtasksRaceAgainstShares(t *testing.T) {
	raceAtTheLimit(t, func(r *race, parent, a, b, leaf containerfs.Container) {
		minimum := 0
		r.worker("shares", func() error {
			minimum = (minimum + 7) % 30
			for _, c := range []containerfs.Container{a, b} {
				if err := c.Write("numtasks.shares", fmt.Sprintf("min_shares=%d", minimum)); err != nil {
					return err
				}
			}
			return leaf.Write("numtasks.shares", fmt.Sprintf("min_shares=%d", minimum*3))
		})
		r.worker("groups", func() error {
			c := b.Child("short-lived")
			if err := c.Create(); err != nil {
				return err
			}
			if err := c.Write("numtasks.shares", "min_shares=50"); err != nil {
				return err
			}
			return c.Remove()
		})
	})
}

// Tasks are moved between groups while they fork and exit.
func TestNumtasksRaceAgainstMoves(t *testing.T) {
	begin(t)
	h := divided(t)
	parent, a, b := family(t, h)
	setShares(t, a, "min_shares=10")
	setShares(t, b, "max_shares=40")
	r := newRace(t)
	for range 3 {
		to := []containerfs.Container{a, b, h.Root()}
		next := 0
		r.worker("moves and forks", func() error {
			next++
			if err := to[next%len(to)].Attach(0); err != nil {
				return err
			}
			return forksAndExits()
		})
	}
	r.worker("moves a storm", func() error {
		pid, err := bare.SpawnThreads(8)
		if err != nil {
			return err
		}
		defer kill(pid)
		for _, c := range []containerfs.Container{a, b, a, parent, b} {
			if err := c.AttachProc(pid); err != nil {
				return err
			}
		}
		return nil
	})
	r.wait()
	wantUnused(t, parent, a, b)
}
