//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

func procContainer(pid int) string { return fmt.Sprintf("/proc/%d/container", pid) }

func TestProcPIDContainer(t *testing.T) {
	begin(t)
	pid := sleeper(t)
	if text := string(got(os.ReadFile(procContainer(pid)))(t)); text != "" {
		t.Errorf("with no hierarchy: got %q, want nothing", text)
	}
	one, two := mount(t, named("one")), mount(t, named("two"))
	mkdir(t, one.Root(), "a", "a/b c")
	must(t, one.Container("/a/b c").Attach(pid))
	lines := strings.SplitAfter(string(got(os.ReadFile(procContainer(pid)))(t)), "\n")
	slices.Sort(lines)
	if want := []string{"", "name=one:/a/b c\n", "name=two:/\n"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	mkdir(t, two.Root(), "x")
	must(t, two.Container("/x").Attach(pid))
	wantPath(t, pid, "name=one", "/a/b c")
	wantPath(t, pid, "name=two", "/x")
	for _, other := range []int{1, kernelThread(t, "kthreadd"), os.Getpid()} {
		wantPath(t, other, "name=one", "/")
	}
	kill(pid)
}

// Threads of a process may be in different containers; /proc/PID/container is of the first one.
func TestProcThreadContainer(t *testing.T) {
	begin(t)
	h := mount(t, named("threads"))
	a := mkdir(t, h.Root(), "a")
	pid, tids := threaded(t, 2)
	last := tids[len(tids)-1]
	must(t, a.Attach(last))
	for _, tid := range tids {
		want := "/"
		if tid == last {
			want = "/a"
		}
		if path := pathOf(t, pid, tid, "name=threads"); path != want {
			t.Errorf("thread %d of %d: got %q, want %q", tid, pid, path, want)
		}
	}
	kill(pid)
}

var (
	hierarchyLine = regexp.MustCompile(`^\d+: containers=\d+ tasks=\d+ subsystems=[a-z_,]* name=\S*$`)
	subsystemLine = regexp.MustCompile(`^\d+: name=[a-z_]+ hierarchy=\d+ containers=\d+ active=[01]$`)
)

func TestProcContainersFormat(t *testing.T) {
	begin(t)
	mount(t, named("format"))
	text := string(got(os.ReadFile("/proc/containers"))(t))
	before, after, ok := strings.Cut(strings.TrimPrefix(text, "Hierarchies:\n"), "Subsystems:\n")
	if !ok || !strings.HasPrefix(text, "Hierarchies:\n") {
		t.Fatalf("two parts are wanted:\n%s", text)
	}
	for line := range strings.Lines(before) {
		if !hierarchyLine.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("hierarchy line %q", line)
		}
	}
	for line := range strings.Lines(after) {
		if !subsystemLine.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("subsystem line %q", line)
		}
	}
}

func TestProcContainersCounts(t *testing.T) {
	begin(t)
	if n := len(got(containerfs.ReadStatus())(t).Hierarchies); n != 0 {
		t.Fatalf("%d hierarchies before the first mount: the dummy does not count", n)
	}
	h := mount(t, named("counts"))
	mount(t, named("beside"))
	mkdir(t, h.Root(), "a", "a/b", "c")
	pid := sleeper(t)
	must(t, h.Container("/a/b").Attach(pid))
	s, beside := hierarchyStatus(t, "name=counts"), hierarchyStatus(t, "name=beside")
	if s.Containers != 4 || beside.Containers != 1 {
		t.Errorf("containers: got %d and %d, want 4 and 1", s.Containers, beside.Containers)
	}
	if s.ID == 0 || beside.ID == 0 || s.ID == beside.ID {
		t.Errorf("numbers of hierarchies: %d and %d", s.ID, beside.ID)
	}
	for _, ss := range got(containerfs.ReadStatus())(t).Subsystems {
		if ss.Hierarchy != 0 || !ss.Active {
			t.Errorf("a subsystem that is not mounted: %+v", ss)
		}
	}
	wantEveryTaskOnce(t, h, "name=counts")
	kill(pid)
}

// wantEveryTaskOnce fails the test unless the containers of the hierarchy together list every living thread of the machine exactly once,
// and /proc/containers counts as many. The machine's own threads come and go, so it looks until two looks agree.
func wantEveryTaskOnce(t testing.TB, h containerfs.Hierarchy, key string) {
	t.Helper()
	var all, listed []int
	var counted int
	same := within(patience, func() bool {
		all, listed = allThreads(t), nil
		err := h.Root().Walk(func(c containerfs.Container) error {
			tasks, err := c.Tasks()
			listed = append(listed, tasks...)
			return err
		})
		must(t, err)
		slices.Sort(listed)
		counted = hierarchyStatus(t, key).Tasks
		return slices.Equal(all, listed) && counted == len(all)
	})
	if !same {
		t.Fatalf("in %s %d tasks are listed and %d counted, the machine has %d\nlisted %v\nhas    %v",
			key, len(listed), counted, len(all), listed, all)
	}
}

// A path that does not fit says so, instead of naming another container.
func TestProcPathTooLong(t *testing.T) {
	begin(t)
	h := mount(t, named("long"))
	name := strings.Repeat("n", unix.NAME_MAX)
	above := []int{got(unix.Open(h.Dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))(t)}
	t.Cleanup(func() {
		for i := len(above) - 1; i >= 0; i-- {
			must(t, unix.Close(above[i]))
			if i > 0 {
				must(t, unix.Unlinkat(above[i-1], name, unix.AT_REMOVEDIR))
			}
		}
	})
	pid := sleeper(t)
	enter := func() {
		t.Helper()
		fd := got(unix.Openat(above[len(above)-1], "tasks", unix.O_WRONLY|unix.O_CLOEXEC, 0))(t)
		defer unix.Close(fd)
		got(unix.Write(fd, []byte(strconv.Itoa(pid))))(t)
	}
	for length := 0; length < unix.PathMax; length += 1 + len(name) {
		enter()
		if text := string(got(os.ReadFile(procContainer(pid)))(t)); text != "name=long:"+max("/", strings.Repeat("/"+name, len(above)-1))+"\n" {
			t.Errorf("%d directories down %q", len(above)-1, text)
		}
		must(t, unix.Mkdirat(above[len(above)-1], name, 0o755))
		above = append(above, got(unix.Openat(above[len(above)-1], name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))(t))
	}
	enter()
	if text := string(got(os.ReadFile(procContainer(pid)))(t)); text != "name=long:(too long)\n" {
		t.Errorf("%d directories down %q", len(above)-1, text)
	}
	kill(pid)
}
