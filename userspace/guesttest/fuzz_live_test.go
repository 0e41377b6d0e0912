//go:build guest

package guesttest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/fuzz"
	"gpc/userspace/guesttest/bare"
)

// live is this machine's kernel as package fuzz drives and sees it.
type live struct {
	dir    string // of the points
	stage  *bare.Stage
	user   apart // a thread that is an ordinary user's
	actors map[string]*actor
	born   []int               // the numbers of all that have been born in the sequence, in order
	trees  map[string]*keptDir // what is mounted at the points, by the point
	top    *keptDir            // the machine's root directory
	seen   int                 // how much there was to be seen the last time
	// What /proc/containers has last said, and what that means.
	statusText string
	status     containerfs.Status
}

// actor is a task of a sequence.
type actor struct {
	name     string
	pid, tid int
	part     int
	proc     *keptDir // its directory in /proc, once it has been looked at
}

// read returns what a file in /proc says of the task.
func (a *actor) read(name string) (string, error) {
	if a.proc == nil {
		proc, err := keepDir(fmt.Sprintf("/proc/%d/task/%d", a.pid, a.tid))
		if err != nil {
			return "", err
		}
		a.proc = proc
	}
	return a.proc.read(name)
}

// nobodysNumber is the number of no task: the kernel gives none that large.
const nobodysNumber = 4194305

// heldName is the name of a hierarchy that is nobody's.
const heldName = "held"

// releaseLog is where release agents record their runs.
const releaseLog = "/tmp/fuzz-released"

// What actors execute: a program with a single thread.
var (
	sleepPath = append([]byte("/bin/busybox"), 0)
	sleepName = append([]byte("sleep"), 0)
	sleepTime = append([]byte("1000000"), 0)
	sleepArgv = [3]uintptr{address(&sleepName[0]), address(&sleepTime[0])}
	sleepEnvv [1]uintptr
)

// newLive returns the machine, and installs the release agents.
func newLive(t *testing.T) *live {
	t.Helper()
	l := newWorker(t, tempDir(t))
	for _, program := range fuzz.Agents {
		must(t, os.WriteFile(program, []byte("#!/bin/sh\necho \"$0 $1\" >> "+releaseLog+"\n"), 0o755))
		t.Cleanup(func() { os.Remove(program) })
	}
	t.Cleanup(func() { os.Remove(releaseLog) })
	setParameter(t, "forkrate_interval", strconv.Itoa(fuzz.RateInterval))
	t.Cleanup(func() {
		setParameter(t, "total_numtasks", "unlimited")
		setParameter(t, "forkrate_interval", "1")
	})
	if !debugFlavor && runtime.GOARCH == "ppc64" {
		// Each first mount and last unmount has the kernel rewrite the code of fork and exit. QEMU goes on with the old code now and then (see
		// TestRaceForkAgainstFirstMount), and a task that ends without being taken from its lists keeps its hierarchy busy for ever. On other
		// kernels, whose sequences begin with nothing mounted, that cannot happen.
		mount(t, named(heldName))
	}
	t.Cleanup(func() { must(t, l.Reset()) })
	must(t, l.Reset())
	return l
}

// activeHierarchies returns what /proc/containers says of the hierarchies of sequences.
func activeHierarchies() ([]containerfs.HierarchyStatus, error) {
	status, err := containerfs.ReadStatus()
	return slices.DeleteFunc(status.Hierarchies, func(h containerfs.HierarchyStatus) bool { return h.Name == heldName }), err
}

// newWorker returns the machine once more, for another who has tasks of his own.
func newWorker(t testing.TB, dir string) *live {
	t.Helper()
	l := &live{dir: dir, stage: got(bare.NewStage())(t), user: newUser(t), actors: map[string]*actor{}, trees: map[string]*keptDir{}, top: got(keepDir("/"))(t)}
	t.Cleanup(l.top.close)
	return l
}

