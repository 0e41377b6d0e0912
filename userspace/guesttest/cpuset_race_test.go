//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// pairOfCpusets mounts a hierarchy of cpusets with /1 and /2 that have no CPU and no node in common.
func pairOfCpusets(t *testing.T) (containerfs.Hierarchy, [2]containerfs.Container) {
	t.Helper()
	h := cpusets(t)
	return h, [2]containerfs.Container{cpuset(t, h.Root(), "1", "0-1", "0"), cpuset(t, h.Root(), "2", "2-3", "1")}
}

// checkSettled returns an error unless a task has what its cpuset has in effect. Nobody may change that meanwhile.
func checkSettled(c containerfs.Container, pid int) error {
	cpus, err := c.ReadString("cpuset.effective_cpus")
	if err != nil {
		return err
	}
	mems, err := c.ReadString("cpuset.effective_mems")
	if err != nil {
		return err
	}
	have, err := allowed(pid)
	if want := allowedText(cpus, mems); err == nil && have != want {
		err = fmt.Errorf("task %d of %s has %s, want %s", pid, c.Path, have, want)
	}
	return err
}

// Children that are born while the CPUs and nodes of their cpuset change have the new ones when the write has returned.
func TestCpusetRaceForkAgainstChanges(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "0", "0")
	r := &race{t: t}
	// Births are counted, so that a change meets some.
	var born atomic.Int64
	for range 3 {
		r.worker("forks", func() error {
			if err := a.Attach(0); err != nil {
				return err
			}
			pid, err := bare.Spawn(bare.Sleeps)
			if err != nil {
				return err
			}
			born.Add(1)
			kill(pid)
			return nil
		})
	}
	lists := []struct{ cpus, mems string }{{"0", "0"}, {"3", "1"}, {"1-2", "0-1"}, {"0-3", "1"}}
	next := 0
	r.worker("changes", func() error {
		l := lists[next%len(lists)]
		next++
		if err := errors.Join(a.Write("cpuset.cpus", l.cpus), a.Write("cpuset.mems", l.mems)); err != nil {
			return err
		}
		tasks, err := a.Tasks()
		if err != nil {
			return err
		}
		for _, tid := range tasks {
			// One that is being born may show what its parent had, until it runs.
			have := ""
			if !within(patience, func() bool {
				have, err = allowed(tid)
				return err != nil || have == "" || have == allowedText(l.cpus, l.mems)
			}) {
				return fmt.Errorf("task %d has %s, want %v", tid, have, l)
			}
		}
		return nil
	})
	r.wait()
	if born.Load() == 0 {
		t.Error("nobody was born")
	}
	wantQuietCpusets(t, h)
}

// wantQuietCpusets waits until only the root has tasks.
func wantQuietCpusets(t testing.TB, h containerfs.Hierarchy) {
	t.Helper()
	for _, c := range got(h.Root().Children())(t) {
		eventually(t, c.Path+" is empty", func() bool { return len(got(c.Tasks())(t)) == 0 })
	}
}

// A child of a task that is moved about is placed as its cpuset says, whichever it was born in.
func TestCpusetRaceForkAgainstMoves(t *testing.T) {
	begin(t)
	h, pair := pairOfCpusets(t)
	places := []containerfs.Container{pair[0], pair[1], h.Root()}
	r := &race{t: t}
	tid := make(chan int, 1)
	forking := r.worker("forks", func() error {
		select {
		case tid <- unix.Gettid():
		default:
		}
		pid, err := bare.Spawn(bare.Sleeps)
		if err != nil {
			return err
		}
		defer kill(pid)
		for _, c := range places {
			tasks, err := c.Tasks()
			if err != nil {
				return err
			}
			for _, task := range tasks {
				if task == pid {
					return checkSettled(c, pid)
				}
			}
		}
		return fmt.Errorf("task %d is nowhere", pid)
	})
	mover := <-tid
	next := 0
	r.worker("moves", func() error {
		next++
		err := places[next%len(places)].Attach(mover)
		if errors.Is(err, unix.ESRCH) {
			<-forking
			err = nil
		}
		return err
	})
	r.wait()
	wantQuietCpusets(t, h)
}

// Whatever a task asks for, and whoever changes its cpuset meanwhile: in the end it is within, and its wish counts.
func TestCpusetRaceAffinity(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "0-1", allNodes)
	pid := sleeper(t)
	must(t, a.Attach(pid))
	r := newRace(t)
	for cpu := range 4 {
		r.worker(fmt.Sprint("wishes ", cpu), func() error {
			// EINVAL: the cpuset has not, or has no longer, what is asked for.
			if err := wish(pid, cpu, (cpu+1)%4); err != nil && !errors.Is(err, unix.EINVAL) {
				return err
			}
			return nil
		})
	}
	lists := []string{"0-1", "2-3", "0", "0-3", "3"}
	next := 0
	r.worker("changes", func() error {
		next++
		err := a.Write("cpuset.cpus", lists[next%len(lists)])
		if errors.Is(err, unix.ENOSPC) { // its CPU is away
			return nil
		}
		return err
	})
	r.wait()
	set(t, a, "cpus", "0-1")
	must(t, wish(pid, 1, 2))
	wantAllowed(t, pid, "1", allNodes)
	set(t, a, "cpus", "2-3")
	wantAllowed(t, pid, "2", allNodes)
	kill(pid)
}

