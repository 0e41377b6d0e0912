//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// raceTime is how long each race is run. The outcome does not depend on it, only how many interleavings are tried.
const raceTime = 2 * time.Second

// race runs workers beside each other until raceTime is over or one of them fails.
type race struct {
	t    *testing.T
	over atomic.Bool
	wg   sync.WaitGroup

	mu      sync.Mutex
	threads []int // of the workers
}

// newRace starts a race in which CPUs are unplugged and plugged again all the time.
func newRace(t *testing.T) *race {
	t.Helper()
	r := &race{t: t}
	r.hotplug()
	return r
}

// hotplug adds the worker that unplugs CPUs and plugs them in again. The kernel may refuse to unplug one with the given errors.
func (r *race) hotplug(refusals ...unix.Errno) {
	r.t.Helper()
	files := unpluggable(r.t)
	next := 0
	r.worker("hotplug", func() error {
		file := files[next%len(files)]
		next++
		if err := setOnline(file, false); isOneOf(err, refusals) {
			return nil
		} else if err != nil {
			return err
		}
		return setOnline(file, true)
	})
}

// worker adds a worker, which does rounds one after the other, on a thread of its own. The channel is closed when it has ended.
func (r *race) worker(name string, round func() error) <-chan struct{} {
	ended := make(chan struct{})
	r.wg.Go(func() {
		defer close(ended)
		runtime.LockOSThread() // and never unlocked: the thread ends with the worker
		r.mu.Lock()
		r.threads = append(r.threads, unix.Gettid())
		r.mu.Unlock()
		rounds := 0
		for ; !r.over.Load() || rounds == 0; rounds++ {
			if err := round(); err != nil {
				r.t.Errorf("%s, round %d: %v", name, rounds, err)
				r.over.Store(true)
				return
			}
		}
		r.t.Logf("%s: %d rounds", name, rounds)
	})
	return ended
}

// wait waits for the end of the race.
func (r *race) wait() {
	end := time.Now().Add(raceTime)
	within(2*raceTime, func() bool { return r.over.Load() || time.Now().After(end) })
	r.finish()
}

// finish ends the race now. The workers' threads, which may be in some container, have ended then.
func (r *race) finish() {
	r.t.Helper()
	r.over.Store(true)
	r.wg.Wait()
	eventually(r.t, "the workers' threads have ended", func() bool {
		return !slices.ContainsFunc(r.threads, func(tid int) bool { return alive(os.Getpid(), tid) })
	})
}

// forksAndExits is a worker's round: children are born and die where the worker is.
func forksAndExits() error {
	for range 4 {
		pid, err := bare.Spawn(bare.Exits)
		if err != nil {
			return err
		}
		reap(pid)
	}
	return nil
}

// tree is a hierarchy with the containers /1 and /2.
type tree struct {
	containerfs.Hierarchy
	key string
	ss  string // its subsystem of the debug pair, if any
}

// raceTrees mounts three hierarchies, two of them with a subsystem that counts where there is one.
func raceTrees(t *testing.T) []tree {
	t.Helper()
	trees := []tree{{ss: "debug_a", key: "debug_a"}, {ss: "debug_b", key: "debug_b"}, {key: "name=third"}}
	if !debugFlavor {
		trees = []tree{{key: "name=first"}, {key: "name=second"}, {key: "name=third"}}
	}
	for i := range trees {
		o := bound(trees[i].ss)
		if trees[i].ss == "" {
			o = named(trees[i].key[len("name="):])
		}
		trees[i].Hierarchy = mount(t, o)
		mkdir(t, trees[i].Root(), "1", "2")
	}
	return trees
}

// wantQuiet fails the test unless every task of the machine is in exactly one container of each tree, the counts are exact, and only
// the roots have tasks left.
func wantQuiet(t *testing.T, trees []tree) {
	t.Helper()
	for _, tr := range trees {
		for _, c := range got(tr.Root().Children())(t) {
			eventually(t, tr.key+" has tasks in its root only", func() bool { return len(got(c.Tasks())(t)) == 0 })
		}
		wantEveryTaskOnce(t, tr.Hierarchy, tr.key)
		if tr.ss != "" {
			wantExactCounts(t, tr.Root(), tr.ss)
		}
	}
}

