//go:build guest && debug

package guesttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// failslab makes the kernel's injection of failing allocations ready, for tasks that ask for it, and returns its control directory.
func failslab(t *testing.T) string {
	t.Helper()
	dir := tempDir(t)
	must(t, unix.Mount("debugfs", dir, "debugfs", 0, ""))
	t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
	control := filepath.Join(dir, "failslab")
	// Also where the allocation could have waited for memory; only for tasks that ask; and without a report of each.
	for name, value := range map[string]string{"ignore-gfp-wait": "N", "task-filter": "Y", "verbose": "0", "probability": "0"} {
		must(t, os.WriteFile(filepath.Join(control, name), []byte(value), 0))
	}
	if filter := filepath.Join(control, "cache-filter"); strings.TrimSpace(string(got(os.ReadFile(filter))(t))) == "N" {
		spareKmemleak(t, filter)
	}
	return control
}

// spareKmemleak lets no allocation fail that kmemleak makes for each other one, if the kernel has it: it would not even be noticed. The caches that may fail have to
// be named for that, each by itself, which the kernel allows as KASAN keeps them apart; filter is the file that then sees to it, for good.
func spareKmemleak(t *testing.T, filter string) {
	t.Helper()
	const its = "/sys/kernel/slab/kmemleak_object"
	if _, err := os.Stat(its); err != nil {
		return
	}
	for _, cache := range got(filepath.Glob("/sys/kernel/slab/*"))(t) {
		if cache != its {
			must(t, os.WriteFile(filepath.Join(cache, "failslab"), []byte("1"), 0))
		}
	}
	must(t, os.WriteFile(filter, []byte("Y"), 0))
}

// maxAllocations is more than any operation here allocates.
const maxAllocations = 1000

// failEach runs an operation again and again, on a thread of its own, and lets the first, second, third ... allocation in it fail, until
// it runs through with none failing. An operation that fails must fail with one of the given errors; after each, check must find
// everything as it was before. undo takes back one that succeeded.
func failEach(t *testing.T, wants []unix.Errno, operation, undo, check func() error) {
	t.Helper()
	onFailingThread(t, func(nth *os.File) { failLoop(t, nth, wants, operation, undo, check) })
}

