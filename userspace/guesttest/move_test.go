//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

func TestMoveTask(t *testing.T) {
	begin(t)
	h := mount(t, named("move"))
	a, b := mkdir(t, h.Root(), "a", "b"), h.Container("/b")
	pid := sleeper(t)
	for _, c := range []containerfs.Container{a, a, b, h.Root(), b, a} {
		must(t, c.Attach(pid))
		wantPath(t, pid, "name=move", c.Path)
		for _, other := range []containerfs.Container{a, b, h.Root()} {
			listed := slices.Contains(got(other.Tasks())(t), pid)
			if listed != (other == c) {
				t.Errorf("in %s, listed in %s: %v", c.Path, other.Path, listed)
			}
		}
	}
}

func TestMoveZeroIsTheWriter(t *testing.T) {
	begin(t)
	h := mount(t, named("zero"))
	a := mkdir(t, h.Root(), "a")
	onThread(t, func(tid int) {
		if err := a.Attach(0); err != nil {
			t.Error(err)
		}
		if tasks, err := a.Tasks(); err != nil || !slices.Equal(tasks, []int{tid}) {
			t.Errorf("tasks: got %v (%v), want only the writing thread %d", tasks, err, tid)
		}
	})
	p := start(t, nil, nil, "write", a.File("procs"), "0")
	wantError(t, p.result(t), 0, "writing 0 to procs")
	wantProcess(t, a, p.pid)
	p.stop()
}

// wantProcess fails the test unless the container's tasks are the threads of one process, which may be making more.
func wantProcess(t testing.TB, c containerfs.Container, pid int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s has the threads of %d", c.Path, pid), func() bool {
		return slices.Equal(got(c.Tasks())(t), threadsOf(pid))
	})
	wantProcs(t, c, pid)
}

func TestMoveProcess(t *testing.T) {
	begin(t)
	h := mount(t, named("procs"))
	a, b := mkdir(t, h.Root(), "a", "b"), h.Container("/b")
	pid, tids := threaded(t, 5)
	for _, id := range []int{pid, tids[len(tids)-1]} {
		must(t, a.AttachProc(pid))
		wantTasks(t, a, tids...)
		wantProcs(t, a, pid)
		must(t, b.Attach(tids[1]))
		wantTasks(t, b, tids[1])
		wantProcs(t, b, pid) // with one thread of it
		// A thread's number in procs moves its process, as in cgroup v1.
		must(t, b.AttachProc(id))
		wantTasks(t, b, tids...)
		wantTasks(t, a)
	}
	kill(pid)
}

// wantProcs fails the test unless the container has threads of exactly the given processes.
func wantProcs(t testing.TB, c containerfs.Container, want ...int) {
	t.Helper()
	if procs := got(c.Procs())(t); !slices.Equal(procs, want) {
		t.Errorf("procs in %s: got %v, want %v", c.Path, procs, want)
	}
}

func TestMoveExitingTask(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("dying")).Root(), "a")
	pid := sleeper(t)
	killUnreaped(t, pid)
	wantError(t, a.Attach(pid), unix.ESRCH, "attach of a zombie")
	wantError(t, a.AttachProc(pid), unix.ESRCH, "attach of a zombie's process")
	reap(pid)
	wantError(t, a.Attach(pid), unix.ESRCH, "attach of no task")
	wantTasks(t, a)
}

func TestMoveProcessWithDeadLeader(t *testing.T) {
	begin(t)
	h := mount(t, named("leader"))
	a := mkdir(t, h.Root(), "a")
	p := start(t, nil, nil, "deadleader")
	p.line(t)
	if slices.Contains(threadsOf(p.pid), p.pid) {
		t.Fatalf("the first thread of %d is alive", p.pid)
	}
	wantError(t, a.Attach(p.pid), unix.ESRCH, "attach of the dead leader")
	must(t, a.AttachProc(p.pid))
	wantProcess(t, a, p.pid)
	p.stop()

	// It moves no more, so it is not asked whether it may.
	ours := delegated(t, h.Root(), "ours")
	p = start(t, nil, nil, "deadleader", "root")
	p.line(t)
	must(t, asUser(t, ordinary, ordinary, ordinary, func() error { return ours.AttachProc(p.pid) }))
	wantProcess(t, ours, p.pid)
	p.stop()
}