// newUser returns a thread that is an ordinary user's, and in no group of root's.
func newUser(t testing.TB) apart {
	t.Helper()
	user := newApart(t)
	must(t, user.do(func() error {
		for _, call := range [][4]uintptr{{unix.SYS_SETGROUPS, 0, 0, 0}, {unix.SYS_SETRESGID, ordinary, ordinary, ordinary}, {unix.SYS_SETRESUID, ordinary, ordinary, ordinary}} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 { // of this thread alone
				return errno
			}
		}
		return nil
	}))
	return user
}

// machineForFuzz tells a model what it has to know of this machine.
func machineForFuzz(t testing.TB) fuzz.Machine {
	t.Helper()
	m := fuzz.Machine{CPUs: runtime.NumCPU(), Mems: 2}
	for _, s := range got(containerfs.ReadStatus())(t).Subsystems {
		m.Subsystems = append(m.Subsystems, s.Name)
	}
	return m
}

// Do does a step.
func (l *live) Do(o fuzz.Op) (fuzz.Errno, error) {
	var err error
	if o.User {
		err = l.user.do(func() error { return l.do(o) })
	} else {
		err = l.do(o)
	}
	if errno, is := errors.AsType[syscall.Errno](err); is {
		return errno, nil
	}
	return 0, err
}

func (l *live) do(o fuzz.Op) error {
	a := append(o.Args, "", "")
	switch o.Verb {
	case "mount":
		return unix.Mount("fuzz", l.at(a[0]), containerfs.Type, 0, a[1])
	case "remount":
		return unix.Mount("fuzz", l.at(a[0]), containerfs.Type, unix.MS_REMOUNT, a[1])
	case "umount":
		l.closeTree(a[0])
		return unix.Unmount(l.at(a[0]), 0)
	case "mkdir":
		return onceFree(l.at(a[0]), func() error { return unix.Mkdir(l.at(a[0]), 0o755) })
	case "rmdir":
		return unix.Rmdir(l.at(a[0]))
	case "rename":
		return onceFree(l.at(a[1]), func() error { return unix.Rename(l.at(a[0]), l.at(a[1])) })
	case "write":
		return writeOnce(l.at(a[0]), a[1])
	case "own":
		return l.own(l.at(a[0]), map[string]int{"root": 0, "user": ordinary}[a[1]])
	case "mode":
		mode, err := strconv.ParseUint(a[1], 8, 12)
		if err != nil {
			return err
		}
		return unix.Chmod(l.at(a[0]), uint32(mode))
	case "set":
		return writeOnce(numtasksParameters+a[0], a[1])
	case "cpu":
		cpu, err := strconv.Atoi(a[0])
		if err != nil {
			return err
		}
		return writeOnce(cpuFile(cpu), map[string]string{"on": "1", "off": "0"}[a[1]])
	case "move":
		return writeOnce(l.at(a[0]), strconv.Itoa(l.number(a[1])))
	case "fork", "thread", "clone":
		return l.bear(o.Verb, l.actors[a[0]], a[1])
	}
	name := a[0]
	if o.Verb == "enter" {
		name = a[1]
	}
	who := l.actors[name]
	if who == nil {
		return fmt.Errorf("there is no task %s", name)
	}
	switch o.Verb {
	case "enter":
		return l.enter(who, l.at(a[0]))
	case "ask":
		var set unix.CPUSet
		for _, cpu := range fuzz.CPUs(a[1]) {
			set.Set(cpu)
		}
		return unix.SchedSetaffinity(who.tid, &set)
	case "unshare":
		_, err := l.call(who, unix.SYS_UNSHARE, unix.CLONE_NEWUTS)
		return err
	case "drop":
		_, err := l.call(who, unix.SYS_SETRESUID, ordinary, ordinary, ordinary)
		return err
	case "exec":
		return l.exec(who)
	case "exit":
		l.stage.End(who.part)
		return nil
	case "end":
		return unix.Kill(who.pid, unix.SIGKILL)
	case "reap":
		l.kill(who.pid)
		return nil
	}
	return fmt.Errorf("there is no step %s", o.Verb)
}