// states are the places that the forking task of a race is in, one after the other: in the containers 1 or 2 of three hierarchies. One
// place differs from the next in one hierarchy, and 121 and 212 never occur.
var states = []string{"111", "211", "221", "222", "122", "112"}

// A child lands wholly before or wholly after a move of its parent, in all hierarchies alike.
func TestRaceForkAgainstMoves(t *testing.T) {
	begin(t)
	trees := raceTrees(t)
	r := newRace(t)
	for i := range 2 {
		tid := make(chan int, 1)
		r.worker(fmt.Sprint("forker ", i), func() error {
			select {
			case tid <- unix.Gettid():
			default:
			}
			if err := forksAndExits(); err != nil {
				return err
			}
			return bornInOnePlace(trees)
		})
		id, step := <-tid, 0
		must(t, moveTo(trees, id, states[0]))
		r.worker(fmt.Sprint("mover ", i), func() error {
			step = (step + 1) % len(states)
			err := moveTo(trees, id, states[step])
			if errors.Is(err, unix.ESRCH) && r.over.Load() {
				return nil
			}
			return err
		})
	}
	r.wait()
	wantQuiet(t, trees)
}

// moveTo moves a thread to a place, which must differ from where it is in one hierarchy at most; or, at first, from the roots.
func moveTo(trees []tree, tid int, state string) error {
	for i, tr := range trees {
		if err := tr.Container(state[i : i+1]).Attach(tid); err != nil {
			return err
		}
	}
	return nil
}

// bornInOnePlace forks a child and returns an error unless it is in a place where its parent has been.
func bornInOnePlace(trees []tree) error {
	pid, err := bare.Spawn(bare.Sleeps)
	if err != nil {
		return err
	}
	defer kill(pid)
	memberships, err := containerfs.MembershipOf(pid)
	if err != nil {
		return err
	}
	state := ""
	for _, tr := range trees {
		for _, m := range memberships {
			if keyOf(m) == tr.key {
				state += m.Path[1:]
			}
		}
	}
	// At the very first the parent may be on its way from the roots: "", "1", "11".
	if len(state) == len(trees) && !slices.Contains(states, state) {
		return fmt.Errorf("the child was born in %s, where its parent has never been", state)
	}
	return listedOnce(trees, pid)
}

// listedOnce returns an error unless, in each tree, exactly one container lists the task.
func listedOnce(trees []tree, pid int) error {
	for _, tr := range trees {
		n := 0
		err := tr.Root().Walk(func(c containerfs.Container) error {
			tasks, err := c.Tasks()
			if slices.Contains(tasks, pid) {
				n++
			}
			return err
		})
		if err != nil {
			return err
		}
		if n != 1 {
			return fmt.Errorf("task %d is listed by %d containers of %s", pid, n, tr.key)
		}
	}
	return nil
}

// A process moves with all of its threads, those that are being made meanwhile included.
func TestRaceProcessAgainstItsThreads(t *testing.T) {
	begin(t)
	trees := raceTrees(t)
	p := start(t, nil, nil, "storm")
	p.line(t)
	r := newRace(t)
	for _, tr := range trees {
		from, to := tr.Container("1"), tr.Container("2")
		r.worker("mover in "+tr.key, func() error {
			from, to = to, from
			if err := to.AttachProc(p.pid); err != nil {
				return err
			}
			if tasks, err := from.Tasks(); err != nil || len(tasks) != 0 {
				return fmt.Errorf("threads left behind in %s of %s: %v (%v)", from.Path, tr.key, tasks, err)
			}
			procs, err := to.Procs()
			if err != nil || !slices.Equal(procs, []int{p.pid}) {
				return fmt.Errorf("procs of %s in %s: %v (%v)", to.Path, tr.key, procs, err)
			}
			return allThreadsIn(p.pid, tr.key, to.Path)
		})
	}
	r.wait()
	p.stop()
	wantQuiet(t, trees)
}

