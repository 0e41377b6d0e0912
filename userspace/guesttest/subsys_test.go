//go:build guest && debug

package guesttest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

func TestSubsysMountAll(t *testing.T) {
	for _, options := range []string{"all", "", "debug_a,debug_b", "debug_b,debug_a", "all,name=everything"} {
		t.Run(options, func(t *testing.T) {
			begin(t)
			dir := tempDir(t)
			must(t, unix.Mount("guesttest", dir, "container", 0, options))
			h := containerfs.Hierarchy{Dir: dir}
			t.Cleanup(func() { dismantle(t, h) })
			want := debugPair
			if !strings.Contains(options, "debug_a") {
				want = allSubsystems(t)
			}
			if o := mountedOptions(t, dir); !slices.Equal(o.Subsystems, want) {
				t.Errorf("/proc/mounts: %+v, want %v", o, want)
			}
			wantPath(t, os.Getpid(), strings.Join(want, ","), "/")
			for _, ss := range got(containerfs.ReadStatus())(t).Subsystems {
				if bound := slices.Contains(want, ss.Name); bound != (ss.Hierarchy != 0) || !ss.Active {
					t.Errorf("subsystem %+v, want it bound: %v", ss, bound)
				}
			}
			wantEveryTaskOnce(t, h, strings.Join(want, ","))
		})
	}
}

// allSubsystems returns the names of the kernel's subsystems, in its order.
func allSubsystems(t testing.TB) []string {
	t.Helper()
	var names []string
	for _, ss := range got(containerfs.ReadStatus())(t).Subsystems {
		names = append(names, ss.Name)
	}
	return names
}

func TestSubsysMountSameSet(t *testing.T) {
	begin(t)
	first := mount(t, bound("debug_a", "debug_b"))
	for _, o := range []containerfs.Options{bound("debug_b", "debug_a"), bound("debug_a", "debug_b")} {
		second := mount(t, o)
		if device(t, first.Dir) != device(t, second.Dir) {
			t.Errorf("%v: another superblock", o)
		}
	}
}

func TestSubsysMountOverlap(t *testing.T) {
	begin(t)
	mount(t, bound("debug_a"))
	mount(t, named("taken"))
	for _, options := range [][]string{{"debug_a", "debug_b"}, {"all"}, {}, {"debug_a", "name=other"}, {"debug_b", "name=taken"}} {
		err := unix.Mount("guesttest", tempDir(t), "container", 0, strings.Join(options, ","))
		wantError(t, err, unix.EBUSY, "mount -o %q", options)
		c := openContext(t)
		must(t, c.setAll(options))
		wantError(t, c.create(), unix.EBUSY, "fsconfig %q", options)
		c.wantMessage("hierarchy")
	}
	mount(t, bound("debug_b"))
	wantPath(t, os.Getpid(), "debug_a", "/")
	wantPath(t, os.Getpid(), "debug_b", "/")
}

func TestSubsysMountContradictions(t *testing.T) {
	begin(t)
	for _, options := range []string{"none,debug_a,name=x", "none,all,name=x", "none,debug_a"} {
		err := unix.Mount("guesttest", tempDir(t), "container", 0, options)
		wantError(t, err, unix.EINVAL, "mount -o %s", options)
	}
	err := unix.Mount("guesttest", tempDir(t), "container", 0, "debug_a,nosuch")
	wantError(t, err, unix.ENOENT, "mount with an unknown subsystem")
	c := openContext(t)
	wantError(t, unix.FsconfigSetString(c.fd, "debug_a", "x"), unix.EINVAL, "a subsystem with a value")
	null := got(os.Open("/dev/null"))(t)
	defer null.Close()
	wantError(t, unix.FsconfigSetFd(c.fd, "debug_a", int(null.Fd())), unix.EINVAL, "a subsystem with a file")
}

func TestSubsysUnmountedKeepsItsHierarchy(t *testing.T) {
	begin(t)
	h := mount(t, bound("debug_a"))
	mkdir(t, h.Root(), "a")
	must(t, h.Unmount())
	_, err := containerfs.Mount("guesttest", tempDir(t), bound("debug_a", "debug_b"))
	wantError(t, err, unix.EBUSY, "mount of a subsystem that an unmounted hierarchy holds")
	h = mount(t, bound("debug_a"))
	wantCallbacks(t, h.Container("/a"), "debug_a", map[string]int{"create": 1, "clone": 1, "populate": 1})
}

