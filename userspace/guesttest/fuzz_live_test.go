//go:build guest

package guesttest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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

// escaped is how /proc/mounts shows a byte that would end the field, or an option of it.
var escaped = regexp.MustCompile(`\\[0-3][0-7]{2}`)

// live is this machine's kernel as package fuzz drives and sees it.
type live struct {
	dir    string // of the points
	stage  *bare.Stage
	actors map[string]*actor
	buf    []byte
}

// actor is a task of a sequence.
type actor struct {
	name     string
	pid, tid int
	part     int
}

// nobodysNumber is the number of no task: the kernel gives none that large.
const nobodysNumber = 4194305

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
func newLive(t testing.TB) *live {
	t.Helper()
	l := newWorker(t, tempDir(t))
	for _, program := range fuzz.Agents {
		must(t, os.WriteFile(program, []byte("#!/bin/sh\necho \"$0 $1\" >> "+releaseLog+"\n"), 0o755))
		t.Cleanup(func() { os.Remove(program) })
	}
	t.Cleanup(func() { os.Remove(releaseLog) })
	setParameter(t, "total_numtasks", strconv.Itoa(fuzz.TotalTasks))
	t.Cleanup(func() { setParameter(t, "total_numtasks", "unlimited") })
	t.Cleanup(func() { must(t, l.Reset()) })
	must(t, l.Reset())
	return l
}

// newWorker returns the machine once more, for another who has tasks of his own.
func newWorker(t testing.TB, dir string) *live {
	t.Helper()
	return &live{dir: dir, stage: got(bare.NewStage())(t), actors: map[string]*actor{}, buf: make([]byte, 1<<16)}
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
	err := l.do(o)
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
		return unix.Unmount(l.at(a[0]), 0)
	case "mkdir":
		return unix.Mkdir(l.at(a[0]), 0o755)
	case "rmdir":
		return unix.Rmdir(l.at(a[0]))
	case "rename":
		return unix.Rename(l.at(a[0]), l.at(a[1]))
	case "write":
		return writeOnce(l.at(a[0]), a[1])
	case "move":
		return writeOnce(l.at(a[0]), strconv.Itoa(l.number(a[1])))
	case "fork", "thread":
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

// at is the place of a path on this machine.
func (l *live) at(path string) string { return l.dir + "/" + path }

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
		child.tid, err = l.stage.Child(maker.part, maker.pid, child.part)
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
	l.actors[name] = child
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
		return fmt.Errorf("%s has not executed its program", who.name)
	}
	return nil
}