// allThreadsIn returns an error unless all threads of a process are in the container with that path, but for those on their way out:
// these stay where they were, and count nowhere.
func allThreadsIn(pid int, key, path string) error {
	for _, tid := range threadsOf(pid) {
		memberships, err := containerfs.MembershipOfThread(pid, tid)
		if err != nil {
			continue // it has ended since
		}
		for _, m := range memberships {
			if keyOf(m) == key && m.Path != path && !exiting(pid, tid) {
				return fmt.Errorf("thread %d of %d is in %s, not in %s", tid, pid, m.Path, path)
			}
		}
	}
	return nil
}

// Containers come and go while tasks are born, moved and die in others and in them.
func TestRaceForkAgainstDirectories(t *testing.T) {
	begin(t)
	trees := raceTrees(t)
	r := newRace(t)
	for i := range 2 {
		made := trees[i].Root().Child("made")
		r.worker(fmt.Sprint("maker ", i), func() error { return liveAndDie(made) })
	}
	c := trees[0].Container("1")
	r.worker("forker", func() error {
		if err := c.Attach(0); err != nil {
			return err
		}
		return forksAndExits()
	})
	r.worker("watcher", func() error {
		_, err := containerfs.ReadStatus()
		return err
	})
	gone := trees[0].Root().Child("made")
	r.worker("reader", func() error {
		_, err1 := gone.Tasks()
		_, err2 := gone.NotifyOnRelease()
		for _, err := range []error{err1, err2} {
			if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV) {
				return err
			}
		}
		return nil
	})
	r.wait()
	wantQuiet(t, trees)
	for _, tr := range trees {
		if tr.ss != "" {
			wantLive(t, tr.Hierarchy, tr.ss, 2)
		}
	}
}

// liveAndDie makes a container, lets a task live and die in it, and removes it: which must succeed as soon as the task is dead.
func liveAndDie(c containerfs.Container) error {
	if err := c.Create(); err != nil {
		return err
	}
	pid, err := bare.Spawn(bare.Sleeps)
	if err != nil {
		return err
	}
	defer reap(pid)
	if err := c.Attach(pid); err != nil {
		return err
	}
	if err := c.Remove(); !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("removal of a container with a task: %v", err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		return err
	}
	if err := awaitZombie(pid); err != nil {
		return err
	}
	return c.Remove()
}

// Hierarchies begin and end while tasks are born, die, and ask where they are.
func TestRaceForkAgainstMounts(t *testing.T) {
	begin(t)
	options := []containerfs.Options{named("one"), named("two")}
	if debugFlavor {
		options[0] = bound("debug_a")
	}
	stays := mount(t, named("stays"))
	r := newRace(t)
	// Before the mounters: to start a program copies this process's open files, and one below a mount point keeps it busy until the
	// program is there.
	stop := r.bornAndDying()
	for _, o := range options {
		dir := tempDir(t)
		r.worker("mounter of "+o.String(), func() error { return beginAndEnd(dir, o) })
	}
	r.wait()
	stop()
	wantEveryTaskOnce(t, stays, "name=stays")
}

// bornAndDying adds workers by which processes and threads are born and die, and ask where they are, all the time. The result ends what
// is not a worker.
func (r *race) bornAndDying() (stop func()) {
	r.worker("forker", forksAndExits)
	r.worker("reader", func() error {
		_, err := containerfs.MembershipOf(os.Getpid())
		return err
	})
	threads := start(r.t, nil, nil, "storm")
	threads.line(r.t)
	return threads.stop
}

// beginAndEnd mounts a hierarchy, moves a task in it to and fro, and unmounts it.
func beginAndEnd(dir string, o containerfs.Options) error {
	h, err := containerfs.Mount("race", dir, o)
	if err != nil {
		return err
	}
	c := h.Root().Child("a")
	if err := c.Create(); err != nil {
		return err
	}
	if err := c.Attach(0); err != nil {
		return err
	}
	if err := forksAndExits(); err != nil {
		return err
	}
	if err := h.Root().Attach(0); err != nil {
		return err
	}
	if err := c.Remove(); err != nil {
		return err
	}
	return h.Unmount()
}