func TestSubsysReturnsToDummy(t *testing.T) {
	begin(t)
	for _, o := range []containerfs.Options{bound("debug_a"), bound("debug_b", "debug_a"), bound("debug_a")} {
		h := mount(t, o)
		wantExactCounts(t, h.Root(), "debug_a")
		pid := sleeper(t)
		must(t, mkdir(t, h.Root(), "a").Attach(pid))
		kill(pid)
		must(t, h.Container("/a").Remove())
		must(t, h.Unmount())
		for _, ss := range got(containerfs.ReadStatus())(t).Subsystems {
			if ss.Hierarchy != 0 || ss.Containers != 1 {
				t.Errorf("after unmount: %+v", ss)
			}
		}
	}
}

func TestSubsysRemount(t *testing.T) {
	begin(t)
	h := mount(t, bound("debug_a"))
	remount := func(options string) error { return unix.Mount("x", h.Dir, "container", unix.MS_REMOUNT, options) }
	must(t, remount("debug_a,release_agent=/bin/x"))
	wantAgent(t, h, "/bin/x")
	for _, options := range []string{"debug_b", "debug_a,debug_b", "all", "none,name=x", "debug_a,name=x"} {
		wantError(t, remount(options), unix.EBUSY, "remount -o %s", options)
	}
	if o := mountedOptions(t, h.Dir); !slices.Equal(o.Subsystems, []string{"debug_a"}) || o.Name != "" {
		t.Errorf("after refused remounts: %+v", o)
	}
}

// The framework names a subsystem's files, and leaves the prefix off where that was asked for.
func TestSubsysFileNames(t *testing.T) {
	for _, noPrefix := range []bool{false, true} {
		t.Run(fmt.Sprint("noprefix ", noPrefix), func(t *testing.T) {
			begin(t)
			h := mount(t, containerfs.Options{Subsystems: []string{"debug_a"}, NoPrefix: noPrefix})
			a := mkdir(t, h.Root(), "a")
			prefix := "debug_a."
			if noPrefix {
				prefix = ""
			}
			for name, mode := range map[string]os.FileMode{"callbacks": 0o444, "hold": 0o644, "fail_create": 0o644} {
				if m := got(os.Stat(a.File(prefix + name)))(t).Mode(); m != mode {
					t.Errorf("%s%s: mode %o, want %o", prefix, name, m, mode)
				}
			}
			for _, name := range []string{"callbacks", "counted", "unreaped", "live", "hold", "setting", "fail_create", "fail_clone", "fail_can_attach", "fail_can_fork"} {
				if text := string(got(os.ReadFile(h.Root().File(prefix + name)))(t)); !strings.HasSuffix(text, "\n") {
					t.Errorf("%s%s does not end in a newline: %q", prefix, name, text)
				}
			}
			if _, err := os.Stat(a.File(prefix + "live")); err == nil {
				t.Error("live is only for the root, and is in a child")
			}
			if o := mountedOptions(t, h.Dir); o.NoPrefix != noPrefix {
				t.Errorf("/proc/mounts: %+v", o)
			}
		})
	}
}

// With noprefix a subsystem's file of the same name as a common one cannot exist beside it: the mount fails as a whole.
func TestSubsysFailedMountLeavesNothing(t *testing.T) {
	begin(t)
	err := unix.Mount("guesttest", tempDir(t), "container", 0, "all,noprefix")
	wantError(t, err, unix.EEXIST, "mount of two subsystems with files of the same names")
	for _, ss := range got(containerfs.ReadStatus())(t).Subsystems {
		if ss.Hierarchy != 0 {
			t.Errorf("bound by a failed mount: %+v", ss)
		}
	}
	mount(t, bound(debugPair...))
}