func TestChildStartsWithItsParent(t *testing.T) {
	begin(t)
	h := mount(t, named("born"))
	other := mount(t, named("other"))
	a, b := mkdir(t, h.Root(), "a"), mkdir(t, other.Root(), "b")
	onThread(t, func(tid int) {
		if a.Attach(0) != nil || b.Attach(0) != nil {
			t.Error("cannot attach")
			return
		}
		pid, err := bare.Spawn(bare.Sleeps)
		if err != nil {
			t.Error(err)
			return
		}
		wantPath(t, pid, "name=born", "/a")
		wantPath(t, pid, "name=other", "/b")
		kill(pid)
	})
}

// Who may move whom: by the effective uid of the mover, and the real and saved uids of the task.
func TestMoveNeedsPermission(t *testing.T) {
	tests := []struct {
		name           string
		moverReal      int
		moverEffective int
		real           int
		effective      int
		saved          int
		want           unix.Errno
	}{
		{"root moves anybody's", 0, 0, 1001, 1001, 1001, 0},
		{"effective root suffices", 1000, 0, 1001, 1001, 1001, 0},
		{"one's own", 1000, 1000, 1000, 1000, 1000, 0},
		{"one's own that runs as root", 1000, 1000, 1000, 0, 0, 0},
		{"by the saved uid", 1000, 1000, 0, 0, 1000, 0},
		{"not by the effective uid alone", 1000, 1000, 0, 1000, 0, unix.EACCES},
		{"another's", 1000, 1000, 1001, 1001, 1001, unix.EACCES},
		{"root's", 1000, 1000, 0, 0, 0, unix.EACCES},
		{"the mover's real uid does not count", 1001, 1000, 1001, 1001, 1001, unix.EACCES},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			begin(t)
			a := mkdir(t, mount(t, named("uids")).Root(), "a")
			for _, name := range []string{"tasks", "procs"} {
				must(t, os.Chmod(a.File(name), 0o666))
			}
			var pid int
			must(t, asUser(t, tt.real, tt.effective, tt.saved, func() (err error) {
				pid, err = bare.Spawn(bare.Sleeps)
				return err
			}))
			defer kill(pid)
			for _, name := range []string{"tasks", "procs"} {
				must(t, a.Hierarchy.Root().Attach(pid))
				err := asUser(t, tt.moverReal, tt.moverEffective, tt.moverEffective, func() error {
					return writeFile(a.File(name), strconv.Itoa(pid))
				})
				wantError(t, err, tt.want, "write to %s", name)
				if tt.want == 0 {
					wantTasks(t, a, pid)
				} else {
					wantTasks(t, a)
				}
			}
		})
	}
}

// Permission is judged by whoever opened the file, not by who writes to it (CVE-2021-4197).
func TestMoveByOpenersCredentials(t *testing.T) {
	begin(t)
	h := mount(t, named("opener"))
	a, b := mkdir(t, h.Root(), "a", "b"), h.Container("/b")
	roots := sleeper(t)
	for _, name := range []string{"tasks", "procs"} {
		must(t, os.Chown(a.File(name), 1000, 1000))

		theirs := openAs(t, 1000, a.File(name))
		_, err := fmt.Fprint(theirs, roots)
		wantError(t, err, unix.EACCES, "%s: root writes to a file opened by another", name)
		onThread(t, func(int) {
			_, err := theirs.WriteString("0")
			wantError(t, err, unix.EACCES, "%s: root is tricked into moving itself", name)
		})
		wantTasks(t, a)

		ours := got(os.OpenFile(b.File(name), os.O_WRONLY, 0))(t)
		err = asUser(t, 1000, 1000, 1000, func() error { _, err := fmt.Fprint(ours, roots); return err })
		wantError(t, err, 0, "%s: an ordinary user writes to a file opened by root", name)
		wantTasks(t, b, roots)
		must(t, h.Root().Attach(roots))
		must(t, ours.Close())
	}
}

