//go:build guest

package guesttest

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// The machine that the tests of cpusets are for, as the laboratory makes it: 4 CPUs, two of them on each of 2 nodes with memory.
const (
	allCPUs  = "0-3"
	allNodes = "0-1"
)

// cpusets mounts a hierarchy of cpusets whose children begin empty.
func cpusets(t *testing.T, others ...string) containerfs.Hierarchy {
	t.Helper()
	wantList(t, "the machine", got(os.ReadFile("/sys/devices/system/cpu/online"))(t), allCPUs)
	wantList(t, "the machine", got(os.ReadFile("/sys/devices/system/node/has_memory"))(t), allNodes)
	o := bound(append([]string{"cpuset"}, others...)...)
	o.NoCloneChildren = true
	return mount(t, o)
}

// cpuset makes a cpuset with CPUs and nodes.
func cpuset(t *testing.T, parent containerfs.Container, name, cpus, mems string) containerfs.Container {
	t.Helper()
	c := mkdir(t, parent, name)
	set(t, c, "cpus", cpus)
	set(t, c, "mems", mems)
	return c
}

// set writes to a file of cpusets.
func set(t testing.TB, c containerfs.Container, file, text string) {
	t.Helper()
	must(t, c.Write("cpuset."+file, text+"\n"))
}

// wantSet fails the test unless a file of cpusets says that.
func wantSet(t testing.TB, c containerfs.Container, file, want string) {
	t.Helper()
	if text := got(c.ReadString("cpuset." + file))(t); text != want {
		t.Errorf("%s of %s: got %q, want %q", file, c.Path, text, want)
	}
}

func wantList(t testing.TB, what string, text []byte, want string) {
	t.Helper()
	if list := strings.TrimSpace(string(text)); list != want {
		t.Fatalf("%s has %s, want %s: these tests are for guests of 4 CPUs and 2 nodes", what, list, want)
	}
}

// wantRefused fails the test unless a write to a file of cpusets fails so, and changes nothing.
func wantRefused(t testing.TB, c containerfs.Container, file, text string, want unix.Errno) {
	t.Helper()
	before := got(c.ReadString("cpuset." + file))(t)
	wantError(t, c.Write("cpuset."+file, text), want, "write of %.40q (%d bytes) to %s of %s", text, len(text), file, c.Path)
	wantSet(t, c, file, before)
}

// allowed returns the CPUs and nodes of a thread, as /proc/PID/status lists them.
func allowed(pid int) (string, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	var lists []string
	for line := range strings.Lines(string(status)) {
		if strings.Contains(line, "_allowed_list") {
			lists = append(lists, strings.Fields(line)...)
		}
	}
	return strings.Join(lists, " "), err
}

func allowedText(cpus, mems string) string {
	return fmt.Sprintf("Cpus_allowed_list: %s Mems_allowed_list: %s", cpus, mems)
}

// wantAllowed fails the test unless a thread has these CPUs and nodes.
func wantAllowed(t testing.TB, pid int, cpus, mems string) {
	t.Helper()
	if have, want := got(allowed(pid))(t), allowedText(cpus, mems); have != want {
		t.Errorf("thread %d: got %q, want %q", pid, have, want)
	}
}

// flagDefaults are the files with flags and what they say in a new cpuset.
var flagDefaults = map[string]string{
	"cpu_exclusive": "0", "mem_exclusive": "0", "mem_hardwall": "0", "memory_migrate": "0", "memory_spread_page": "0",
	"memory_spread_slab": "0", "sched_load_balance": "1",
}

func TestCpusetFiles(t *testing.T) {
	begin(t)
	h := cpusets(t)
	want := map[string]os.FileMode{
		"tasks": 0o644, "procs": 0o644, "notify_on_release": 0o644, "clone_children": 0o644, "release_agent": 0o644,
		"cpuset.cpus": 0o644, "cpuset.mems": 0o644, "cpuset.effective_cpus": 0o444, "cpuset.effective_mems": 0o444,
		"cpuset.memory_pressure": 0o644, "cpuset.memory_pressure_enabled": 0o644, "cpuset.sched_relax_domain_level": 0o644,
	}
	for flag := range flagDefaults {
		want["cpuset."+flag] = 0o644
	}
	wantFilesAmong(t, h.Root(), want)
	a := mkdir(t, h.Root(), "a")
	delete(want, "release_agent")
	delete(want, "cpuset.memory_pressure_enabled")
	wantFilesAmong(t, a, want)
	for _, name := range []string{"release_agent", "cpuset.memory_pressure_enabled"} {
		if _, err := os.Stat(a.File(name)); !os.IsNotExist(err) {
			t.Errorf("%s is in a child: %v", name, err)
		}
	}
}