// Whoever reads a listing finds each task once, in order, whatever the tasks do meanwhile.
func TestRaceReaders(t *testing.T) {
	begin(t)
	trees := raceTrees(t)
	tr := trees[0]
	resident := sleeper(t)
	must(t, tr.Container("1").Attach(resident))
	threads := start(t, nil, nil, "storm")
	threads.line(t)
	r := newRace(t)
	r.worker("reader", func() error {
		for _, path := range []string{"/", "1", "2"} {
			tasks, err1 := tr.Container(path).Tasks()
			procs, err2 := tr.Container(path).Procs()
			if err := errors.Join(err1, err2, ascending(tasks), ascending(procs)); err != nil {
				return fmt.Errorf("in %s: %w", path, err)
			}
			if path == "1" && !slices.Contains(tasks, resident) {
				return fmt.Errorf("%d, which never moves, is not among %v", resident, tasks)
			}
		}
		return nil
	})
	at := 0
	r.worker("mover", func() error {
		at++
		return tr.Container([]string{"1", "2"}[at%2]).AttachProc(threads.pid)
	})
	r.worker("forker", func() error {
		if err := tr.Container("2").Attach(0); err != nil {
			return err
		}
		return forksAndExits()
	})
	r.wait()
	threads.stop()
	kill(resident)
	wantQuiet(t, trees)
}

// homeAndPlaces returns a container for tasks that stay there, and two in another hierarchy between which they hop.
func homeAndPlaces(t *testing.T) (home containerfs.Container, places [2]containerfs.Container) {
	t.Helper()
	stays, hops := mount(t, named("stays")), mount(t, named("hops"))
	return mkdir(t, stays.Root(), "home"), [2]containerfs.Container{mkdir(t, hops.Root(), "1", "2"), hops.Container("/2")}
}

// A task that stays where it is in one hierarchy is listed there, however it is moved about in another.
func TestRaceListingHasWhoHops(t *testing.T) {
	begin(t)
	home, places := homeAndPlaces(t)
	// A crowd on either side, so that it takes a while to get from one to the other.
	for _, place := range places {
		pid, _ := threaded(t, 100)
		must(t, home.AttachProc(pid))
		must(t, place.AttachProc(pid))
	}
	hopper := sleeper(t)
	must(t, home.Attach(hopper))
	r := newRace(t)
	at := 0
	r.worker("mover", func() error {
		at++
		return places[at%2].Attach(hopper)
	})
	r.worker("reader", func() error {
		tasks, err1 := home.Tasks()
		procs, err2 := home.Procs()
		if err := errors.Join(err1, err2, ascending(tasks), ascending(procs)); err != nil {
			return err
		}
		if len(tasks) != 203 || len(procs) != 3 || !slices.Contains(tasks, hopper) || !slices.Contains(procs, hopper) {
			return fmt.Errorf("%d tasks and %d processes, want 203 and 3, %d among them", len(tasks), len(procs), hopper)
		}
		return nil
	})
	r.wait()
}

// That is so, too, where there are moves within each walk of the list: whoever moves tasks wakes up, again and again, on the CPU of who reads.
func TestListingHasAllWhileOthersHop(t *testing.T) {
	begin(t)
	home, places := homeAndPlaces(t)
	pid, _ := threaded(t, 200)
	must(t, home.AttachProc(pid))
	hopper := sleeper(t)
	must(t, home.Attach(hopper))
	r := &race{t: t}
	at := 0
	r.worker("mover", func() error {
		if at++; at == 1 {
			return starving(0, 2)
		}
		unix.Nanosleep(&unix.Timespec{Nsec: 50_000}, nil) // this thread's own timer, on this CPU
		return places[at%2].Attach(hopper)
	})
	read := 0
	r.worker("reader", func() error {
		if read++; read == 1 {
			var set unix.CPUSet
			set.Set(starvedCPU)
			return unix.SchedSetaffinity(0, &set)
		}
		tasks, err1 := home.Tasks()
		procs, err2 := home.Procs()
		if err := errors.Join(err1, err2, ascending(tasks), ascending(procs)); err != nil {
			return err
		}
		if len(tasks) != 202 || len(procs) != 2 || !slices.Contains(tasks, hopper) || !slices.Contains(procs, hopper) {
			return fmt.Errorf("%d tasks and %d processes, want 202 and 2, %d among them", len(tasks), len(procs), hopper)
		}
		return nil
	})
	r.wait()
}

