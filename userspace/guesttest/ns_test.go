//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// tooDeep is how a container too deep is refused.
const tooDeep = unix.EAGAIN

// mountNs mounts a hierarchy with ns, and others.
func mountNs(t *testing.T, others ...string) containerfs.Hierarchy {
	t.Helper()
	return mount(t, bound(append([]string{"ns"}, others...)...))
}

// nsKey returns the key of such a hierarchy for pathOf.
func nsKey(t testing.TB) string {
	t.Helper()
	for _, h := range got(containerfs.ReadStatus())(t).Hierarchies {
		if slices.Contains(h.Subsystems, "ns") {
			return keyOf(containerfs.Membership{Subsystems: h.Subsystems})
		}
	}
	t.Fatal("ns is not bound")
	return ""
}

// wantAlone waits until a hierarchy has no container but its root.
func wantAlone(t testing.TB, h containerfs.Hierarchy) {
	t.Helper()
	eventually(t, "only the root is left", func() bool { return hierarchyStatus(t, nsKey(t)).Containers == 1 })
}

// newKinds are the namespaces that make a container.
var newKinds = map[string]int{
	"mount": unix.CLONE_NEWNS, "uts": unix.CLONE_NEWUTS, "ipc": unix.CLONE_NEWIPC, "pid": unix.CLONE_NEWPID, "net": unix.CLONE_NEWNET,
	"several": unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
}

// The thread that unshares moves, alone, into a container of its own, which goes when the thread has ended.
func TestNsUnshare(t *testing.T) {
	for name, flags := range newKinds {
		t.Run(name, func(t *testing.T) {
			begin(t)
			h := mountNs(t)
			var c containerfs.Container
			onThread(t, func(tid int) {
				if err := unix.Unshare(flags); err != nil {
					t.Error(err)
					return
				}
				c = own(h.Root(), tid)
				if path := pathOf(t, os.Getpid(), tid, "ns"); path != c.Path {
					t.Errorf("the thread is in %s, want %s", path, c.Path)
				}
				wantTasks(t, c, tid)
				if !got(c.AutoDelete())(t) || !got(c.Populated())(t) {
					t.Error("auto_delete is off, or the container not populated")
				}
			})
			wantGone(t, c)
			wantPath(t, os.Getpid(), "ns", "/")
		})
	}
}

// A child is born in its container, and the parent stays where it is.
func TestNsClone(t *testing.T) {
	for name, flags := range newKinds {
		t.Run(name, func(t *testing.T) {
			begin(t)
			h := mountNs(t)
			pid := got(bare.SpawnNew(uintptr(flags), bare.Sleeps))(t)
			c := own(h.Root(), pid)
			wantPath(t, pid, "ns", c.Path)
			wantTasks(t, c, pid)
			if !got(c.AutoDelete())(t) || !got(c.Populated())(t) {
				t.Error("auto_delete is off, or the container not populated")
			}
			wantPath(t, os.Getpid(), "ns", "/")
			kill(pid)
			wantGone(t, c)
			pid = got(bare.SpawnNew(uintptr(flags), bare.Exits))(t)
			reap(pid)
			wantGone(t, own(h.Root(), pid))
		})
	}
}

// A user namespace alone makes no container, with another one it does; nor do things that are no namespaces.
func TestNsUserNamespace(t *testing.T) {
	begin(t)
	h := mountNs(t)
	pid := got(bare.SpawnNew(unix.CLONE_NEWUSER, bare.Sleeps))(t)
	wantPath(t, pid, "ns", "/")
	kill(pid)
	pid = got(bare.SpawnNew(unix.CLONE_NEWUSER|unix.CLONE_NEWUTS, bare.Sleeps))(t)
	wantPath(t, pid, "ns", own(h.Root(), pid).Path)
	kill(pid)
	onThread(t, func(tid int) {
		if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SYSVSEM); err != nil {
			t.Error(err)
		}
		if path := pathOf(t, os.Getpid(), tid, "ns"); path != "/" {
			t.Errorf("no new namespace, and the thread is in %s", path)
		}
	})
	wantAlone(t, h)
}