// wantFilesAmong fails the test unless the container has these files, with these modes.
func wantFilesAmong(t testing.TB, c containerfs.Container, want map[string]os.FileMode) {
	t.Helper()
	for name, mode := range want {
		if info, err := os.Stat(c.File(name)); err != nil || info.Mode() != mode {
			t.Errorf("%s of %s: %v, %v, want mode %v", name, c.Path, info, err, mode)
		}
	}
}

func TestCpusetRoot(t *testing.T) {
	begin(t)
	root := cpusets(t).Root()
	for file, want := range map[string]string{
		"cpus": allCPUs, "mems": allNodes, "effective_cpus": allCPUs, "effective_mems": allNodes, "cpu_exclusive": "1", "mem_exclusive": "1",
		"mem_hardwall": "0", "memory_migrate": "0", "memory_pressure": "0", "memory_pressure_enabled": "0", "memory_spread_page": "0",
		"memory_spread_slab": "0", "sched_load_balance": "1", "sched_relax_domain_level": "-1",
	} {
		wantSet(t, root, file, want)
	}
	for _, file := range []string{"cpus", "mems"} {
		for _, text := range []string{"0", "0-1", "", "x", "99"} {
			wantRefused(t, root, file, text+"\n", unix.EACCES)
		}
	}
	for _, file := range []string{"cpu_exclusive", "mem_exclusive"} {
		wantRefused(t, root, file, "0", unix.EACCES)
		set(t, root, file, "1")
	}
	a := mkdir(t, root, "a")
	for _, c := range []containerfs.Container{root, a} {
		wantRefused(t, c, "memory_pressure", "0", unix.EACCES)
		for _, file := range []string{"effective_cpus", "effective_mems"} {
			wantRefused(t, c, file, "0", unix.EINVAL)
		}
	}
}

func TestCpusetNew(t *testing.T) {
	begin(t)
	root := cpusets(t).Root()
	set(t, root, "memory_migrate", "1")
	set(t, root, "mem_hardwall", "1")
	set(t, root, "sched_load_balance", "0")
	set(t, root, "sched_relax_domain_level", "2")
	a := mkdir(t, root, "a")
	for file, want := range flagDefaults {
		wantSet(t, a, file, want)
	}
	for _, file := range []string{"cpus", "mems", "effective_cpus", "effective_mems"} {
		wantSet(t, a, file, "")
	}
	wantSet(t, a, "sched_relax_domain_level", "-1")
	wantSet(t, a, "memory_pressure", "0")

	// The flags of spreading are inherited.
	set(t, root, "memory_spread_page", "1")
	set(t, root, "memory_spread_slab", "1")
	b := mkdir(t, root, "b")
	wantSet(t, b, "memory_spread_page", "1")
	wantSet(t, b, "memory_spread_slab", "1")
	wantSet(t, a, "memory_spread_page", "0")
}

// A hierarchy begins with a root as new, whatever the last one's was like.
func TestCpusetRootBeginsAnew(t *testing.T) {
	begin(t)
	h := cpusets(t)
	changed := map[string]string{"memory_migrate": "1", "mem_hardwall": "1", "sched_load_balance": "0", "sched_relax_domain_level": "2",
		"memory_spread_page": "1", "memory_spread_slab": "1", "memory_pressure_enabled": "1"}
	for file, text := range changed {
		set(t, h.Root(), file, text)
	}
	must(t, h.Unmount())
	h = cpusets(t)
	for file, text := range changed {
		want := "0"
		switch file {
		case "sched_load_balance":
			want = "1"
		case "sched_relax_domain_level":
			want = "-1"
		}
		if now := got(h.Root().ReadString("cpuset." + file))(t); now != want {
			t.Errorf("%s was set to %s in the hierarchy before, and is %s now, want %s", file, text, now, want)
		}
	}
}

