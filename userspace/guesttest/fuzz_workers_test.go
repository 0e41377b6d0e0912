//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/fuzz"
)

// stepsOfRound is how many steps each worker does between two pauses.
const stepsOfRound = 250

// Several do random steps at once, in the same containers. What comes of each step is anybody's guess; in the pauses all must add up, and at the end
// nothing may be left.
func TestFuzzWorkers(t *testing.T) {
	begin(t)
	seed := fuzzNumber(t, fuzz.SeedVariable, firstSeed)
	rounds := uint64(2)
	if debugFlavor { // where each step takes ten times as long
		rounds = 1
	}
	steps := int(fuzzNumber(t, fuzz.StepsVariable, rounds*stepsOfRound))
	t.Logf("seed %d", seed)
	l, machine := newLive(t), machineForFuzz(t)
	for ; steps > 0; steps -= stepsOfRound {
		var workers sync.WaitGroup
		all := make([]*live, fuzzNumber(t, fuzz.WorkersVariable, 4))
		for i := range all {
			w := newWorker(t, l.dir)
			all[i] = w
			g := fuzz.NewGenerator(seed, machine, fmt.Sprint("w", i, "t"))
			g.Mix(uint64(i))
			workers.Go(func() { w.work(machine, g, min(steps, stepsOfRound)) })
		}
		workers.Wait()
		if what := soon(func() string { return l.quiet(t, all) }); what != "" {
			t.Fatalf("seed %d: when all pause: %s\nAgain, perhaps: make fuzz SEED=%d WORKERS=%d", seed, what, seed, len(all))
		}
		for _, w := range all {
			w.killAll()
		}
		if what := soon(func() string { return l.quiet(t, nil) }); what != "" {
			t.Fatalf("seed %d: when all tasks have ended: %s", seed, what)
		}
		must(t, l.Reset())
		seed++
	}
}

// work does steps as a model that knows of nobody else finds them sensible.
func (l *live) work(machine fuzz.Machine, g *fuzz.Generator, steps int) {
	m := fuzz.NewModel(machine)
	for range steps {
		o := g.Next(m)
		if o.Verb == "cpu" { // is everybody's, and nobody here knows which are away; tests of their own race with them
			continue
		}
		m.Apply(o)
		if o.Verb == "fork" || o.Verb == "thread" {
			// The model may have thought that it had not come to life, or has ended.
			if old := l.actors[o.Args[1]]; old != nil {
				l.kill(old.pid)
			}
		}
		l.Do(o) // whatever comes of it
	}
}

// soon returns what check says once it says nothing, or has not for long.
func soon(check func() string) string {
	what := ""
	within(patience, func() bool { what = check(); return what == "" })
	return what
}

// quiet says what does not add up while nobody does anything.
func (l *live) quiet(t testing.TB, workers []*live) string {
	t.Helper()
	status := got(containerfs.ReadStatus())(t)
	for _, h := range status.Hierarchies {
		if what := l.quietHierarchy(t, h, workers); what != "" {
			return keyOf(containerfs.Membership{Subsystems: h.Subsystems, Name: h.Name}) + ": " + what
		}
	}
	return ""
}

// quietHierarchy looks at one hierarchy, mounted or not.
func (l *live) quietHierarchy(t testing.TB, h containerfs.HierarchyStatus, workers []*live) string {
	t.Helper()
	dir := l.at("quiet")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err.Error()
	}
	if err := mountActive(dir, h); err != nil {
		return err.Error()
	}
	defer unix.Unmount(dir, 0)
	return l.addsUp(t, dir, h, workers)
}