// An ordinary user who makes namespaces by way of a user namespace gets a container that he can neither change nor leave behind.
func TestNsOrdinaryUser(t *testing.T) {
	begin(t)
	h := mountNs(t)
	var pid int
	must(t, asUser(t, ordinary, ordinary, ordinary, func() (err error) {
		pid, err = bare.SpawnNew(unix.CLONE_NEWUSER|unix.CLONE_NEWUTS, bare.Sleeps)
		return err
	}))
	t.Cleanup(func() { kill(pid) })
	c := own(h.Root(), pid)
	wantTasks(t, c, pid)
	var st unix.Stat_t
	must(t, unix.Stat(c.File("kill"), &st))
	if st.Uid != 0 {
		t.Errorf("the container belongs to %d", st.Uid)
	}
	for what, try := range map[string]func() error{
		"auto_delete":  func() error { return c.Write("auto_delete", "0") },
		"mkdir":        c.Child("stays").Create,
		"descendants":  func() error { return c.Write("max_descendants", "9") },
		"another task": func() error { return c.Attach(pid) },
	} {
		wantError(t, asUser(t, ordinary, ordinary, ordinary, try), unix.EACCES, "%s", what)
	}
	kill(pid)
	wantGone(t, c)
}

func TestNsNotMounted(t *testing.T) {
	begin(t)
	h := mount(t, named("other"))
	pid := got(bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps))(t)
	wantPath(t, pid, "name=other", "/")
	kill(pid)
	onThread(t, func(tid int) {
		if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
			t.Error(err)
		}
	})
	if n := hierarchyStatus(t, "name=other").Containers; n != 1 {
		t.Errorf("%d containers, want the root", n)
	}
	must(t, h.Unmount())
	kill(got(bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps))(t)) // and nothing at all
}

// Servers nest, also inside of a pid namespace: names are the numbers of the initial one, listings those of the reader's.
func TestNsNested(t *testing.T) {
	begin(t)
	h := mountNs(t)
	outer := startServer(t, unix.CLONE_NEWPID)
	c := own(h.Root(), outer.pid)
	must(t, outer.unshare(t, unix.CLONE_NEWUTS))
	inner := own(c, outer.pid)
	wantPath(t, outer.pid, "ns", inner.Path)
	must(t, outer.clone(t, unix.CLONE_NEWIPC|unix.CLONE_NEWPID))
	children := got(inner.Children())(t)
	if len(children) != 1 {
		t.Fatalf("containers of the server: %v, want one", children)
	}
	child := got(strconv.Atoi(children[0].Name()))(t)
	wantTasks(t, children[0], child)
	wantPath(t, child, "ns", children[0].Path)
	if lines := strings.Fields(outer.read(t, inner.File("tasks"))); len(lines) == 0 || lines[0] != "1" {
		t.Errorf("tasks read inside: %v, want 1 first", lines)
	}
	if text := outer.read(t, children[0].File("tasks")); text == fmt.Sprintln(child) || text == "" {
		t.Errorf("tasks of the inner server, read by the outer one: %q", text)
	}
	if text := got(inner.ReadString("tasks"))(t); !slices.Contains(strings.Fields(text), strconv.Itoa(outer.pid)) {
		t.Errorf("tasks read outside: %q", text)
	}
	must(t, c.Kill())
	wantGone(t, c)
}

// A container that is there already is the call's error, and nothing has changed.
func TestNsNameTaken(t *testing.T) {
	begin(t)
	h := mountNs(t)
	onThread(t, func(tid int) {
		stale := mkdir(t, h.Root(), strconv.Itoa(tid))
		before := namespaces(t, os.Getpid(), tid)
		wantError(t, unix.Unshare(unix.CLONE_NEWUTS|unix.CLONE_NEWIPC), unix.EEXIST, "unshare")
		if after := namespaces(t, os.Getpid(), tid); after != before {
			t.Errorf("namespaces after a failed unshare:\n%swant\n%s", after, before)
		}
		if path := pathOf(t, os.Getpid(), tid, "ns"); path != "/" {
			t.Errorf("after a failed unshare the thread is in %s", path)
		}
		wantTasks(t, stale)
		if got(stale.AutoDelete())(t) {
			t.Error("the other container would be deleted")
		}
	})
	const pid = 31313
	stale := mkdir(t, h.Root(), strconv.Itoa(pid))
	_, err := bare.ForkAs(pid, unix.CLONE_NEWUTS)
	wantError(t, err, unix.EEXIST, "clone")
	wantError(t, unix.Kill(pid, 0), unix.ESRCH, "the child")
	must(t, stale.Remove())
	child := got(bare.ForkAs(pid, unix.CLONE_NEWUTS))(t)
	wantPath(t, child, "ns", stale.Path)
	kill(child)
}