func TestCpusetAttachToEmpty(t *testing.T) {
	begin(t)
	a := mkdir(t, cpusets(t).Root(), "a")
	pid := sleeper(t)
	try := func(want unix.Errno) {
		t.Helper()
		wantError(t, a.Attach(pid), want, "attach with cpus %q, mems %q", got(a.ReadString("cpuset.cpus"))(t), got(a.ReadString("cpuset.mems"))(t))
	}
	try(unix.ENOSPC)
	set(t, a, "cpus", "0")
	try(unix.ENOSPC)
	set(t, a, "cpus", "")
	set(t, a, "mems", "0")
	try(unix.ENOSPC)
	wantTasks(t, a)
	wantAllowed(t, pid, allCPUs, allNodes)
	set(t, a, "cpus", "0")
	try(0)
	wantTasks(t, a, pid)
	kill(pid)
}

func TestCpusetSubsets(t *testing.T) {
	begin(t)
	root := cpusets(t).Root()
	a := cpuset(t, root, "a", "0-2", "0")
	b := cpuset(t, a, "b", "1-2", "0")

	wantRefused(t, b, "cpus", "1-3", unix.EACCES)
	wantRefused(t, b, "cpus", "3", unix.EACCES)
	wantRefused(t, b, "mems", "1", unix.EACCES)
	wantRefused(t, b, "mems", "0-1", unix.EACCES)
	wantRefused(t, a, "cpus", "0-1", unix.EBUSY)
	wantRefused(t, a, "cpus", "3", unix.EBUSY)
	wantRefused(t, a, "mems", "1", unix.EBUSY)
	set(t, b, "cpus", "1")
	set(t, a, "cpus", "0-1")
	set(t, a, "cpus", "1,3")
	set(t, b, "cpus", "1,3")
	set(t, a, "mems", "0-1")
	set(t, b, "mems", "1")
	wantRefused(t, a, "mems", "0", unix.EBUSY)
	set(t, a, "mems", "1")
	wantSet(t, a, "cpus", "1,3")
	wantSet(t, a, "mems", "1")
}

func TestCpusetEmptyLists(t *testing.T) {
	begin(t)
	a := cpuset(t, cpusets(t).Root(), "a", "0-1", allNodes)
	for _, file := range []string{"cpus", "mems"} {
		for _, text := range []string{"", "\n", " \n", ","} {
			set(t, a, file, "0-1")
			must(t, a.Write("cpuset."+file, text))
			wantSet(t, a, file, "")
			wantSet(t, a, "effective_"+file, "")
		}
		set(t, a, file, "0-1")
	}

	pid := sleeper(t)
	must(t, a.Attach(pid))
	wantRefused(t, a, "cpus", "\n", unix.ENOSPC)
	wantRefused(t, a, "mems", "\n", unix.ENOSPC)
	kill(pid)
	b := mkdir(t, a, "b")
	wantRefused(t, a, "cpus", "\n", unix.ENOSPC)
	wantRefused(t, a, "mems", "\n", unix.ENOSPC)
	must(t, b.Remove())
	set(t, a, "cpus", "")
	set(t, a, "mems", "")
}

func TestCpusetNonsense(t *testing.T) {
	begin(t)
	root := cpusets(t).Root()
	a := cpuset(t, root, "a", "1", "1")
	long := strings.Repeat("0,", 2500)
	for _, text := range []string{"x", "-", "-1", "1-", "0-x", "3-1", "1;2", "0x1", "1.5", "0--1", "0-1:", "0-3:3/2", "0-1-2", "\x001"} {
		wantRefused(t, a, "cpus", text, unix.EINVAL)
		wantRefused(t, a, "mems", text, unix.EINVAL)
	}
	for _, text := range []string{"4", "0-4", "0,7", "99", "1000000"} {
		wantRefused(t, a, "cpus", text, unix.ERANGE)
	}
	for _, text := range []string{"999", "0-999", "0,1000000"} {
		wantRefused(t, a, "mems", text, unix.ERANGE)
	}
	for _, text := range []string{"4294967296", "99999999999999999999999"} {
		for _, file := range []string{"cpus", "mems"} {
			err := a.Write("cpuset."+file, text)
			if err == nil || !isOneOf(err, []unix.Errno{unix.EINVAL, unix.ERANGE, unix.EOVERFLOW}) {
				t.Errorf("%s to %s: %v", text, file, err)
			}
			wantSet(t, a, file, "1")
		}
	}
	for _, file := range []string{"cpus", "mems"} {
		wantRefused(t, a, file, long, unix.E2BIG)
		wantRefused(t, a, file, strings.Repeat(long, 50), unix.E2BIG)
		// As long as can be, and still a list.
		must(t, a.Write("cpuset."+file, strings.Repeat("1,", 100)+"1"))
		wantSet(t, a, file, "1")
	}
	for flag := range flagDefaults {
		for _, text := range []string{"2", "-1", "yes", "\n", "1 1", "18446744073709551616"} {
			wantRefused(t, a, flag, text, unix.EINVAL)
		}
		wantRefused(t, a, flag, strings.Repeat("1", 100), unix.E2BIG)
	}
	for _, text := range []string{"-2", "6", "x", "\n", "1 1", "0x1", "1.5", "99999999999"} {
		wantRefused(t, a, "sched_relax_domain_level", text, unix.EINVAL)
	}
	for _, level := range []string{"-1", "0", "1", "2", "3", "4", "5"} {
		set(t, a, "sched_relax_domain_level", level)
		wantSet(t, a, "sched_relax_domain_level", level)
	}
	for _, text := range []string{"2", "-1", "x", "\n"} {
		wantRefused(t, root, "memory_pressure_enabled", text, unix.EINVAL)
	}
}