// The kernel's threads that serve one CPU, and the one that makes all others, stay in the root.
func TestKernelThreads(t *testing.T) {
	begin(t)
	h := mount(t, named("kernel"))
	a := mkdir(t, h.Root(), "a")
	for _, name := range []string{"kthreadd", "migration/0", "ksoftirqd/1", "cpuhp/0"} {
		pid := kernelThread(t, name)
		wantError(t, a.Attach(pid), unix.EINVAL, "attach of %s", name)
		wantError(t, a.AttachProc(pid), unix.EINVAL, "attach of the process %s", name)
		wantPath(t, pid, "name=kernel", "/")
	}
	free := kernelThread(t, "kdevtmpfs")
	must(t, a.Attach(free))
	wantTasks(t, a, free)
	must(t, h.Root().Attach(free))
}

// inPIDNamespace starts a process as the first one of a pid namespace of its own.
func inPIDNamespace() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
}

func TestListingInReadersNamespace(t *testing.T) {
	for _, name := range []string{"tasks", "procs"} {
		t.Run(name, func(t *testing.T) {
			begin(t)
			a := mkdir(t, mount(t, named("pidns")).Root(), "a")
			outside := sleeper(t)
			must(t, a.Attach(outside))
			p := start(t, inPIDNamespace(), nil, "read", a.File(name))
			must(t, a.AttachProc(p.pid))
			p.say(t, "now")
			text := got(strconv.Unquote(p.line(t)))(t)
			lines := strings.Fields(text)
			if len(lines) == 0 || lines[0] != "1" {
				t.Errorf("%s inside: got %q, want 1 first", name, text)
			}
			for _, line := range lines {
				if id := got(strconv.Atoi(line))(t); id >= p.pid || id == outside {
					t.Errorf("%s inside shows %d, which is a number of the namespace outside", name, id)
				}
			}
			if name == "procs" && len(lines) != 1 {
				t.Errorf("procs inside: got %q, want 1 only", text)
			}
			kill(outside)
			p.stop()
		})
	}
}

func TestNumbersAreTheOpeners(t *testing.T) {
	begin(t)
	h := mount(t, named("openerns"))
	a := mkdir(t, h.Root(), "a")
	outside := sleeper(t)

	p := start(t, inPIDNamespace(), nil, "write", a.File("procs"), "1")
	wantError(t, p.result(t), 0, "writing one's own number")
	wantPath(t, p.pid, "name=openerns", "/a")
	p.stop()

	p = start(t, inPIDNamespace(), nil, "write", a.File("tasks"), strconv.Itoa(outside))
	wantError(t, p.result(t), unix.ESRCH, "writing a number that only the namespace outside has")
	p.stop()

	file := got(os.OpenFile(a.File("tasks"), os.O_WRONLY, 0))(t)
	defer file.Close()
	p = start(t, inPIDNamespace(), []*os.File{file}, "writefd", strconv.Itoa(outside))
	wantError(t, p.result(t), 0, "writing to a file that was opened outside")
	wantTasks(t, a, outside)
	p.stop()
}

// exec by a thread makes it the leader: it takes the process's number, and its own place stays.
func TestExecByThread(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("exec")).Root(), "a")
	p := start(t, nil, nil, "threadexec")
	tid := got(strconv.Atoi(p.line(t)))(t)
	must(t, a.Attach(tid))
	p.say(t, "exec")
	if line := p.line(t); line != "ready" {
		t.Fatalf("helper said %q", line)
	}
	wantPath(t, p.pid, "name=exec", "/a")
	wantProcs(t, a, p.pid)
	p.stop()
}