// Neither the depth nor max_descendants can be got round.
func TestNsLimits(t *testing.T) {
	begin(t)
	h := mountNs(t)
	a := mkdir(t, h.Root(), "a", "a/b")
	must(t, a.SetMaxDescendants(1))
	onThread(t, func(tid int) {
		must(t, a.Child("b").Attach(0))
		before := namespaces(t, os.Getpid(), tid)
		wantError(t, unix.Unshare(unix.CLONE_NEWUTS), unix.EAGAIN, "unshare beyond max_descendants")
		_, err := bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps)
		wantError(t, err, unix.EAGAIN, "clone beyond max_descendants")
		if after := namespaces(t, os.Getpid(), tid); after != before {
			t.Errorf("namespaces after a failed unshare:\n%swant\n%s", after, before)
		}
		if path := pathOf(t, os.Getpid(), tid, "ns"); path != "/a/b" {
			t.Errorf("after a failed unshare the thread is in %s", path)
		}
		must(t, a.SetMaxDescendants(containerfs.NoLimit))

		depth := 2
		for ; depth < 1000; depth++ {
			if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
				wantError(t, err, tooDeep, "unshare at depth %d", depth)
				break
			}
		}
		_, err = bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps)
		wantError(t, err, tooDeep, "clone at depth %d", depth)
		t.Logf("%d deep", depth)
	})
	eventually(t, "all that was made is gone", func() bool { return hierarchyStatus(t, "ns").Containers == 3 })
}

// setns does not move anybody.
func TestNsSetns(t *testing.T) {
	begin(t)
	h := mountNs(t)
	pid := got(bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps))(t)
	t.Cleanup(func() { kill(pid) })
	onThread(t, func(tid int) {
		f := got(os.Open(fmt.Sprintf("/proc/%d/ns/uts", pid)))(t)
		defer f.Close()
		must(t, unix.Setns(int(f.Fd()), unix.CLONE_NEWUTS))
		if path := pathOf(t, os.Getpid(), tid, "ns"); path != "/" {
			t.Errorf("after setns the thread is in %s", path)
		}
	})
	wantTasks(t, own(h.Root(), pid), pid)
}