// onFailingThread runs f on a thread of its own, with the file that says which of the thread's allocations fails.
func onFailingThread(t *testing.T, f func(nth *os.File)) {
	t.Helper()
	failslab(t)
	onThread(t, func(tid int) {
		nth, err := os.OpenFile(fmt.Sprintf("/proc/self/task/%d/fail-nth", tid), os.O_RDWR, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer nth.Close()
		f(nth)
	})
}

// failLoop is failEach for the task whose file is given, who may be another than the caller.
func failLoop(t *testing.T, nth *os.File, wants []unix.Errno, operation, undo, check func() error) {
	t.Helper()
	failed := 0
	for n := 1; ; n++ {
		if n > maxAllocations {
			t.Errorf("still not through at allocation %d", n)
			return
		}
		injected, err := withFailure(nth, n, operation)
		switch {
		case err == nil:
			err = undo()
		case injected && isOneOf(err, wants):
			failed++
			err = nil
		}
		if err == nil {
			err = check()
		}
		if err != nil {
			t.Errorf("allocation %d failing (%v): %v", n, injected, err)
			return
		}
		if !injected {
			t.Logf("%d allocations, %d of them vital", n-1, failed)
			if failed == 0 {
				t.Error("no failure was injected")
			}
			return
		}
	}
}

// withFailure runs an operation with its n-th allocation failing. injected tells whether it had as many.
func withFailure(nth *os.File, n int, operation func() error) (injected bool, err error) {
	if _, err := nth.WriteAt([]byte(strconv.Itoa(n)), 0); err != nil {
		return false, err
	}
	err = operation()
	left := make([]byte, 20)
	size, readErr := nth.ReadAt(left, 0)
	if size == 0 {
		return false, readErr
	}
	if _, err := nth.WriteAt([]byte("0"), 0); err != nil {
		return false, err
	}
	return strings.TrimSpace(string(left[:size])) == "0", err
}

var outOfMemory = []unix.Errno{unix.ENOMEM}

func TestFailMount(t *testing.T) {
	for _, o := range []containerfs.Options{named("failing"), bound(debugPair...), {None: true, Name: "agent", ReleaseAgent: "/bin/x"}} {
		t.Run(o.String(), func(t *testing.T) {
			begin(t)
			dir := tempDir(t)
			h := containerfs.Hierarchy{Dir: dir}
			failEach(t, outOfMemory,
				func() error { _, err := containerfs.Mount("x", dir, o); return err },
				h.Unmount,
				func() error {
					s, err := containerfs.ReadStatus()
					if err == nil && len(s.Hierarchies) != 0 {
						err = fmt.Errorf("left behind: %+v", s.Hierarchies)
					}
					return err
				})
		})
	}
}

func TestFailSecondMount(t *testing.T) {
	begin(t)
	mount(t, bound(debugPair...))
	dir := tempDir(t)
	second := containerfs.Hierarchy{Dir: dir}
	failEach(t, outOfMemory,
		func() error { _, err := containerfs.Mount("x", dir, bound(debugPair...)); return err },
		second.Unmount,
		func() error { return wantHierarchies(1) })
}

// wantHierarchies returns an error unless that many hierarchies are active.
func wantHierarchies(n int) error {
	s, err := containerfs.ReadStatus()
	if err == nil && len(s.Hierarchies) != n {
		err = fmt.Errorf("%d hierarchies, want %d", len(s.Hierarchies), n)
	}
	return err
}

func TestFailRemount(t *testing.T) {
	begin(t)
	o := named("remount")
	o.ReleaseAgent = "/bin/before"
	h := mount(t, o)
	remount := func(agent string) error {
		return unix.Mount("x", h.Dir, "container", unix.MS_REMOUNT, "release_agent="+agent)
	}
	failEach(t, outOfMemory,
		func() error { return remount("/bin/after") },
		func() error { return remount("/bin/before") },
		func() error {
			agent, err := h.ReleaseAgent()
			if err == nil && agent != "/bin/before" {
				err = fmt.Errorf("the agent is %q", agent)
			}
			return err
		})
}

func TestFailMkdir(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a := mkdir(t, h.Root(), "a")
	b := a.Child("b")
	failEach(t, outOfMemory, b.Create, b.Remove, func() error {
		if _, err := os.Stat(b.Dir()); !os.IsNotExist(err) {
			return fmt.Errorf("left behind: %v", err)
		}
		s, err := containerfs.ReadStatus()
		if err == nil && s.Hierarchies[0].Containers != 2 {
			err = fmt.Errorf("%d containers, want 2", s.Hierarchies[0].Containers)
		}
		return err
	})
	for _, ss := range debugPair {
		wantLive(t, h, ss, 1)
	}
}

func TestFailAttach(t *testing.T) {
	for _, file := range []string{"tasks", "procs"} {
		t.Run(file, func(t *testing.T) {
			begin(t)
			h := mount(t, bound(debugPair...))
			a := mkdir(t, h.Root(), "a")
			pid := sleeper(t)
			move := func(c containerfs.Container) func() error {
				return func() error { return c.Write(file, strconv.Itoa(pid)) }
			}
			failEach(t, outOfMemory, move(a), move(h.Root()), func() error {
				tasks, err := a.Tasks()
				if err == nil && len(tasks) != 0 {
					err = fmt.Errorf("tasks of the target: %v", tasks)
				}
				return err
			})
			for _, ss := range debugPair {
				wantExactCounts(t, h.Root(), ss)
			}
			kill(pid)
		})
	}
}

// A process of several threads, each in a container of its own, moves as a whole or not at all.
func TestFailAttachScatteredProcess(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	target := mkdir(t, h.Root(), "target")
	pid, threads := threaded(t, 4)
	home := map[int]containerfs.Container{}
	for i, tid := range threads {
		home[tid] = mkdir(t, h.Root(), fmt.Sprint("home", i))
	}
	scatter := func() error {
		for _, tid := range threads {
			if err := home[tid].Attach(tid); err != nil {
				return err
			}
		}
		return nil
	}
	must(t, scatter())
	failEach(t, outOfMemory,
		func() error { return target.AttachProc(pid) },
		scatter,
		func() error {
			for _, tid := range threads {
				if tasks, err := home[tid].Tasks(); err != nil || len(tasks) != 1 || tasks[0] != tid {
					return fmt.Errorf("tasks of the home of %d: %v (%v)", tid, tasks, err)
				}
			}
			return nil
		})
	kill(pid)
	for _, ss := range debugPair {
		wantExactCounts(t, h.Root(), ss)
	}
}

func TestFailRead(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a := mkdir(t, h.Root(), "a")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	for _, path := range []string{a.File("tasks"), a.File("procs"), "/proc/self/container", "/proc/containers", "/proc/mounts"} {
		// Where the kernel has no inode at hand for a process' file, a failing allocation of it is ENOENT (proc_pident_lookup() in 6.12).
		// A file that is open has one.
		held := got(os.Open(path))(t)
		failEach(t, outOfMemory, func() error { _, err := os.ReadFile(path); return err }, nothing, nothing)
		must(t, held.Close())
	}
	kill(pid)
}

func TestFailRename(t *testing.T) {
	begin(t)
	h := mount(t, named("rename"))
	a, b := mkdir(t, h.Root(), "a"), h.Container("/b")
	failEach(t, outOfMemory,
		func() error { return unix.Rename(a.Dir(), b.Dir()) },
		func() error { return unix.Rename(b.Dir(), a.Dir()) },
		func() error {
			_, err := a.Tasks()
			return err
		})
}

// A fork that fails at any point is not counted anywhere.
func TestFailFork(t *testing.T) {
	for name, fork := range map[string]func(bare.What) (int, error){"own memory": bare.Fork, "shared memory": bare.Spawn} {
		t.Run(name, func(t *testing.T) {
			begin(t)
			h := mount(t, bound(debugPair...))
			a := mkdir(t, h.Root(), "a")
			var pid int
			failEach(t, []unix.Errno{unix.ENOMEM, unix.EAGAIN},
				func() (err error) { pid, err = fork(bare.Sleeps); return err },
				func() error { kill(pid); return nil },
				func() error {
					if err := a.Attach(0); err != nil { // at first, and then for nothing
						return err
					}
					return countsOneEach(a)
				})
			for _, ss := range debugPair {
				wantExactCounts(t, h.Root(), ss)
			}
		})
	}
}

// countsOneEach returns an error unless each subsystem of the pair counts one task in the container.
func countsOneEach(c containerfs.Container) error {
	for _, ss := range debugPair {
		if n, err := c.ReadString(ss + countFile); err != nil || n != "1" {
			return fmt.Errorf("%s counts %s tasks in %s, want one (%v)", ss, n, c.Path, err)
		}
	}
	return nil
}

// Many failures at random, in everything at once, with everybody trying again: in the end nothing is lost.
func TestFailRace(t *testing.T) {
	begin(t)
	control := failslab(t)
	trees := raceTrees(t)
	must(t, os.WriteFile(filepath.Join(control, "times"), []byte("-1"), 0))
	must(t, os.WriteFile(filepath.Join(control, "probability"), []byte("2"), 0))
	t.Cleanup(func() { must(t, os.WriteFile(filepath.Join(control, "probability"), []byte("0"), 0)) })
	r := newRace(t)
	for i, tr := range trees {
		made := tr.Root().Child("made")
		r.worker(fmt.Sprint("maker ", i), func() error {
			failing(true)
			defer failing(false)
			return liveAndDieStubbornly(made)
		})
	}
	dir := tempDir(t)
	h := containerfs.Hierarchy{Dir: dir}
	r.worker("mounter", func() error {
		failing(true)
		defer failing(false)
		if err := retry(func() error { _, err := containerfs.Mount("x", dir, named("again")); return err }); err != nil {
			return err
		}
		return retry(h.Unmount)
	})
	r.wait()
	wantQuiet(t, trees)
	for _, tr := range trees {
		if tr.ss != "" {
			wantLive(t, tr.Hierarchy, tr.ss, 2)
		}
	}
}

// failing says whether allocations of the calling thread may fail; it tries until it is heard.
func failing(on bool) {
	value := []byte("0")
	if on {
		value = []byte("1")
	}
	path := fmt.Sprintf("/proc/self/task/%d/make-it-fail", unix.Gettid())
	within(patience, func() bool { return os.WriteFile(path, value, 0) == nil })
}

// retry does something until it no longer fails for want of memory.
func retry(f func() error) error {
	for {
		if err := f(); !isOneOf(err, []unix.Errno{unix.ENOMEM, unix.EAGAIN}) {
			return err
		}
	}
}

// liveAndDieStubbornly makes a container, lets a task live and die in it, and removes it, each until it works.
func liveAndDieStubbornly(c containerfs.Container) error {
	if err := retry(c.Create); err != nil {
		return err
	}
	var pid int
	err := retry(func() (err error) { pid, err = bare.Spawn(bare.Sleeps); return err })
	if err != nil {
		return err
	}
	defer reap(pid)
	if err := retry(func() error { return c.Attach(pid) }); err != nil {
		return err
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		return err
	}
	if err := awaitZombie(pid); err != nil {
		return err
	}
	return retry(c.Remove)
}
