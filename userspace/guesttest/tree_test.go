//go:build guest

package guesttest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// begin watches the kernel during a test: at the test's end, after all other cleaning up, there must be no hierarchy and no complaint.
func begin(t *testing.T) {
	t.Helper()
	log, err := openKernelLog()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer log.close()
		// One whose last container is deleting itself ends with it.
		var left []containerfs.HierarchyStatus
		if !within(patience, func() bool {
			left = got(containerfs.ReadStatus())(t).Hierarchies
			return len(left) == 0
		}) {
			t.Errorf("hierarchies left behind: %+v", left)
		}
		complaints, err := log.complaints()
		if err != nil {
			t.Error(err)
		}
		for _, c := range complaints {
			t.Errorf("the kernel complained: %s", c)
		}
	})
}

// named returns the options of a hierarchy without subsystems.
func named(name string) containerfs.Options { return containerfs.Options{None: true, Name: name} }

// bound returns the options of a hierarchy with the given subsystems.
func bound(subsystems ...string) containerfs.Options {
	return containerfs.Options{Subsystems: subsystems}
}

// tempDir returns a new directory, until the end of the test, that every user can reach.
func tempDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	return dir
}

// mount mounts a hierarchy at a new directory until the end of the test. Then its containers must be empty, and are removed.
func mount(t *testing.T, o containerfs.Options) containerfs.Hierarchy {
	t.Helper()
	h, err := containerfs.Mount("guesttest", tempDir(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dismantle(t, h) })
	return h
}

// dismantle removes all containers of a hierarchy and unmounts it, unless the test has unmounted it already.
func dismantle(t *testing.T, h containerfs.Hierarchy) {
	t.Helper()
	if _, err := containerfs.At(h.Dir); err != nil {
		return
	}
	// Removing the last child of a container may release it, which is none of the test's business any more.
	if err := h.SetReleaseAgent(""); err != nil {
		t.Error(err)
	}
	removeBelow(t, h.Root())
	if err := h.Unmount(); err != nil {
		t.Error(err)
	}
}

// removeBelow removes all containers below c. Some may be deleting themselves at this very moment.
func removeBelow(t *testing.T, c containerfs.Container) {
	t.Helper()
	var all []containerfs.Container
	err := c.Walk(func(c containerfs.Container) error { all = append(all, c); return nil })
	if err != nil {
		t.Error(err)
	}
	for _, below := range slices.Backward(all) {
		if below.Path == c.Path {
			continue
		}
		if err := below.Remove(); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, containerfs.ErrGone) {
			tasks, _ := below.Tasks()
			t.Errorf("%v (tasks %v)", err, tasks)
		}
	}
}

// mkdir makes the containers called names in c, and returns the first.
func mkdir(t *testing.T, c containerfs.Container, names ...string) containerfs.Container {
	t.Helper()
	for _, name := range names {
		child := c.Child(name)
		var err error
		// The name of one that deletes itself is free a moment after it has gone from sight.
		within(patience, func() bool {
			err = child.Create()
			return !errors.Is(err, fs.ErrExist) || exists(child)
		})
		must(t, err)
	}
	return c.Child(names[0])
}

// must ends the test at an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// got returns v, or ends the test at an error.
func got[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T { t.Helper(); must(t, err); return v }
}

// wantError fails the test unless err is the given errno; 0 stands for no error.
func wantError(t testing.TB, err error, want unix.Errno, format string, args ...any) {
	t.Helper()
	if want == 0 && err == nil || want != 0 && errors.Is(err, want) {
		return
	}
	name := "no error"
	if want != 0 {
		name = unix.ErrnoName(want)
	}
	t.Errorf(format+": got %v, want %s", append(args, err, name)...)
}

// isOneOf tells whether err is one of the given errnos.
func isOneOf(err error, wants []unix.Errno) bool {
	for _, want := range wants {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

// wantTasks fails the test unless the container has exactly the given threads.
func wantTasks(t testing.TB, c containerfs.Container, want ...int) {
	t.Helper()
	slices.Sort(want)
	if tasks := got(c.Tasks())(t); !slices.Equal(tasks, want) {
		t.Errorf("tasks in %s: got %v, want %v", c.Path, tasks, want)
	}
}

// pathOf returns the path of the container that the thread tid of process pid has in the hierarchy which key names: "name=NAME", or
// the subsystems with commas between. Empty where there is no such hierarchy.
func pathOf(t testing.TB, pid, tid int, key string) string {
	t.Helper()
	for _, m := range got(containerfs.MembershipOfThread(pid, tid))(t) {
		if keyOf(m) == key {
			return m.Path
		}
	}
	return ""
}

func keyOf(m containerfs.Membership) string {
	if len(m.Subsystems) == 0 {
		return "name=" + m.Name
	}
	return strings.Join(m.Subsystems, ",")
}

// wantPath fails the test unless the process is in the container with that path.
func wantPath(t testing.TB, pid int, key, want string) {
	t.Helper()
	if path := pathOf(t, pid, pid, key); path != want {
		t.Errorf("container of %d in %s: got %q, want %q", pid, key, path, want)
	}
}

// hierarchyStatus returns what /proc/containers tells of the hierarchy which key names, as for pathOf; nil where it is not active.
func hierarchyStatus(t testing.TB, key string) *containerfs.HierarchyStatus {
	t.Helper()
	for _, h := range got(containerfs.ReadStatus())(t).Hierarchies {
		if keyOf(containerfs.Membership{Subsystems: h.Subsystems, Name: h.Name}) == key {
			return &h
		}
	}
	return nil
}
