//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// legacy mounts cpusets as one did before there were containers.
func legacy(t *testing.T) containerfs.Container {
	t.Helper()
	dir := tempDir(t)
	must(t, unix.Mount("none", dir, "cpuset", 0, ""))
	h := containerfs.Hierarchy{Dir: dir}
	t.Cleanup(func() { dismantle(t, h) })
	return h.Root()
}

func TestLegacyMount(t *testing.T) {
	begin(t)
	root := legacy(t)
	for _, name := range []string{"cpus", "mems", "cpu_exclusive", "mem_exclusive", "memory_migrate", "memory_pressure",
		"memory_pressure_enabled", "memory_spread_page", "memory_spread_slab", "notify_on_release", "tasks"} {
		if _, err := os.Stat(root.File(name)); err != nil {
			t.Error(err)
		}
	}
	wantCloneChildren(t, root, "0")
	wantAgent(t, root.Hierarchy, "/sbin/cpuset_release_agent")
	if known := string(got(os.ReadFile("/proc/filesystems"))(t)); !strings.Contains(known, "nodev\tcpuset\n") {
		t.Errorf("cpuset is not in /proc/filesystems:\n%s", known)
	}
	want := fmt.Sprintf("none %s cpuset rw,relatime,cpuset,noprefix,release_agent=/sbin/cpuset_release_agent 0 0\n", root.Dir())
	if mounts := string(got(os.ReadFile("/proc/mounts"))(t)); !strings.Contains(mounts, want) {
		t.Errorf("/proc/mounts has not %q:\n%s", want, mounts)
	}
	if o := mountedOptions(t, root.Dir()); !o.NoPrefix || !slices.Equal(o.Subsystems, []string{"cpuset"}) {
		t.Errorf("options %+v", o)
	}
	a := mkdir(t, root, "a")
	if text := got(a.ReadString("cpus"))(t); text != "" {
		t.Errorf("a new cpuset has CPUs %s", text)
	}
	wantPath(t, os.Getpid(), "cpuset", "/")
}

// The same hierarchy, whichever way it is mounted.
func TestLegacyMountIsTheSame(t *testing.T) {
	begin(t)
	root := legacy(t)
	mkdir(t, root, "a")
	o := bound("cpuset")
	o.NoPrefix = true
	again := mount(t, o)
	set := again.Container("/a")
	must(t, set.Write("cpus", "1"))
	if text := got(root.Child("a").ReadString("cpus"))(t); text != "1" {
		t.Errorf("cpus: %q", text)
	}
	// Both ways at a time: somebody who lists a directory by one might read a name that is freed by the other.
	renamed := root.Child("b").Dir()
	for _, c := range []containerfs.Container{root.Child("a"), set} {
		wantError(t, unix.Rename(c.Dir(), filepath.Join(filepath.Dir(c.Dir()), "b")), unix.EBUSY, "rename in %s", filepath.Dir(c.Dir()))
	}
	must(t, again.Unmount())
	must(t, unix.Rename(root.Child("a").Dir(), renamed))
	must(t, root.Child("b").Remove())
}

func TestLegacyMountErrors(t *testing.T) {
	begin(t)
	dir := tempDir(t)
	try := func(options string, want unix.Errno) {
		t.Helper()
		err := unix.Mount("x", dir, "cpuset", 0, options)
		wantError(t, err, want, "mount -t cpuset -o %q", options)
		if err == nil {
			must(t, unix.Unmount(dir, 0))
		}
	}
	try("all", unix.EINVAL)
	try("none,name=x", unix.EINVAL)
	try("nonsense", unix.ENOENT)
	try("clone_children=2", unix.EINVAL)
	try("release_agent=/a,release_agent=/b", unix.EINVAL)
	try("clone_children=1,release_agent=/bin/own", 0)
	for _, o := range []containerfs.Options{bound("cpuset", "cpuacct"), bound("cpuset")} {
		h := mount(t, o)
		try("", unix.EBUSY)
		must(t, h.Unmount())
	}
	try("", 0)
}