// Who may move whom: tasks go down, and nobody leaves his server.
func TestNsAttach(t *testing.T) {
	begin(t)
	h := mountNs(t)
	mkdir(t, h.Root(), "a", "a/empty", "a/full", "a/deep", "a/deep/empty", "a/below", "a/below/busy", "b")
	for _, path := range []string{"/a/full", "/a/below/busy"} {
		pid := sleeper(t)
		must(t, h.Container(path).Attach(pid))
	}
	const nobody, privileged = false, true
	tests := []struct {
		opener   bool // privileged?
		writer   string
		from, to string
		want     unix.Errno
	}{
		{nobody, "/", "/a", "/a/empty", 0},
		{nobody, "/", "/a", "/a/full", unix.EPERM},       // somebody is there
		{nobody, "/", "/a", "/a/below", unix.EPERM},      // or below
		{nobody, "/", "/a", "/a/deep/empty", unix.EPERM}, // no child
		{nobody, "/", "/a/empty", "/a", unix.EPERM},      // upwards
		{nobody, "/", "/a/empty", "/b", unix.EPERM},      // beside
		{privileged, "/a", "/a", "/a/full", 0},           // enter a server
		{privileged, "/a", "/a", "/a/deep/empty", 0},     // at any depth
		{privileged, "/a", "/a", "/b", unix.EPERM},       // beside
		{privileged, "/a", "/a", "/", unix.EPERM},        // upwards, out of one's own
		{privileged, "/a/deep", "/a", "/", unix.EPERM},   // from below
		{privileged, "/a/empty", "/a/empty", "/a", unix.EPERM},
		{privileged, "/", "/a", "/b", 0}, // from above
		{privileged, "/", "/a", "/", 0},
		{privileged, "/a", "/a/deep/empty", "/a/deep", 0},
		{privileged, "/a", "/a/deep/empty", "/a", 0},
		{privileged, "/a", "/a/deep", "/b", unix.EPERM}, // but not out of where he is himself
		{privileged, "/b", "/a", "/b", unix.EPERM},      // he is not above
	}
	for _, tt := range tests {
		for _, file := range []string{"tasks", "procs"} {
			pid := sleeperOf(t, ordinary)
			place(t, h, pid, tt.from)
			path := h.Container(tt.to).File(file)
			must(t, os.Chmod(path, 0o666))
			uid := 0
			if !tt.opener {
				uid = ordinary
			}
			f := openAs(t, uid, path)
			onThread(t, func(tid int) {
				place(t, h, tid, tt.writer)
				_, err := fmt.Fprint(f, pid)
				wantError(t, err, tt.want, "%s: from %s to %s by one in %s, privileged %v", file, tt.from, tt.to, tt.writer, tt.opener)
				want := tt.from
				if tt.want == 0 {
					want = tt.to
				}
				wantPath(t, pid, "ns", want)
			})
			f.Close()
			kill(pid)
		}
	}
}

// place moves a thread from the root to a container. The caller is in the root.
func place(t testing.TB, h containerfs.Hierarchy, tid int, path string) {
	t.Helper()
	if path != "/" {
		must(t, h.Container(path).Attach(tid))
	}
}

func TestNsProxy(t *testing.T) {
	begin(t)
	h := mountNs(t)
	made := mkdir(t, h.Root(), "made")
	if text := got(made.ReadString("ns.proxy"))(t); text != "" {
		t.Errorf("ns.proxy of an empty container: %q", text)
	}
	if text, want := got(os.ReadFile(h.Root().File("ns.proxy")))(t), namespaces(t, 1, 1); string(text) != want {
		t.Errorf("ns.proxy of the root:\n%swant\n%s", text, want)
	}
	wantProxy := func(c containerfs.Container, pid int) {
		t.Helper()
		if text, want := got(os.ReadFile(c.File("ns.proxy")))(t), namespaces(t, pid, pid); string(text) != want {
			t.Errorf("ns.proxy of %s:\n%swant\n%s", c.Path, text, want)
		}
	}

	early := sleeper(t)
	first := got(bare.SpawnNew(unix.CLONE_NEWUTS|unix.CLONE_NEWNET, bare.Sleeps))(t)
	t.Cleanup(func() { kill(first) })
	c := own(h.Root(), first)
	second := got(bare.SpawnNew(unix.CLONE_NEWIPC, bare.Sleeps))(t)
	t.Cleanup(func() { kill(second) })
	wantProxy(c, first)
	must(t, c.Attach(second))
	must(t, c.Attach(early))
	wantProxy(c, first) // though it is not the oldest
	kill(first)
	wantProxy(c, early)
	kill(early)
	wantProxy(c, second)

	later := got(bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps))(t)
	t.Cleanup(func() { kill(later) })
	must(t, made.Attach(later))
	wantProxy(made, later)
	must(t, made.Attach(second))
	wantProxy(made, second)

	for _, name := range []string{"made", ""} {
		_, err := h.Root().Child(name).ReadString("ns.proxy")
		must(t, err)
		err = asUser(t, ordinary, ordinary, ordinary, func() error { _, err := os.ReadFile(h.Root().Child(name).File("ns.proxy")); return err })
		wantError(t, err, unix.EACCES, "reading as one who may not look at root's processes")
	}
	theirs := sleeperOf(t, ordinary)
	must(t, mkdir(t, h.Root(), "theirs").Attach(theirs))
	err := asUser(t, ordinary, ordinary, ordinary, func() error {
		_, err := h.Container("/theirs").ReadString("ns.proxy")
		return err
	})
	// The test's own memory is its, and that is root's: so not even then.
	wantError(t, err, unix.EACCES, "reading of a process that shares root's memory")
	kill(theirs)
	for _, pid := range []int{second, later} {
		kill(pid)
	}

	// The first task counts as long as it is there, and no longer.
	first = got(bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps))(t)
	t.Cleanup(func() { kill(first) })
	c = own(h.Root(), first)
	stays := sleeper(t)
	must(t, c.Attach(stays))
	wantProxy(c, first)
	below := mkdir(t, c, "below")
	must(t, below.Attach(first))
	wantProxy(below, first)
	wantProxy(c, stays)
	kill(first)
	must(t, below.Remove())
	kill(stays)
	eventually(t, "the container is gone", func() bool { return !exists(c) })
}