// own changes the owner of a file, or of a directory and its files.
func (l *live) own(path string, uid int) error {
	if err := unix.Chown(path, uid, -1); err != nil {
		return err
	}
	files, err := os.ReadDir(path)
	if errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	for _, f := range files {
		if !f.IsDir() {
			err = errors.Join(err, unix.Chown(path+"/"+f.Name(), uid, -1))
		}
	}
	return err
}

// at is the place of a path on this machine, where containers that are called after who was born have the numbers.
func (l *live) at(path string) string {
	if strings.Contains(path, "/=") {
		names := strings.Split(path, "/")
		for i, number := range l.born {
			for k, name := range names {
				if name == fuzz.BirthName(i+1) {
					names[k] = strconv.Itoa(number)
				}
			}
		}
		path = strings.Join(names, "/")
	}
	return l.dir + "/" + path
}

// named is the reverse of that: a path, or a name, with the names of births in place of numbers.
func (l *live) named(path string) string {
	if !strings.ContainsAny(path, "0123456789") {
		return path
	}
	names := strings.Split(path, "/")
	for k, name := range names {
		number, gone := strings.CutSuffix(name, " (deleted)")
		if n, err := strconv.Atoi(number); err == nil {
			if i := slices.Index(l.born, n); i >= 0 {
				names[k] = fuzz.BirthName(i + 1)
				if gone {
					names[k] += " (deleted)"
				}
			}
		}
	}
	return strings.Join(names, "/")
}

// number is that of a task, or nobody's.
func (l *live) number(name string) int {
	if who := l.actors[name]; who != nil {
		return who.tid
	}
	return nobodysNumber
}

func (l *live) call(who *actor, number uintptr, args ...uintptr) (uintptr, error) {
	return l.stage.Call(who.part, who.pid, number, args...)
}

// bear makes a process or a thread, whose maker is one of us if nil.
func (l *live) bear(verb string, maker *actor, name string) error {
	child := &actor{name: name, part: l.freePart()}
	var err error
	switch {
	case maker == nil:
		child.tid, err = l.stage.Fork(child.part)
	case verb == "fork":
		child.tid, err = l.stage.Child(maker.part, maker.pid, child.part, 0)
	case verb == "clone":
		child.tid, err = l.stage.Child(maker.part, maker.pid, child.part, unix.CLONE_NEWUTS)
	default:
		child.tid, err = l.stage.Thread(maker.part, maker.pid, child.part)
		child.pid = maker.pid
	}
	if err != nil {
		return err
	}
	if child.pid == 0 {
		child.pid = child.tid
	}
	l.born = append(l.born, child.tid)
	old := l.actors[name]
	l.actors[name] = child
	if old != nil {
		return old.awaitEnd()
	}
	return nil
}

// awaitEnd waits until a thread that was told to end has done so. Else whoever gets its part next could tell it, instead, what to do.
func (a *actor) awaitEnd() error {
	a.proc.close()
	thread := fmt.Sprintf("/proc/%d/task/%d", a.pid, a.tid)
	if !within(patience, func() bool { return unix.Access(thread, unix.F_OK) == unix.ENOENT }) {
		return fmt.Errorf("the thread %s has not ended", a.name)
	}
	return nil
}

// freePart is one that nobody plays.
func (l *live) freePart() int {
	for n := range bare.Parts {
		taken := false
		for _, a := range l.actors {
			taken = taken || a.part == n
		}
		if !taken {
			return n
		}
	}
	panic("too many tasks")
}