// Every form of a list that the kernel knows, and how it is shown.
func TestCpusetListFormat(t *testing.T) {
	begin(t)
	a := mkdir(t, cpusets(t).Root(), "a")
	for text, want := range map[string]string{
		"0": "0", "3": "3", "0-3": "0-3", "0,1,2,3": "0-3", "0,2": "0,2", "3,1": "1,3", "0-1,1-2": "0-2", "1,1": "1", "0-3:1/2": "0,2",
		" 2 \n": "2", "1,\n": "1", "0-1,3": "0-1,3", "all": "0-3",
	} {
		must(t, a.Write("cpuset.cpus", text))
		wantSet(t, a, "cpus", want)
		wantSet(t, a, "effective_cpus", want)
	}
	for text, want := range map[string]string{"0": "0", "1": "1", "0-1": "0-1", "1,0\n": "0-1"} {
		must(t, a.Write("cpuset.mems", text))
		wantSet(t, a, "mems", want)
		wantSet(t, a, "effective_mems", want)
	}
}

func TestCpusetExclusive(t *testing.T) {
	for _, kind := range []struct{ list, flag string }{{"cpus", "cpu_exclusive"}, {"mems", "mem_exclusive"}} {
		t.Run(kind.list, func(t *testing.T) {
			begin(t)
			root := cpusets(t).Root()
			a, b := mkdir(t, root, "a", "b"), root.Child("b")
			set(t, a, kind.list, "0")
			set(t, b, kind.list, "0-1")
			wantRefused(t, a, kind.flag, "1", unix.EINVAL)
			wantRefused(t, b, kind.flag, "1", unix.EINVAL)
			set(t, b, kind.list, "1")
			set(t, a, kind.flag, "1")
			wantRefused(t, a, kind.list, "0-1", unix.EINVAL)
			wantRefused(t, b, kind.list, "0", unix.EINVAL)
			wantRefused(t, b, kind.list, "0-1", unix.EINVAL)

			// The other kind of exclusiveness has no say.
			other := map[string]string{"cpus": "mems", "mems": "cpus"}[kind.list]
			set(t, a, other, "0-1")
			set(t, b, other, "0-1")

			inner := mkdir(t, b, "inner")
			set(t, inner, kind.list, "1")
			wantRefused(t, inner, kind.flag, "1", unix.EACCES)
			set(t, b, kind.flag, "1")
			set(t, inner, kind.flag, "1")
			wantRefused(t, b, kind.flag, "0", unix.EBUSY)
			set(t, inner, kind.flag, "0")
			set(t, b, kind.flag, "0")
			set(t, a, kind.flag, "0")
			set(t, b, kind.list, "0-1")
		})
	}
}

// A removed cpuset leaves its CPUs to others.
func TestCpusetExclusiveRemoved(t *testing.T) {
	begin(t)
	root := cpusets(t).Root()
	a := cpuset(t, root, "a", "0-1", "0")
	set(t, a, "cpu_exclusive", "1")
	set(t, a, "mem_exclusive", "1")
	b := cpuset(t, root, "b", "2", "1")
	wantRefused(t, b, "cpus", "1-2", unix.EINVAL)
	must(t, a.Remove())
	set(t, b, "cpus", "1-2")
	set(t, b, "mems", "0-1")
}

