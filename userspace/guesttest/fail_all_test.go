//go:build guest && debug

package guesttest

import (
	"fmt"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// The operations of the filesystem and of processes, each with failing allocations, and where that is:
//
//	mount(2), each option          TestFailMountOptions, TestFailMount, TestFailSecondMount, TestFailCpusetMount
//	fsopen to fsmount              TestFailMountSteps
//	remount, fspick                TestFailOperations, TestFailRemount
//	umount                         TestFailUmount
//	mkdir, rmdir, rename           TestFailOperations; half-made ones TestFailMkdir
//	chmod, chown, setxattr         TestFailOperations
//	stat, statfs, readdir, inotify TestFailOperations
//	open, read, poll, write        TestFailFiles, all files but those that make others wait; TestFailRead, TestFailCpusetChange
//	moves                          TestFailOperations, TestFailAttach, TestFailAttachScatteredProcess, TestFailCpusetAttach
//	kill                           TestFailKill
//	/proc                          TestFailRead
//	fork, vfork, clone, clone3     TestFailBirths; of some subsystems TestFailFork, TestFailBCFork, TestFailNsClone
//	a thread                       TestFailThread
//	unshare, setns                 TestFailNamespaces; of some subsystems TestFailNsUnshare
//	exec                           TestFailExec, TestFailBCMemory

// attempt is an operation that can be taken back. The errors are those beside ENOMEM that it may fail with.
type attempt struct {
	name     string
	do, undo func() error
	errors   []unix.Errno
}

// nothing takes back what changes nothing.
func nothing() error { return nil }

// onFD opens a file, does something with it, and closes it.
func onFD(path string, flags int, do func(fd int) error) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = do(fd)
	if closeErr := unix.Close(fd); err == nil {
		err = closeErr
	}
	return err
}

// everything mounts all subsystems together, with a container in which a process sleeps.
func everything(t *testing.T) (h containerfs.Hierarchy, a containerfs.Container, pid int) {
	t.Helper()
	h = mount(t, containerfs.Options{ReleaseAgent: "/bin/before"})
	a = mkdir(t, h.Root(), "a")
	pid = sleeper(t)
	must(t, a.Attach(pid))
	t.Cleanup(func() { kill(pid) }) // before its container is removed
	return h, a, pid
}

func TestFailOperations(t *testing.T) {
	begin(t)
	h, a, pid := everything(t)
	b, renamed := mkdir(t, h.Root(), "b"), h.Container("/renamed")
	move := func(c containerfs.Container, file string) func() error {
		return func() error { return writeOnce(c.File(file), strconv.Itoa(pid)) }
	}
	reconfigure := func(agent string) func() error {
		return func() error {
			fd, err := unix.Fspick(unix.AT_FDCWD, h.Dir, unix.FSPICK_CLOEXEC)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			if err := unix.FsconfigSetString(fd, "release_agent", agent); err != nil {
				return err
			}
			return unix.FsconfigReconfigure(fd)
		}
	}
	remount := func(agent string) func() error {
		return func() error {
			return unix.Mount("x", h.Dir, containerfs.Type, unix.MS_REMOUNT, "release_agent="+agent)
		}
	}
	for _, s := range []attempt{
		{"mkdir", func() error { return unix.Mkdir(a.File("made"), 0o755) }, func() error { return unix.Rmdir(a.File("made")) }, nil},
		{"rmdir", func() error { return unix.Rmdir(b.Dir()) }, func() error { return onceFree(b.Dir(), func() error { return unix.Mkdir(b.Dir(), 0o755) }) }, nil},
		{"rename", func() error { return unix.Rename(b.Dir(), renamed.Dir()) }, func() error { return unix.Rename(renamed.Dir(), b.Dir()) }, nil},
		{"chmod", func() error { return unix.Chmod(a.File("tasks"), 0o600) }, func() error { return unix.Chmod(a.File("tasks"), 0o644) }, nil},
		{"chown", func() error { return unix.Chown(b.Dir(), ordinary, -1) }, func() error { return unix.Chown(b.Dir(), 0, -1) }, nil},
		{"setxattr", func() error { return notSupported(unix.Setxattr(b.Dir(), "trusted.x", []byte("y"), 0)) },
			func() error { return notSupported(unix.Removexattr(b.Dir(), "trusted.x")) }, nil},
		{"stat", func() error { var st unix.Stat_t; return unix.Stat(a.File("tasks"), &st) }, nothing, nil},
		{"statfs", func() error { var st unix.Statfs_t; return unix.Statfs(a.Dir(), &st) }, nothing, nil},
		{"readdir", func() error {
			return onFD(a.Dir(), unix.O_DIRECTORY, func(fd int) error { _, err := unix.ReadDirent(fd, make([]byte, 8192)); return err })
		}, nothing, nil},
		{"inotify", func() error {
			fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			_, err = unix.InotifyAddWatch(fd, a.File("events"), unix.IN_MODIFY)
			return err
		}, nothing, []unix.Errno{unix.EMFILE}}, // for want of memory to count it
		{"move of a thread", move(b, "tasks"), move(a, "tasks"), nil},
		{"move of a process", move(b, "procs"), move(a, "procs"), nil},
		{"fspick", reconfigure("/bin/after"), reconfigure("/bin/before"), nil},
		{"remount", remount("/bin/after"), remount("/bin/before"), nil},
	} {
		t.Run(s.name, func(t *testing.T) {
			unchanged := unchangedLater(t, &h, pid)
			failEach(t, append(s.errors, unix.ENOMEM), s.do, s.undo, seldom(t, unchanged, pid))
			must(t, unchanged())
		})
	}
}