func TestSubsysBind(t *testing.T) {
	begin(t)
	binds := func(h containerfs.Hierarchy) int { return allCallbacks(t, h.Root(), "debug_a")["bind"] }
	h := mount(t, bound("debug_a"))
	before := binds(h)
	again := mount(t, bound("debug_a"))
	if n := binds(again); n != before {
		t.Errorf("a second mount of the same hierarchy has bound %d times", n-before)
	}
	must(t, again.Unmount())
	must(t, h.Unmount())
	h = mount(t, bound("debug_a"))
	if n := binds(h); n != before+2 {
		t.Errorf("unmount and mount: bound %d times, want 2, to the dummy and back", n-before)
	}
}

func TestSubsysLifeOfContainer(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a := mkdir(t, h.Root(), "a")
	made := map[string]int{"create": 1, "clone": 1, "populate": 1}
	for _, ss := range debugPair {
		wantCallbacks(t, a, ss, made)
		wantLive(t, h, ss, 1)
	}
	before := allCallbacks(t, a, "debug_a")
	must(t, a.Remove())
	for _, ss := range debugPair {
		wantLive(t, h, ss, 0)
	}
	after := allCallbacks(t, h.Root(), "debug_a")
	for _, call := range []string{"remove", "destroy"} {
		if n := after[call] - before[call]; n != 1 {
			t.Errorf("%s was called %d times, want 1", call, n)
		}
	}
}

func TestSubsysAttachCallbacks(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a := mkdir(t, h.Root(), "a")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	want := map[string]int{"create": 1, "clone": 1, "populate": 1, "can_attach": 1, "moving": 1, "moved": 1, "attach": 1, "post_attach": 1}
	for _, ss := range debugPair {
		wantCallbacks(t, a, ss, want)
		wantExactCounts(t, h.Root(), ss)
	}
	must(t, a.Attach(pid)) // it is there already
	wantCallbacks(t, a, "debug_a", want)
	kill(pid)
	want["exit"], want["reaped"] = 1, 1
	for _, ss := range debugPair {
		wantCallbacks(t, a, ss, want)
		wantExactCounts(t, h.Root(), ss)
	}
}

func TestSubsysAttachProcessCallbacks(t *testing.T) {
	begin(t)
	h := mount(t, bound("debug_a"))
	a := mkdir(t, h.Root(), "a")
	pid, tids := threaded(t, 5)
	must(t, a.AttachProc(pid))
	n := len(tids)
	calls := callbacks(t, a, "debug_a")
	if calls["can_attach"] != n || calls["moving"] != n || calls["moved"] != n || calls["attach"] != n || calls["post_attach"] != 1 || calls["cancel_attach"] != 0 {
		t.Errorf("a process of %d threads moved: %v", n, calls)
	}
	wantExactCounts(t, h.Root(), "debug_a")
	kill(pid)
}

func TestSubsysForkCallbacks(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	a := mkdir(t, h.Root(), "a")
	onThread(t, func(int) {
		if err := a.Attach(0); err != nil {
			t.Error(err)
			return
		}
		pid, err := bare.Spawn(bare.Sleeps)
		if err != nil {
			t.Error(err)
			return
		}
		want := map[string]int{"create": 1, "clone": 1, "populate": 1, "can_attach": 1, "moving": 1, "moved": 1, "attach": 1, "post_attach": 1, "can_fork": 1, "born": 1, "fork": 1}
		for _, ss := range debugPair {
			wantCallbacks(t, a, ss, want)
			if n := counted(t, a, ss); n != 2 {
				t.Errorf("%s counts %d tasks, want 2", ss, n)
			}
		}
		kill(pid)
		want["exit"], want["reaped"] = 1, 1
		for _, ss := range debugPair {
			wantCallbacks(t, a, ss, want)
		}
	})
	for _, ss := range debugPair {
		wantExactCounts(t, h.Root(), ss)
	}
}