func TestCpusetClone(t *testing.T) {
	begin(t)
	root := cpusets(t).Root()
	set(t, root, "memory_migrate", "1")
	must(t, root.Write("clone_children", "1"))
	a := mkdir(t, root, "a")
	wantSet(t, a, "cpus", allCPUs)
	wantSet(t, a, "mems", allNodes)
	wantSet(t, a, "effective_cpus", allCPUs)
	wantSet(t, a, "memory_migrate", "0")
	set(t, a, "cpus", "0-2")
	set(t, a, "mems", "1")
	b := mkdir(t, a, "b")
	wantSet(t, b, "cpus", "0-2")
	wantSet(t, b, "mems", "1")
	must(t, b.Remove())

	// Less what a sibling claims for itself.
	set(t, a, "cpu_exclusive", "1")
	c := mkdir(t, root, "c")
	wantSet(t, c, "cpus", "3")
	wantSet(t, c, "mems", allNodes)
	set(t, c, "mems", "0")
	set(t, a, "mem_exclusive", "1")
	must(t, c.Remove())
	must(t, c.Create())
	wantSet(t, c, "cpus", "3")
	wantSet(t, c, "mems", "0")
	set(t, c, "cpu_exclusive", "1")
	d := mkdir(t, root, "d")
	wantSet(t, d, "cpus", "")
	wantSet(t, d, "cpu_exclusive", "0")
	wantError(t, d.Attach(sleeper(t)), unix.ENOSPC, "attach where siblings have everything")

	must(t, root.Write("clone_children", "0"))
	wantSet(t, mkdir(t, root, "e"), "cpus", "")
}

// Where a cpuset has no other purpose, all subsystems in one hierarchy, a new container takes tasks at once.
func TestCpusetUsableAtOnce(t *testing.T) {
	begin(t)
	h := mount(t, containerfs.Options{})
	charlie := mkdir(t, h.Root(), "Charlie")
	pid := sleeper(t)
	must(t, charlie.Attach(pid))
	wantSet(t, charlie, "cpus", allCPUs)
	wantAllowed(t, pid, allCPUs, allNodes)
	kill(pid)
}

// wantCpusetPath fails the test unless /proc/PID/cpuset says that.
func wantCpusetPath(t testing.TB, pid int, want string) {
	t.Helper()
	if path := string(got(os.ReadFile(fmt.Sprintf("/proc/%d/cpuset", pid)))(t)); path != want+"\n" {
		t.Errorf("/proc/%d/cpuset: got %q, want %q", pid, path, want)
	}
}

func TestCpusetProc(t *testing.T) {
	begin(t)
	pid := sleeper(t)
	wantCpusetPath(t, pid, "/")
	h := cpusets(t)
	wantCpusetPath(t, pid, "/")
	a := cpuset(t, h.Root(), "a", "0", "0")
	b := cpuset(t, a, "b", "0", "0")
	must(t, b.Attach(pid))
	wantCpusetPath(t, pid, "/a/b")
	must(t, unix.Rename(a.Dir(), h.Root().Child("c").Dir()))
	wantCpusetPath(t, pid, "/c/b")
	must(t, h.Root().Attach(pid))
	wantCpusetPath(t, pid, "/")

	// A path that does not fit is none.
	deepest := deepCpuset(t, h.Container("/c"), strings.Repeat("x", 255), 17)
	must(t, writeFile(deepest+"/tasks", fmt.Sprint(pid)))
	_, err := os.ReadFile(fmt.Sprintf("/proc/%d/cpuset", pid))
	wantError(t, err, unix.ENAMETOOLONG, "/proc/PID/cpuset of a long path")
	kill(pid)
}

// deepCpuset makes cpusets below each other until the end of the test, whose path may be too long to be named, and returns another one
// of the last.
func deepCpuset(t testing.TB, top containerfs.Container, name string, levels int) string {
	t.Helper()
	open := func(path string) *os.File {
		dir := got(os.Open(path))(t)
		t.Cleanup(func() { dir.Close() })
		return dir
	}
	dir := open(top.Dir())
	for range levels {
		parent := dir
		short := func() string { return fmt.Sprintf("/proc/self/fd/%d/%s", parent.Fd(), name) }
		must(t, os.Mkdir(short(), 0o755))
		t.Cleanup(func() { must(t, unix.Rmdir(short())) })
		for file, text := range map[string]string{"cpuset.cpus": "0", "cpuset.mems": "0"} {
			must(t, writeFile(short()+"/"+file, text))
		}
		dir = open(short())
	}
	return fmt.Sprintf("/proc/self/fd/%d", dir.Fd())
}