// notSupported lets pass that there are no extended attributes, which is an answer, too.
func notSupported(err error) error {
	if err == unix.EOPNOTSUPP {
		return nil
	}
	return err
}

// unchangedLater returns a check that all is as it is now. What ends is freed a little later, so it may take a moment.
func unchangedLater(t *testing.T, h *containerfs.Hierarchy, pids ...int) func() error {
	t.Helper()
	return sameLater(t, func() (map[string]string, error) { return stateOf(h, pids...) })
}

// seldom returns a check for an operation that may have hundreds of allocations, most of which let it fail. What it leaves behind then stays, so that not each of
// so many failures has to be followed by a look at all files: but for the first it looks at every eighth, otherwise at what is mounted, how many containers
// there are, and where some processes are. Who uses it looks once more at the end.
func seldom(t *testing.T, unchanged func() error, pids ...int) func() error {
	t.Helper()
	const first, every = 16, 8
	looks := 0
	quick := sameLater(t, func() (map[string]string, error) { return stateOf(nil, pids...) })
	return func() error {
		if looks++; looks > first && looks%every != 0 {
			return quick()
		}
		return unchanged()
	}
}

// sameLater returns a check that a state is, soon, what it is now.
func sameLater(t *testing.T, state func() (map[string]string, error)) func() error {
	t.Helper()
	before := got(state())(t)
	return func() (err error) {
		within(patience, func() bool {
			var after map[string]string
			if after, err = state(); err == nil {
				err = difference(before, after)
			}
			return err == nil
		})
		return err
	}
}

func TestFailMountOptions(t *testing.T) {
	for _, options := range []string{"all", "cpuset,noprefix", "numtasks,bc,clone_children=0", "ns,debug_a,name=both", "none,name=n,release_agent="} {
		t.Run(options, func(t *testing.T) {
			begin(t)
			dir := tempDir(t)
			failEach(t, outOfMemory,
				func() error { return unix.Mount("x", dir, containerfs.Type, 0, options) },
				func() error { return unix.Unmount(dir, 0) },
				unchangedLater(t, nil))
		})
	}
}

func TestFailMountSteps(t *testing.T) {
	begin(t)
	dir := tempDir(t)
	failEach(t, outOfMemory, func() error {
		fd, err := unix.Fsopen(containerfs.Type, unix.FSOPEN_CLOEXEC)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		c := context{t, fd}
		if err := c.setAll([]string{"source=x", "cpuset", "debug_a", "name=steps", "release_agent=/bin/x", "clone_children=0"}); err != nil {
			return err
		}
		if err := c.create(); err != nil {
			return err
		}
		mnt, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(mnt)
		return unix.MoveMount(mnt, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH)
	}, func() error { return unix.Unmount(dir, 0) }, unchangedLater(t, nil))
}

// An unmount needs memory for the path that it is given, and for nothing else.
func TestFailUmount(t *testing.T) {
	begin(t)
	dir := tempDir(t)
	mounted := func() error { return unix.Mount("x", dir, containerfs.Type, 0, "all") }
	must(t, mounted())
	t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
	vital := 0
	failEach(t, outOfMemory, func() error {
		err := unix.Unmount(dir, 0)
		if err != nil {
			vital++
		}
		return err
	}, mounted, unchangedLater(t, nil))
	if vital > 1 {
		t.Errorf("%d allocations can let an unmount fail, want the one of the path", vital)
	}
}

// A kill that fails has killed nobody.
func TestFailKill(t *testing.T) {
	begin(t)
	_, a, pid := everything(t)
	victim := pid
	again := func() (err error) {
		reap(victim)
		if victim, err = bare.Spawn(bare.Sleeps); err == nil {
			err = a.Attach(victim)
		}
		return err
	}
	t.Cleanup(func() { kill(victim) })
	failEach(t, outOfMemory, func() error { return writeOnce(a.File("kill"), "1") }, again, func() error {
		tasks, err := a.Tasks()
		if err == nil && (len(tasks) != 1 || tasks[0] != victim || bare.Dead(victim)) {
			err = fmt.Errorf("tasks %v, want %d alive", tasks, victim)
		}
		return err
	})
}