// A subsystem that refuses a move leaves everything as it was, the other subsystem's counts included.
func TestSubsysRefusesAttach(t *testing.T) {
	for _, refusing := range debugPair {
		t.Run(refusing, func(t *testing.T) {
			begin(t)
			h := mount(t, bound(debugPair...))
			a := mkdir(t, h.Root(), "a")
			pid, tids := threaded(t, 3)
			must(t, a.Write(refusing+".fail_can_attach", fmt.Sprint(int(unix.EXDEV))))
			wantError(t, a.Attach(pid), unix.EXDEV, "attach of a thread")
			wantError(t, a.AttachProc(pid), unix.EXDEV, "attach of a process")
			wantTasks(t, a)
			for _, tid := range tids {
				if path := pathOf(t, pid, tid, "debug_a,debug_b"); path != "/" {
					t.Errorf("thread %d is in %s", tid, path)
				}
			}
			for _, ss := range debugPair {
				calls := callbacks(t, a, ss)
				if calls["moving"] != 0 || calls["moved"] != 0 || calls["attach"] != 0 || calls["post_attach"] != 0 || ss != refusing && calls["can_attach"] != calls["cancel_attach"] {
					t.Errorf("callbacks of %s after refusals: %v", ss, calls)
				}
				if n := counted(t, a, ss); n != 0 {
					t.Errorf("%s counts %d tasks in an empty container", ss, n)
				}
				wantExactCounts(t, h.Root(), ss)
			}
			must(t, a.Write(refusing+".fail_can_attach", "0"))
			must(t, a.AttachProc(pid))
			wantTasks(t, a, tids...)
			kill(pid)
		})
	}
}

func TestSubsysRefusesFork(t *testing.T) {
	for _, refusing := range debugPair {
		t.Run(refusing, func(t *testing.T) {
			begin(t)
			h := mount(t, bound(debugPair...))
			a := mkdir(t, h.Root(), "a")
			must(t, a.Write(refusing+".fail_can_fork", fmt.Sprint(int(unix.EDQUOT))))
			onThread(t, func(tid int) {
				if err := a.Attach(0); err != nil {
					t.Error(err)
					return
				}
				for range 3 {
					_, err := bare.Spawn(bare.Exits)
					wantError(t, err, unix.EDQUOT, "fork in a container that refuses it")
				}
				wantTasks(t, a, tid)
				for _, ss := range debugPair {
					if n := counted(t, a, ss); n != 1 {
						t.Errorf("%s counts %d tasks, want the one that cannot fork", ss, n)
					}
				}
				if err := a.Write(refusing+".fail_can_fork", "0"); err != nil {
					t.Error(err)
					return
				}
				pid, err := bare.Spawn(bare.Exits)
				wantError(t, err, 0, "fork once it is allowed again")
				reap(pid)
			})
			calls := callbacks(t, a, refusing)
			if calls["can_fork"] != 4 || calls["fork"] != 1 || calls["cancel_fork"] != 0 {
				t.Errorf("callbacks of the refusing %s: %v", refusing, calls)
			}
			for _, ss := range debugPair {
				wantExactCounts(t, h.Root(), ss)
			}
		})
	}
}

func TestSubsysRefusesCreate(t *testing.T) {
	for _, refusing := range debugPair {
		t.Run(refusing, func(t *testing.T) {
			begin(t)
			h := mount(t, bound(debugPair...))
			a := mkdir(t, h.Root(), "a")
			must(t, a.Write(refusing+".fail_create", fmt.Sprint(int(unix.ENOSPC))))
			wantError(t, a.Child("b").Create(), unix.ENOSPC, "mkdir where a subsystem refuses")
			if _, err := os.Stat(a.Child("b").Dir()); !os.IsNotExist(err) {
				t.Errorf("left behind: %v", err)
			}
			if s := hierarchyStatus(t, "debug_a,debug_b"); s.Containers != 2 {
				t.Errorf("%d containers, want 2", s.Containers)
			}
			for _, ss := range debugPair {
				wantLive(t, h, ss, 1)
			}
			must(t, mkdir(t, h.Root(), "elsewhere").Remove())
			must(t, a.Write(refusing+".fail_create", "0"))
			mkdir(t, a, "b")
		})
	}
}