// addsUp says what does not add up in a hierarchy: each live task is listed once, and where /proc says it is; the numbers of containers and of tasks
// are those in /proc/containers; and what subsystems count of tasks is what is listed.
func (l *live) addsUp(t testing.TB, dir string, h containerfs.HierarchyStatus, workers []*live) string {
	t.Helper()
	listed := map[string]string{}
	containers, tasks := 0, 0
	var walk func(path string) (int, string)
	walk = func(path string) (int, string) {
		containers++
		below := 0
		entries, err := os.ReadDir(dir + path)
		if err != nil {
			return 0, err.Error() // it removes itself just now
		}
		for _, e := range entries {
			if !e.IsDir() {
				continue
			}
			n, what := walk(strings.TrimSuffix(path, "/") + "/" + e.Name())
			if what != "" {
				return 0, what
			}
			below += n
		}
		text, err := os.ReadFile(dir + path + "/tasks")
		if err != nil {
			return 0, err.Error()
		}
		for tid := range strings.FieldsSeq(string(text)) {
			if other, twice := listed[tid]; twice {
				return 0, fmt.Sprintf("task %s is in %s and in %s", tid, other, path)
			}
			listed[tid] = path
			tasks++
			below++
		}
		if path == "/" {
			return below, ""
		}
		populated, _ := os.ReadFile(dir + path + "/events")
		if want := fmt.Sprintf("populated %d\n", min(below, 1)); string(populated) != want {
			return 0, fmt.Sprintf("%s has %d tasks, and its events say %q", path, below, populated)
		}
		if workers == nil { // all tasks are reaped
			return below, countedTasks(dir+path, below)
		}
		return below, ""
	}
	if _, what := walk("/"); what != "" {
		return what
	}
	if containers != h.Containers {
		return fmt.Sprintf("%d containers, and /proc/containers says %d", containers, h.Containers)
	}
	if now := hierarchyStatus(t, keyOf(containerfs.Membership{Subsystems: h.Subsystems, Name: h.Name})); now == nil || now.Tasks != tasks {
		return fmt.Sprintf("%d tasks are listed, and /proc/containers says %+v", tasks, now)
	}
	for _, tid := range allThreads(t) {
		if listed[fmt.Sprint(tid)] == "" {
			return fmt.Sprintf("task %d is nowhere", tid)
		}
	}
	key := keyOf(containerfs.Membership{Subsystems: h.Subsystems, Name: h.Name})
	for _, w := range workers {
		for _, a := range w.actors {
			if alive(a.pid, a.tid) && listed[fmt.Sprint(a.tid)] != pathOf(t, a.pid, a.tid, key) {
				return fmt.Sprintf("task %d is listed in %q, and its /proc file says %q", a.tid, listed[fmt.Sprint(a.tid)], pathOf(t, a.pid, a.tid, key))
			}
		}
	}
	return ""
}

// countedTasks says where a subsystem counts other tasks in a container and below it than there are.
func countedTasks(dir string, want int) string {
	for _, form := range []struct{ file, text string }{
		{"numtasks.stats", "numtasks: Current usage %d"},
		{"stats", "numtasks: Current usage %d"},
		{"bc.numtasks.held", "%d"},
		{"numtasks.held", "%d"},
	} {
		text, err := os.ReadFile(dir + "/" + form.file)
		n := 0
		if err != nil {
			continue
		}
		if _, err := fmt.Sscanf(string(text), form.text, &n); err != nil || n != want {
			return fmt.Sprintf("%s has %d tasks, and %s says %q", dir, want, form.file, text)
		}
	}
	return ""
}

// mountActive mounts an active hierarchy once more.
func mountActive(dir string, h containerfs.HierarchyStatus) error {
	options := slices.Clone(h.Subsystems)
	if len(options) == 0 {
		options = []string{"none"}
	}
	if h.Name != "" {
		options = append(options, "name="+h.Name)
	}
	err := unix.Mount("fuzz", dir, containerfs.Type, 0, strings.Join(options, ","))
	if err == unix.EBUSY {
		err = unix.Mount("fuzz", dir, containerfs.Type, 0, strings.Join(append(options, "noprefix"), ","))
	}
	return os.NewSyscallError("mount", err)
}