// Tasks that never sleep, and tasks that come and go, while their cpusets change, are emptied by hotplug, made and removed.
func TestCpusetRaceEverything(t *testing.T) {
	begin(t)
	h, pair := pairOfCpusets(t)
	running, threads := spinning(t, 2)
	e := eater{start(t, nil, nil, "eat")}
	area := e.area(t, 20)
	r := quietRace(t)
	r.hotplug(unix.EBUSY) // the last CPU of an exclusive cpuset
	for i, c := range pair {
		lists := []struct{ cpus, mems string }{{fmt.Sprint(2 * i), "0"}, {fmt.Sprintf("%d-%d", 2*i, 2*i+1), "1"}, {allCPUs, allNodes}}
		next := 0
		r.worker(fmt.Sprint("changes ", i), func() error {
			next++
			l := lists[next%len(lists)]
			for file, text := range map[string]string{"cpus": l.cpus, "mems": l.mems, "memory_migrate": fmt.Sprint(next % 2),
				"memory_spread_page": fmt.Sprint(next / 2 % 2)} {
				// The CPUs can be away, or the other's for now.
				err := c.Write("cpuset."+file, text)
				if err != nil && !isOneOf(err, []unix.Errno{unix.ENOSPC, unix.EINVAL}) {
					return fmt.Errorf("%s to %s: %w", text, file, err)
				}
			}
			return nil
		})
		r.worker(fmt.Sprint("lives ", i), func() error {
			if err := c.Attach(0); err != nil {
				return err
			}
			defer h.Root().Attach(0)
			return forksAndExits()
		})
	}
	next := 0
	r.worker("moves", func() error {
		next++
		return errors.Join(pair[next%2].AttachProc(running), pair[next/2%2].Attach(threads[1]), pair[next%2].AttachProc(e.pid))
	})
	r.worker("pages", func() error {
		if text := e.do(t, "bind %s %d", area, next%2); text != "0" && text != "22" {
			return fmt.Errorf("mbind: errno %s", text)
		}
		return nil
	})
	made := h.Root().Child("made")
	r.worker("makes", func() error {
		if err := made.Create(); err != nil {
			return err
		}
		for file, text := range map[string]string{"cpus": "1", "mems": "1", "cpu_exclusive": "1"} {
			err := made.Write("cpuset."+file, text)
			if err != nil && !isOneOf(err, []unix.Errno{unix.EINVAL, unix.ENOSPC}) { // others have it
				return fmt.Errorf("%s to %s: %w", text, file, err)
			}
		}
		return made.Remove()
	})
	r.wait()
	for i, c := range pair {
		must(t, c.Write("cpuset.cpus", fmt.Sprintf("%d-%d", 2*i, 2*i+1)))
		must(t, c.Write("cpuset.mems", fmt.Sprint(i)))
		for _, pid := range []int{running, e.pid} {
			must(t, c.AttachProc(pid))
			for _, tid := range threadsOf(pid) {
				must(t, checkSettled(c, tid))
			}
		}
	}
	must(t, h.Root().AttachProc(running))
	must(t, h.Root().AttachProc(e.pid))
	wantAllowed(t, running, allCPUs, allNodes)
	wantQuietCpusets(t, h)
}

// Hierarchies of cpusets begin and end, and tasks are in and out of cpusets, while CPUs come and go and others fork.
func TestCpusetRaceMounts(t *testing.T) {
	begin(t)
	dir := tempDir(t)
	h := containerfs.Hierarchy{Dir: dir}
	pid := sleeper(t)
	r := newRace(t)
	r.worker("forks", forksAndExits)
	r.worker("wishes", func() error {
		err := wish(pid, 0, 3)
		if errors.Is(err, unix.EINVAL) {
			err = nil
		}
		return err
	})
	r.worker("mounts", func() error {
		if err := unix.Mount("x", dir, "cpuset", 0, ""); err != nil {
			return err
		}
		a := h.Root().Child("a")
		err := errors.Join(a.Create(), a.Write("cpus", "0"), a.Write("mems", "1"), a.Attach(pid), h.Root().Write("memory_spread_page", "1"))
		return errors.Join(err, h.Root().Attach(pid), a.Remove(), h.Unmount())
	})
	r.wait()
	must(t, wish(pid, 0, 1, 2, 3))
	wantAllowed(t, pid, allCPUs, allNodes)
	kill(pid)
}