// A state that something holds keeps its container from being removed.
func TestSubsysHeldState(t *testing.T) {
	begin(t)
	agent := newAgent(t)
	agent.listen(t)
	o := bound(debugPair...)
	o.ReleaseAgent = agent.program
	h := mount(t, o)
	a := mkdir(t, h.Root(), "a")
	must(t, a.SetNotifyOnRelease(true))
	pid := sleeper(t)
	must(t, a.Attach(pid))
	must(t, a.Write("debug_a.hold", "1"))
	must(t, a.Write("debug_b.hold", "1"))
	kill(pid)
	wantError(t, a.Remove(), unix.EBUSY, "rmdir with two states held")
	must(t, a.Write("debug_a.hold", "0"))
	wantError(t, a.Remove(), unix.EBUSY, "rmdir with one state held")
	for _, run := range agent.rest(t, h) {
		t.Errorf("the agent was run while a state was held: %s", run)
	}
	must(t, a.Write("debug_b.hold", "0"))
	must(t, a.Remove())
	for _, ss := range debugPair {
		wantLive(t, h, ss, 0)
	}
}

// An open file of a container does not keep the container from being removed, nor may it reach what has been freed.
func TestSubsysOpenFileOfRemovedContainer(t *testing.T) {
	begin(t)
	h := mount(t, bound("debug_a"))
	a := mkdir(t, h.Root(), "a")
	var files []*os.File
	for _, e := range got(os.ReadDir(a.Dir()))(t) {
		f := got(os.Open(a.File(e.Name())))(t)
		defer f.Close()
		files = append(files, f)
	}
	must(t, a.Remove())
	wantLive(t, h, "debug_a", 0)
	for _, f := range files {
		_, err := f.Read(make([]byte, 100))
		wantError(t, err, unix.ENODEV, "read of %s", f.Name())
	}
}

func TestSubsysZombieKeepsNothing(t *testing.T) {
	begin(t)
	h := mount(t, bound("debug_a"))
	a := mkdir(t, h.Root(), "a")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	killUnreaped(t, pid)
	wantExactCounts(t, h.Root(), "debug_a")
	must(t, a.Remove())
	wantPath(t, pid, "debug_a", "/a")
	reap(pid)
	wantLive(t, h, "debug_a", 0)
}

// A new container begins with its parent's settings where the parent says so.
func TestSubsysClone(t *testing.T) {
	begin(t)
	h := mount(t, bound(debugPair...))
	must(t, h.Root().Write("debug_a.setting", "7"))
	a := mkdir(t, h.Root(), "a")
	b := mkdir(t, a, "b")
	must(t, a.Write("clone_children", "0"))
	c := mkdir(t, a, "c")
	d := mkdir(t, c, "d")
	for cont, want := range map[containerfs.Container]uint64{a: 7, b: 7, c: 0, d: 0} {
		if is := got(cont.ReadUint("debug_a.setting"))(t); is != want {
			t.Errorf("%s begins with %d, want %d", cont.Path, is, want)
		}
		if n := callbacks(t, cont, "debug_b")["clone"]; (n == 1) != (want != 0) || n > 1 {
			t.Errorf("clone of debug_b was called %d times for %s", n, cont.Path)
		}
	}
}

// A mkdir whose clone is refused leaves nothing, wherever among the subsystems that is.
func TestSubsysRefusesClone(t *testing.T) {
	for _, refusing := range debugPair {
		t.Run(refusing, func(t *testing.T) {
			begin(t)
			h := mount(t, bound(debugPair...))
			a := mkdir(t, h.Root(), "a")
			must(t, a.Write(refusing+".fail_clone", fmt.Sprint(int(unix.EXDEV))))
			before := allCallbacks(t, a, "debug_a")
			wantError(t, a.Child("b").Create(), unix.EXDEV, "mkdir")
			if children := got(a.Children())(t); len(children) != 0 {
				t.Errorf("children after a failed mkdir: %v", children)
			}
			for _, ss := range debugPair {
				wantLive(t, h, ss, 1)
			}
			after := allCallbacks(t, a, "debug_a")
			for _, call := range []string{"remove", "destroy"} {
				if n := after[call] - before[call]; n != 1 {
					t.Errorf("%s was called %d times, want 1", call, n)
				}
			}
			must(t, a.Write("clone_children", "0")) // then nobody is asked
			mkdir(t, a, "b")
			must(t, a.Write(refusing+".fail_clone", "0"))
			must(t, a.Write("clone_children", "1"))
			mkdir(t, a, "c")
		})
	}
}