// kill ends a process, which may be dead, and forgets its tasks.
func (l *live) kill(pid int) {
	kill(pid)
	for name, a := range l.actors {
		if a.pid == pid {
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

// see returns all that can be seen.
func (l *live) see() (fuzz.View, error) {
	v := fuzz.View{"released": l.released()}
	names := map[string]string{}
	for _, a := range l.actors {
		names[strconv.Itoa(a.tid)] = a.name
	}
	keys, err := l.seeStatus(v)
	if err != nil {
		return nil, err
	}
	if err := l.seeMounts(v, names); err != nil {
		return nil, err
	}
	for _, a := range l.actors {
		l.seeTask(v, a, keys)
		if cpusets := slices.ContainsFunc(keys, func(key string) bool { return slices.Contains(strings.Split(key, ","), "cpuset") }); cpusets {
			l.seePlace(v, a)
		}
	}
	return v, nil
}

// read returns the content of a file.
func (l *live) read(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	n := 0
	for {
		got, err := unix.Read(fd, l.buf[n:])
		if err != nil {
			return "", err
		}
		if n += got; got == 0 || n == len(l.buf) {
			return string(l.buf[:n]), nil
		}
	}
}

// released is what release agents have recorded.
func (l *live) released() string {
	text, _ := l.read(releaseLog)
	return fuzz.Released(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }))
}

// seeStatus adds what /proc/containers says, and returns the keys of the hierarchies.
func (l *live) seeStatus(v fuzz.View) ([]string, error) {
	status, err := containerfs.ReadStatus()
	if err != nil {
		return nil, err
	}
	keys := map[int]string{}
	var all []string
	for _, h := range status.Hierarchies {
		key := keyOf(containerfs.Membership{Subsystems: h.Subsystems, Name: h.Name})
		keys[h.ID] = key
		all = append(all, key)
		v["hierarchy "+key] = fmt.Sprintf("containers=%d subsystems=%s name=%s", h.Containers, strings.Join(h.Subsystems, ","), h.Name)
	}
	for _, s := range status.Subsystems {
		v["subsystem "+s.Name] = fmt.Sprintf("hierarchy=%s containers=%d active=%d", keys[s.Hierarchy], s.Containers, map[bool]int{true: 1}[s.Active])
	}
	return all, nil
}

// seeMounts adds what is mounted, and once for each superblock what is in it.
func (l *live) seeMounts(v fuzz.View, names map[string]string) error {
	mounts, err := l.read("/proc/self/mounts")
	if err != nil {
		return err
	}
	shown := map[uint64]bool{}
	for line := range strings.SplitSeq(mounts, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 4 || filepath.Dir(fields[1]) != l.dir {
			continue
		}
		point := filepath.Base(fields[1])
		v["mount "+point] = escaped.ReplaceAllStringFunc(strings.TrimPrefix(fields[3], "rw,relatime,"), func(code string) string {
			n, _ := strconv.ParseUint(code[1:], 8, 8)
			return string([]byte{byte(n)})
		})
	}
	for _, point := range fuzz.Points {
		if _, mounted := v["mount "+point]; !mounted {
			continue
		}
		var st unix.Stat_t
		if err := unix.Stat(l.at(point), &st); err != nil {
			return err
		}
		if !shown[st.Dev] {
			l.seeDir(v, point, true, names)
		}
		shown[st.Dev] = true
	}
	return nil
}

// seeDir adds a directory and what is below it. What goes meanwhile is not there.
func (l *live) seeDir(v fuzz.View, dir string, root bool, names map[string]string) {
	entries, err := os.ReadDir(l.at(dir))
	if err != nil {
		return
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
		path := dir + "/" + e.Name()
		switch {
		case e.IsDir():
			l.seeDir(v, path, false, names)
		case e.Name() == "kill": // is not for reading
		default:
			text, err := l.read(l.at(path))
			switch {
			case err != nil:
				text = err.Error()
			case e.Name() == "tasks" || e.Name() == "procs":
				text = fuzz.Tasks(taskNames(text, root, names))
			}
			v[path] = text
		}
	}
	v[dir] = fuzz.List(all)
}

// taskNames turns a listing of numbers into names. The root has tasks that are not ours.
func taskNames(text string, root bool, names map[string]string) []string {
	var all []string
	for number := range strings.FieldsSeq(text) {
		if name, known := names[number]; known {
			all = append(all, name)
		} else if !root {
			all = append(all, number)
		}
	}
	return all
}

// seeTask adds where a task is. A thread that has gone is nowhere.
func (l *live) seeTask(v fuzz.View, a *actor, keys []string) {
	text, err := l.read(fmt.Sprintf("/proc/%d/task/%d/container", a.pid, a.tid))
	if err != nil {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		for _, key := range keys {
			if path, is := strings.CutPrefix(line, key+":"); is {
				v["task "+a.name+" "+key] = path
			}
		}
	}
}

// seePlace adds where a live task runs and has its memory from.
func (l *live) seePlace(v fuzz.View, a *actor) {
	text, err := l.read(fmt.Sprintf("/proc/%d/task/%d/status", a.pid, a.tid))
	if err != nil {
		return
	}
	status := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		key, value, _ := strings.Cut(line, ":\t")
		status[key] = value
	}
	if !strings.HasPrefix(status["State"], "Z") {
		v["status "+a.name] = fmt.Sprintf("cpus %s mems %s", status["Cpus_allowed_list"], status["Mems_allowed_list"])
	}
}

// Reset ends all tasks, and removes and unmounts everything.
func (l *live) Reset() error {
	for _, point := range fuzz.Points {
		writeOnce(l.at(point)+"/release_agent", "\n")
	}
	l.killAll()
	var errs []error
	for _, point := range fuzz.Points {
		for unix.Unmount(l.at(point), 0) == nil {
		}
		// With nothing mounted it is a directory like others, that several workers may have filled or removed.
		errs = append(errs, os.RemoveAll(l.at(point)), os.Mkdir(l.at(point), 0o755))
	}
	// What has containers left is active yet. Mounted again it can be taken apart.
	status, err := containerfs.ReadStatus()
	errs = append(errs, err)
	for _, h := range status.Hierarchies {
		errs = append(errs, l.takeApart(h))
	}
	status, err = containerfs.ReadStatus()
	errs = append(errs, err)
	if len(status.Hierarchies) > 0 {
		errs = append(errs, fmt.Errorf("hierarchies are left: %+v", status.Hierarchies))
	}
	if err := os.WriteFile(releaseLog, nil, 0o644); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (l *live) killAll() {
	for _, a := range l.actors {
		kill(a.pid)
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