// Who owns a directory may set what is in it, within what he has been given.
func TestCpusetDelegated(t *testing.T) {
	begin(t)
	root := cpusets(t).Root()
	a := cpuset(t, root, "a", "1-2", "0")
	for _, file := range []string{"", "tasks"} {
		must(t, os.Chown(a.File(file), 1000, 1000))
	}
	err := asUser(t, 1000, 1000, 1000, func() error {
		b := a.Child("b")
		if err := b.Create(); err != nil {
			return err
		}
		for file, text := range map[string]string{"cpuset.cpus": "2", "cpuset.mems": "0", "cpuset.memory_migrate": "1"} {
			if err := b.Write(file, text); err != nil {
				return err
			}
		}
		if err := b.Write("cpuset.cpus", "3"); !isOneOf(err, []unix.Errno{unix.EACCES}) {
			return fmt.Errorf("a CPU that he has not: %v", err)
		}
		if err := a.Write("cpuset.cpus", "1"); !isOneOf(err, []unix.Errno{unix.EACCES}) {
			return fmt.Errorf("a file that is not his: %v", err)
		}
		return b.Attach(0)
	})
	must(t, err)
	wantSet(t, a.Child("b"), "cpus", "2")
}

// Who owns a cpuset cannot bring a process there that may do more than he: he could slow it down, as with sched_setaffinity(2).
func TestCpusetMoveOfTheMorePowerful(t *testing.T) {
	begin(t)
	d := delegated(t, cpusets(t).Root(), "theirs")
	set(t, d, "cpus", "0")
	set(t, d, "mems", "0")
	equal := sleeperOf(t, ordinary)
	var powerful int
	onThread(t, func(int) {
		// A thread that keeps its capabilities as it becomes another user's hands them on to its child.
		_, _, errno1 := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1, 0)
		_, _, errno2 := unix.RawSyscall(unix.SYS_SETRESUID, ordinary, ordinary, ordinary)
		var err error
		if powerful, err = bare.Spawn(bare.Sleeps); err != nil || errno1 != 0 || errno2 != 0 {
			t.Error(errno1, errno2, err)
		}
	})
	t.Cleanup(func() { kill(powerful) })
	attach := func(pid int) error {
		return asUser(t, ordinary, ordinary, ordinary, func() error { return writeFile(d.File("tasks"), strconv.Itoa(pid)) })
	}
	must(t, attach(equal))
	wantError(t, attach(powerful), unix.EPERM, "a move of a process with more capabilities")
	_, err := fmt.Fprint(openAs(t, ordinary, d.File("tasks")), powerful)
	wantError(t, err, unix.EPERM, "a move of that, for which root writes to a file that the owner has opened")
	wantTasks(t, d, equal)
	kill(equal)
}

// A process one of whose threads may not come is not charged for, not even for the moment: no trace of the others is left.
func TestCpusetMoveWithTheMorePowerful(t *testing.T) {
	begin(t)
	d := delegated(t, cpusets(t, "bc").Root(), "theirs")
	set(t, d, "cpus", "0")
	set(t, d, "mems", "0")
	l := newWorker(t, tempDir(t))
	t.Cleanup(l.killAll)
	must(t, l.bear("fork", nil, "leader"))
	leader := l.actors["leader"]
	do := func(number uintptr, args ...uintptr) {
		t.Helper()
		got(l.call(leader, number, args...))(t)
	}
	do(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1, 0, 0, 0)
	do(unix.SYS_SETRESUID, ordinary, ordinary, ordinary)
	must(t, l.bear("thread", leader, "thread"))
	// The thread has the capabilities still, and the leader drops his.
	none := binary.NativeEndian.AppendUint32(nil, unix.LINUX_CAPABILITY_VERSION_3)
	header := l.stage.Text(leader.part, string(none))
	do(unix.SYS_CAPSET, header, header+unsafe.Sizeof(unix.CapUserHeader{}))
	err := asUser(t, ordinary, ordinary, ordinary, func() error { return d.AttachProc(leader.pid) })
	wantError(t, err, unix.EPERM, "a move of a process with a thread that has more capabilities")
	wantTasks(t, d)
	wantCounter(t, d, "numtasks", counter{barrier: unlimited, limit: unlimited})
}
