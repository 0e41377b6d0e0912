//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// forksUntilRefused is a worker's round: it makes children that sleep until it is refused one, and ends them.
func forksUntilRefused() error {
	forked, err := forksAtMost(100)
	if err == nil && forked == 100 {
		err = errors.New("100 forks, and none was refused")
	}
	return err
}

// forksAtMost makes that many children that sleep, or as many as it may, and ends them.
func forksAtMost(most int) (forked int, err error) {
	var children []int
	defer func() {
		for _, pid := range children {
			kill(pid)
		}
	}()
	for len(children) < most {
		pid, err := bare.Spawn(bare.Sleeps)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			return 0, err
		}
		children = append(children, pid)
	}
	return len(children), nil
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

// exactlyEnough has forks where there is room for one task more, with no more to spare, and fails if one is refused.
func exactlyEnough(r *race, c containerfs.Container) {
	attach := sync.OnceValue(func() error { return c.Attach(0) })
	r.worker("forks in "+c.Path, func() error {
		if err := attach(); err != nil {
			return err
		}
		pid, err := bare.Spawn(bare.Exits)
		if err != nil {
			return fmt.Errorf("a fork that has room: %w", err)
		}
		reap(pid)
		return nil
	})
}

// A task that moves below a group is counted there once all the time, and refuses nobody a fork.
func TestNumtasksRaceMovesRefuseNobody(t *testing.T) {
	const (
		moved   = 9
		forking = 2 // with the child
	)
	for name, c := range map[string]struct{ a, b, most int }{
		"no guarantee": {0, 0, moved + forking},
		// At worst all are in the one, and the other's guarantee is not used.
		"one is guaranteed":   {4, 0, moved + forking + 4},
		"both are guaranteed": {4, 4, moved + forking + 4},
		"all are guaranteed":  {moved, moved + forking, moved + moved + forking},
	} {
		t.Run(name, func(t *testing.T) {
			begin(t)
			parent, a, b := familyOf(t, divided(t), c.most)
			setShares(t, a, fmt.Sprintf("min_shares=%d", c.a))
			setShares(t, b, fmt.Sprintf("min_shares=%d", c.b))
			pid, _ := threaded(t, moved-1)
			must(t, a.AttachProc(pid))
			r := newRace(t)
			exactlyEnough(r, b)
			eventually(t, "the forker is there", func() bool { return stats(t, b).usage > 0 })
			r.worker("moves", func() error {
				if err := b.AttachProc(pid); err != nil {
					return err
				}
				return a.AttachProc(pid)
			})
			r.worker("usage", func() error {
				s := stats(t, parent)
				if r.over.Load() {
					return nil // the forker may have ended
				}
				if s.usage < moved+forking-1 || s.usage > moved+forking {
					return fmt.Errorf("%d tasks are counted, there are %d and a child at times", s.usage, moved+forking-1)
				}
				return nil
			})
			r.wait()
			kill(pid)
			wantUnused(t, parent, a, b)
		})
	}
}

// quietRace is a race without hotplug, which makes tasks of the kernel's own: their forks must not be refused.
func quietRace(t *testing.T) *race { return &race{t: t} }

// A total that is less than what is in use is refused, and refuses nobody a fork.
func TestNumtasksRaceRefusedTotal(t *testing.T) {
	begin(t)
	h := divided(t)
	for i := range 300 {
		mkdir(t, h.Root(), "group"+strconv.Itoa(i))
	}
	r := newRace(t)
	exactlyEnough(r, h.Container("/group7"))
	exactlyEnough(r, h.Container("/group299"))
	r.worker("total", func() error {
		if err := writeFile(numtasksParameters+"total_numtasks", "1"); !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("a total of 1: %v", err)
		}
		return nil
	})
	r.wait()
}