// What a virtual server is on one hierarchy: a place of its own, accounted, limited, watched, killed with one write, and gone.
func TestNsVirtualServer(t *testing.T) {
	begin(t)
	h := mountNs(t, "cpuacct", "numtasks")
	setParameter(t, "total_numtasks", strconv.Itoa(total))
	t.Cleanup(func() { setParameter(t, "total_numtasks", "unlimited") })
	setShares(t, h.Root(), fmt.Sprintf("child_shares_divisor=%d", total))
	s := startServer(t, unix.CLONE_NEWPID|unix.CLONE_NEWUTS)
	s.keepThreads(t, 16)
	c := own(h.Root(), s.pid)
	tasks := len(threadsOf(s.pid))
	setShares(t, c, fmt.Sprintf("max_shares=%d", tasks+20))
	before := got(c.ReadUint("cpuacct.usage"))(t)
	made := 0
	for ; made < 50; made++ {
		if err := s.clone(t, 0); err != nil {
			wantError(t, err, unix.EAGAIN, "a process beyond the server's limit")
			break
		}
	}
	if made == 0 || made > 20 {
		t.Errorf("%d processes in a server that may have 20 more", made)
	}
	if after := got(c.ReadUint("cpuacct.usage"))(t); after <= before {
		t.Errorf("CPU time of the server: %d, then %d", before, after)
	}
	w := watch{got(os.Open(c.File("events")))(t)}
	defer w.file.Close()
	w.want(t, true)
	must(t, c.Kill())
	w.changed(patience)
	wantGone(t, c)
	s.cmd.Wait()
	wantAlone(t, h)
}

// A clone that its parent's limit refuses leaves nothing behind.
func TestNsCloneRefused(t *testing.T) {
	begin(t)
	h := mountNs(t, "numtasks")
	setParameter(t, "total_numtasks", strconv.Itoa(total))
	t.Cleanup(func() { setParameter(t, "total_numtasks", "unlimited") })
	setShares(t, h.Root(), fmt.Sprintf("child_shares_divisor=%d", total))
	a := mkdir(t, h.Root(), "a")
	setShares(t, a, "max_shares=1")
	onThread(t, func(tid int) {
		must(t, a.Attach(0))
		_, err := bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps)
		wantError(t, err, unix.EAGAIN, "the second task of one")
		if children := got(a.Children())(t); len(children) != 0 {
			t.Errorf("left behind: %v", children)
		}
		must(t, unix.Unshare(unix.CLONE_NEWUTS)) // makes no task
		wantPath(t, os.Getpid(), nsKey(t), "/")
	})
	eventually(t, "nothing is left", func() bool { return hierarchyStatus(t, nsKey(t)).Containers == 2 })
	must(t, a.Remove())
}

// What was made in a hierarchy that is not mounted any more goes by itself, and the hierarchy with it.
func TestNsUnmounted(t *testing.T) {
	begin(t)
	h := mountNs(t)
	pid := got(bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps))(t)
	must(t, h.Unmount())
	inner := got(bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps))(t)
	wantPath(t, inner, "ns", fmt.Sprint("/", inner))
	kill(pid)
	if hierarchyStatus(t, "ns") == nil {
		t.Error("the hierarchy has ended, and a server was in it")
	}
	kill(inner)
	eventually(t, "the hierarchy has ended", func() bool { return hierarchyStatus(t, "ns") == nil })
}