// ascending returns an error unless every number is greater than the one before.
func ascending(ids []int) error {
	for i := 1; i < len(ids); i++ {
		if ids[i] <= ids[i-1] {
			return fmt.Errorf("not ascending at %d: %v", i, ids)
		}
	}
	return nil
}

// A task that exits while it is being moved is in the end nowhere, and keeps nothing. Of a process whose threads all die at once, some do
// so between the look at who is there and their own step of the move.
func TestRaceExitAgainstAttach(t *testing.T) {
	begin(t)
	trees := raceTrees(t)
	r := newRace(t)
	for i := range 3 {
		pids := make(chan int)
		killed := r.worker(fmt.Sprint("killer ", i), func() error {
			pid, err := bare.SpawnThreads(32)
			if err != nil {
				return err
			}
			pids <- pid
			kill(pid)
			return nil
		})
		tr := trees[i]
		r.wg.Go(func() { attachDying(r, tr, pids, killed) })
	}
	r.wait()
	for _, tr := range trees {
		for _, path := range []string{"1", "2"} {
			if err := tr.Container(path).Remove(); err != nil {
				t.Errorf("a container where tasks only died cannot be removed: %v", err)
			}
		}
	}
	wantQuiet(t, trees)
}

// attachDying moves the processes that it is sent to and fro until they are gone, and ends when no more can come.
func attachDying(r *race, tr tree, pids <-chan int, killed <-chan struct{}) {
	won, lost := 0, 0
	for {
		var pid int
		select {
		case pid = <-pids:
		case <-killed:
			r.t.Logf("%s: %d moves, %d came too late", tr.key, won, lost)
			return
		}
		for i := 0; ; i++ {
			err := tr.Container([]string{"1", "2"}[i%2]).AttachProc(pid)
			if errors.Is(err, unix.ESRCH) {
				lost++
				break
			}
			if err != nil {
				r.t.Errorf("attach of a dying task: %v", err)
				r.over.Store(true)
				break
			}
			won++
		}
	}
}

// Every release is told to the agent exactly once, whatever goes on beside it.
func TestRaceReleaseAgents(t *testing.T) {
	begin(t)
	agent := newAgent(t)
	agent.listen(t)
	trees := raceTrees(t)
	tr := trees[0]
	must(t, tr.SetReleaseAgent(agent.program))
	var mu sync.Mutex
	want := map[string]int{}
	r := newRace(t)
	for i := range 2 {
		n := 0
		r.worker(fmt.Sprint("releaser ", i), func() error {
			n++
			c := tr.Root().Child(fmt.Sprintf("released-%d-%d", i, n))
			mu.Lock()
			want[runFor(c.Path)]++
			mu.Unlock()
			return release(c, n%2 == 0)
		})
	}
	r.worker("forker", forksAndExits)
	r.worker("maker", func() error { return liveAndDie(trees[1].Root().Child("made")) })
	r.wait()
	for _, run := range agent.rest(t, tr.Hierarchy) {
		want[run]--
	}
	for run, n := range want {
		if n != 0 {
			t.Errorf("wanted %d more runs of the agent: %s", n, run)
		}
	}
	wantQuiet(t, trees)
}

// release makes a container that tells of its release, and has two tasks leave it at the same time, by exit or one of them by a move.
func release(c containerfs.Container, byMove bool) error {
	if err := c.Create(); err != nil {
		return err
	}
	if err := c.SetNotifyOnRelease(true); err != nil {
		return err
	}
	var pids [2]int
	for i := range pids {
		pid, err := bare.Spawn(bare.Sleeps)
		if err != nil {
			return err
		}
		defer kill(pid)
		if err := c.Attach(pid); err != nil {
			return err
		}
		pids[i] = pid
	}
	if err := unix.Kill(pids[0], unix.SIGKILL); err != nil {
		return err
	}
	if byMove {
		return c.Hierarchy.Root().Attach(pids[1])
	}
	return unix.Kill(pids[1], unix.SIGKILL)
}