// enter has a task write 0 to a file.
func (l *live) enter(who *actor, path string) error {
	fd, err := l.call(who, unix.SYS_OPENAT, atCWD, l.stage.Text(who.part, path), unix.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = l.call(who, unix.SYS_WRITE, fd, l.stage.Text(who.part, "0"), 1)
	if _, closeErr := l.call(who, unix.SYS_CLOSE, fd); err == nil {
		err = closeErr
	}
	return err
}

// exec has a process execute a program, and waits until it does.
func (l *live) exec(who *actor) error {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	l.stage.Tell(who.part, unix.SYS_EXECVE, address(&sleepPath[0]), address(&sleepArgv), address(&sleepEnvv))
	if !within(patience, func() bool {
		program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", who.pid))
		return err == nil && program != self || bare.Dead(who.pid)
	}) {
		answer, err := l.stage.Answer(who.part)
		status, statusErr := os.ReadFile(fmt.Sprintf("/proc/%d/status", who.pid))
		return fmt.Errorf("%s has not executed its program: answered %v, %w\n%s%w", who.name, answer, err, status, statusErr)
	}
	return nil
}

// kill ends a process, which may be dead, and forgets its tasks.
func (l *live) kill(pid int) {
	kill(pid)
	for name, a := range l.actors {
		if a.pid == pid {
			a.proc.close()
			delete(l.actors, name)
		}
	}
}

// writeOnce writes text in one write(2), also if it is empty.
func writeOnce(path, text string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(text))
	return err
}

// Await looks until check is content.
func (l *live) Await(patience time.Duration, check func(fuzz.View) string) (string, error) {
	for end, pause := time.Now().Add(patience), 100*time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		v, err := l.see()
		if err != nil {
			return "", err
		}
		what := check(v)
		if what == "" || time.Now().After(end) {
			return what, nil
		}
		time.Sleep(pause)
	}
}

// onceFree does what takes a name. The name of a container that has deleted itself is free a moment after it has gone from sight.
func onceFree(path string, take func() error) (err error) {
	within(patience, func() bool {
		err = take()
		return err != unix.EEXIST || unix.Access(path, unix.F_OK) == nil
	})
	return err
}

// Reset ends all tasks, removes and unmounts everything, and sets the parameters as they are when a sequence begins.
func (l *live) Reset() error {
	for _, point := range fuzz.Points {
		writeOnce(l.at(point)+"/release_agent", "\n")
	}
	l.killAll()
	l.born = nil
	var errs []error
	for _, point := range fuzz.Points {
		l.closeTree(point)
		for unix.Unmount(l.at(point), 0) == nil {
		}
		// With nothing mounted it is a directory like others, that several workers may have filled or removed.
		errs = append(errs, os.RemoveAll(l.at(point)), os.Mkdir(l.at(point), 0o755))
	}
	// What has containers left is active yet. Mounted again it can be taken apart.
	active, err := activeHierarchies()
	errs = append(errs, err)
	for _, h := range active {
		errs = append(errs, l.takeApart(h))
	}
	active, err = activeHierarchies()
	errs = append(errs, err)
	if len(active) > 0 {
		errs = append(errs, fmt.Errorf("hierarchies are left: %+v", active))
	}
	for cpu := 1; cpu < runtime.NumCPU(); cpu++ {
		errs = append(errs, writeOnce(cpuFile(cpu), "1"))
	}
	errs = append(errs, writeOnce(numtasksParameters+"forkrate", "unlimited"),
		writeOnce(numtasksParameters+"total_numtasks", strconv.Itoa(fuzz.TotalTasks)), os.WriteFile(releaseLog, nil, 0o644))
	return errors.Join(errs...)
}

func (l *live) killAll() {
	for _, a := range l.actors {
		kill(a.pid)
		a.proc.close()
	}
	clear(l.actors)
}

// takeApart ends an active hierarchy.
func (l *live) takeApart(h containerfs.HierarchyStatus) error {
	point := l.at(fuzz.Points[0])
	if err := mountActive(point, h); err != nil {
		return err
	}
	writeOnce(point+"/release_agent", "\n")
	err := removeDirs(point)
	return errors.Join(err, os.NewSyscallError("umount", unix.Unmount(point, 0)))
}

// removeDirs removes the directories below one. A container that has just lost its tasks may need a moment.
func removeDirs(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if err := removeDirs(path); err != nil && !os.IsNotExist(err) {
			return err
		}
		var last error
		within(patience, func() bool { last = unix.Rmdir(path); return last != unix.EBUSY })
		if last != nil && last != unix.ENOENT {
			tasks, _ := os.ReadFile(path + "/tasks")
			return fmt.Errorf("rmdir %s: %w (tasks %q)", path, last, bytes.Fields(tasks))
		}
	}
	return nil
}