// raceAcceptedTotal has three threads fork in a group, which is guaranteed that many parts of ten thousand, beside a total that is again and
// again set to little more than what is in use: once it is accepted there are never more tasks than that. The group has that many
// tasks before, which is to be more than it is guaranteed of such a total.
func raceAcceptedTotal(t *testing.T, guaranteed, resident int) {
	t.Helper()
	begin(t)
	h := divided(t)
	// This process makes threads when it likes, and must have them. It has a share of any total that is more than it ever has.
	own := mkdir(t, h.Root(), "own")
	setShares(t, own, "min_shares=4000")
	must(t, own.AttachProc(os.Getpid()))
	t.Cleanup(func() { must(t, h.Root().AttachProc(os.Getpid())) })
	// There is a way to go from the root to the last group, whose guarantee is the last to change.
	for i := range 300 {
		mkdir(t, h.Root(), "group"+strconv.Itoa(i))
	}
	rest := mkdir(t, h.Root(), "rest")
	setShares(t, rest, fmt.Sprintf("min_shares=%d", guaranteed))
	pid, _ := threaded(t, resident)
	must(t, rest.AttachProc(pid))
	r := quietRace(t)
	// Those who fork are no more in own when the first total is set.
	var attached sync.WaitGroup
	attached.Add(3)
	for range 3 {
		attach := sync.OnceValue(func() error {
			defer attached.Done()
			return rest.Attach(0)
		})
		r.worker("forks", func() error {
			if err := attach(); err != nil {
				return err
			}
			_, err := forksAtMost(20)
			return err
		})
	}
	accepted, refused := 0, 0
	r.worker("total", func() error {
		attached.Wait()
		// Threads of ours come and go between two looks.
		before := stats(t, own).usage
		most := stats(t, h.Root()).usage + 2
		before = min(before, stats(t, own).usage)
		switch err := writeFile(numtasksParameters+"total_numtasks", strconv.Itoa(most)); {
		case errors.Is(err, unix.EINVAL):
			refused++
		case err != nil:
			return err
		default:
			accepted++
			for range 20 {
				// What is guaranteed can be had, and is not the total's to refuse.
				now := stats(t, own).usage
				all := stats(t, h.Root()).usage
				now = max(now, stats(t, own).usage)
				if all > most+max(now-before, 0) {
					return fmt.Errorf("%d tasks with a total of %d", all, most)
				}
			}
		}
		return writeFile(numtasksParameters+"total_numtasks", strconv.Itoa(total))
	})
	r.wait()
	setParameter(t, "total_numtasks", strconv.Itoa(total))
	t.Logf("%d totals were accepted, %d refused", accepted, refused)
	if accepted == 0 {
		t.Error("no total was accepted")
	}
	kill(pid)
	wantUnused(t, rest)
}

// A total that has been set holds from then on, whatever forks were under way.
func TestNumtasksRaceAcceptedTotal(t *testing.T) { raceAcceptedTotal(t, 0, 0) }

// It holds for forks, too, that are no more within what their group is guaranteed of the new total.
func TestNumtasksRaceAcceptedTotalGuaranteesLess(t *testing.T) { raceAcceptedTotal(t, 4000, 200) }

// A total that is set anew, and all guarantees with it, refuses no fork that fits before and after.
func TestNumtasksRaceNewTotalRefusesNobody(t *testing.T) {
	begin(t)
	h := divided(t)
	// The first that is guaranteed more, before there is more.
	setShares(t, mkdir(t, h.Root(), "guaranteed"), "min_shares=6000")
	for i := range 300 {
		mkdir(t, h.Root(), "group"+strconv.Itoa(i))
	}
	r := quietRace(t)
	exactlyEnough(r, h.Container("/group7"))
	exactlyEnough(r, h.Container("/group299"))
	r.worker("total", func() error {
		for _, n := range []int{2 * total, total} {
			if err := writeFile(numtasksParameters+"total_numtasks", strconv.Itoa(n)); err != nil {
				return err
			}
		}
		return nil
	})
	r.wait()
}

// A maximum that has been set holds from then on: where there are more already, forks make none more.
func TestNumtasksRaceAcceptedMaximum(t *testing.T) {
	begin(t)
	a := mkdir(t, divided(t).Root(), "a")
	setShares(t, a, "max_shares=40")
	r := newRace(t)
	var moved sync.WaitGroup
	moved.Add(3)
	for range 3 {
		moveIn := sync.OnceValue(func() error {
			defer moved.Done()
			return a.Attach(0)
		})
		r.worker("forks", func() error {
			if err := moveIn(); err != nil {
				return err
			}
			return forksUntilRefused()
		})
	}
	r.worker("maximum", func() error {
		moved.Wait() // a move would not be refused
		for stats(t, a).usage < 20 && !r.over.Load() {
			// The next fork that is under way is to be one too many.
		}
		if err := a.Write("numtasks.shares", "max_shares=20"); err != nil {
			return err
		}
		most := max(20, stats(t, a).usage)
		for range 20 {
			s := stats(t, a)
			if s.usage > most {
				return fmt.Errorf("%d tasks, after there were %d with a maximum of 20", s.usage, most)
			}
			most = max(20, s.usage)
		}
		return a.Write("numtasks.shares", "max_shares=40")
	})
	r.wait()
	wantUnused(t, a)
}