// What the library libcpuset does to run a job: it makes the cpuset, sets its lists one after the other, and attaches.
func TestLibcpusetJob(t *testing.T) {
	begin(t)
	root := legacy(t)
	job := root.Child("job")
	must(t, unix.Mkdir(job.Dir(), 0o755))
	pid := sleeper(t)
	for _, step := range []struct{ file, text string }{
		{"notify_on_release", "0"}, {"cpus", "1-2"}, {"mems", "0"}, {"cpu_exclusive", "0"}, {"mem_exclusive", "0"}, {"memory_migrate", "1"},
		{"memory_spread_page", "0"}, {"memory_spread_slab", "0"}, {"tasks", strconv.Itoa(pid)},
	} {
		must(t, job.Write(step.file, step.text+"\n"))
	}
	wantAllowed(t, pid, "1-2", "0")
	wantCpusetPath(t, pid, "/job")
	// cpuset_reattach: each task is attached once more.
	must(t, job.Write("cpus", "2"))
	for _, tid := range got(job.Tasks())(t) {
		must(t, job.Attach(tid))
	}
	wantAllowed(t, pid, "2", "0")
	// cpuset_delete fails while there is a task.
	wantError(t, job.Remove(), unix.EBUSY, "rmdir")
	kill(pid)
	eventually(t, "the cpuset can be removed", func() bool { return job.Remove() == nil })
}

// What cset of Debian's package cpuset does for "cset shield -c 2-3": two exclusive halves, all tasks that can be moved in the one, and
// the machine's tasks back again for "cset shield --reset".
func TestCsetShield(t *testing.T) {
	begin(t)
	root := legacy(t)
	mounts := string(got(os.ReadFile("/proc/mounts"))(t))
	if !strings.Contains(mounts, fmt.Sprintf("none %s cpuset ", root.Dir())) {
		t.Errorf("cset would not find its filesystem in\n%s", mounts)
	}
	before := len(got(root.Tasks())(t))
	system, user := root.Child("system"), root.Child("user")
	for c, cpus := range map[containerfs.Container]string{system: "0-1", user: "2-3"} {
		must(t, c.Create())
		must(t, c.Write("cpus", cpus+"\n"))
		must(t, c.Write("mems", "0-1\n"))
		must(t, c.Write("cpu_exclusive", "1\n"))
	}
	moved, left := 0, 0
	for _, tid := range got(root.Tasks())(t) {
		switch err := system.Attach(tid); {
		case err == nil:
			moved++
		case errors.Is(err, unix.EINVAL): // a kernel thread that is bound
			left++
		case !errors.Is(err, unix.ESRCH):
			t.Errorf("task %d: %v", tid, err)
		}
	}
	if moved == 0 || left == 0 {
		t.Errorf("of %d tasks %d were moved and %d not", before, moved, left)
	}
	wantAllowed(t, 1, "0-1", allNodes)
	pid := sleeper(t)
	must(t, user.Attach(pid))
	wantAllowed(t, pid, "2-3", allNodes)
	wantError(t, user.Write("cpus", "1-3\n"), unix.EINVAL, "what the system has")
	kill(pid)

	for _, tid := range got(system.Tasks())(t) {
		if err := root.Attach(tid); err != nil && !errors.Is(err, unix.ESRCH) {
			t.Errorf("task %d back: %v", tid, err)
		}
	}
	for _, c := range []containerfs.Container{system, user} {
		eventually(t, c.Path+" can be removed", func() bool {
			for _, tid := range got(c.Tasks())(t) {
				root.Attach(tid) // born meanwhile
			}
			return c.Remove() == nil
		})
	}
	wantAllowed(t, 1, allCPUs, allNodes)
}

// taskset and numactl ask the kernel for what their options say, within the cpuset.
func TestToolsWithinCpuset(t *testing.T) {
	begin(t)
	a := cpuset(t, cpusets(t).Root(), "a", "1-2", "1")
	onThread(t, func(tid int) {
		if err := a.Attach(0); err != nil {
			t.Error(err)
			return
		}
		var mask unix.CPUSet
		if err := unix.SchedGetaffinity(0, &mask); err != nil || mask.Count() != 2 || !mask.IsSet(1) || !mask.IsSet(2) {
			t.Errorf("affinity %v, %v", mask, err)
		}
		if err := wish(0, 0, 1); err != nil {
			t.Error(err)
		}
		wantAllowed(t, tid, "1", "1")
		if err := wish(0, 0); !errors.Is(err, unix.EINVAL) {
			t.Errorf("a CPU outside: %v", err)
		}
	})
	if matches := got(filepath.Glob("/sys/devices/system/node/node[01]"))(t); len(matches) != 2 {
		t.Errorf("nodes %v", matches)
	}
}