// A shell with util-linux's idea of unshare: nothing else is needed for a server.
func TestNsExec(t *testing.T) {
	begin(t)
	h := mountNs(t)
	cmd := exec.Command("/bin/sh", "-c", "cat /proc/self/container")
	cmd.SysProcAttr = inPIDNamespace()
	out, err := cmd.CombinedOutput()
	if want := fmt.Sprintf("ns:/%d\n", cmd.Process.Pid); err != nil || string(out) != want {
		t.Errorf("a command in its own namespaces said %q (%v), want %q", out, err, want)
	}
	wantAlone(t, h)
}

// Servers come and go by both calls, their makers are moved meanwhile, others try to remove and to kill what is there, and the hierarchy
// is unmounted and mounted again: nobody is lost, and nothing stays.
func TestRaceNs(t *testing.T) {
	begin(t)
	options := bound("ns", "cpuacct")
	if debugFlavor {
		options = bound(append([]string{"ns"}, debugPair...)...)
	}
	h := mount(t, options)
	key := nsKey(t)
	mkdir(t, h.Root(), "1", "2")
	r := newRace(t)
	for i := range 2 {
		tid := make(chan int, 1)
		r.worker(fmt.Sprint("cloner ", i), func() error {
			select {
			case tid <- unix.Gettid():
			default:
			}
			return serveOnce(h, key)
		})
		id, step := <-tid, 0
		r.worker(fmt.Sprint("mover ", i), func() error {
			step++
			err := h.Container([]string{"/1", "/2", "/"}[step%3]).Attach(id)
			if errors.Is(err, unix.ESRCH) && r.over.Load() {
				return nil
			}
			return err
		})
	}
	r.worker("unsharer", func() error {
		return unsharesOnce(r.t)
	})
	r.worker("remover", func() error {
		for _, path := range []string{"/", "/1", "/2"} {
			children, err := h.Container(path).Children()
			if err != nil {
				return err
			}
			for _, c := range children {
				if c.Path != "/1" && c.Path != "/2" {
					if err := unless(c.Remove()); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	dir := tempDir(t)
	r.worker("mounter", func() error {
		again, err := containerfs.Mount("again", dir, options)
		if err != nil {
			return err
		}
		return again.Unmount()
	})
	r.wait()
	for _, path := range []string{"/1", "/2"} {
		c := h.Container(path)
		eventually(t, "nothing is left in "+path, func() bool { return c.Remove() == nil })
	}
	wantAlone(t, h)
	wantEveryTaskOnce(t, h, key)
	if debugFlavor {
		for _, ss := range debugPair {
			wantExactCounts(t, h.Root(), ss)
			wantLive(t, h, ss, 0)
		}
	}
}

// serveOnce makes a child with a namespace of its own, and returns an error unless it is in the container named after it, below a place
// where its parent has been, and alone there.
func serveOnce(h containerfs.Hierarchy, key string) error {
	pid, err := bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps)
	if err != nil {
		return err
	}
	defer kill(pid)
	memberships, err := containerfs.MembershipOf(pid)
	if err != nil {
		return err
	}
	for _, m := range memberships {
		if keyOf(m) != key {
			continue
		}
		if !slices.Contains([]string{fmt.Sprint("/1/", pid), fmt.Sprint("/2/", pid), fmt.Sprint("/", pid)}, m.Path) {
			return fmt.Errorf("child %d was born in %s", pid, m.Path)
		}
		tasks, err := h.Container(m.Path).Tasks()
		if err != nil || !slices.Equal(tasks, []int{pid}) {
			return fmt.Errorf("tasks in %s: %v (%v)", m.Path, tasks, err)
		}
	}
	return nil
}

// unsharesOnce has a thread make a namespace.
func unsharesOnce(t *testing.T) error {
	var err error
	onThread(t, func(int) { err = unix.Unshare(unix.CLONE_NEWUTS) })
	return err
}
