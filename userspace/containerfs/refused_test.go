package containerfs

import (
	"errors"
	"io/fs"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The tests of this file run on the host, where newTree makes ordinary files that look like a hierarchy and refuse says what the kernel
// would, and in a guest, where both ask the kernel.

// entry is a container that a test needs, with what its files say. Parents come first, and what a value needs comes before it.
type entry struct {
	path   string
	values []Setting
}

// refusal is something that the kernel does not take.
type refusal struct {
	path, file, text string
	errno            unix.Errno
	kind             error
	words            string // of the sentence; DIR is the hierarchy's directory
}

// wantRefusals writes each text, and wants it refused with that reason.
func wantRefusals(t *testing.T, h Hierarchy, refusals []refusal) {
	t.Helper()
	for _, r := range refusals {
		err := refuse(h.Container(r.path), r)
		words := strings.ReplaceAll(r.words, "DIR", h.Dir)
		var e *Error
		if !errors.As(err, &e) || e.Err != r.errno || r.kind != nil && !errors.Is(e, r.kind) || !strings.Contains(e.Error(), words) {
			t.Errorf("%q to %s of %s: got %v, want errno %v, kind %v, and %q", r.text, r.file, r.path, err, r.errno, r.kind, words)
			continue
		}
		if r.errno == unix.ENOSPC && strings.Contains(e.Error(), "device") {
			t.Errorf("%v reads like a full disk", e)
		}
	}
}

// sleeper is a process that does nothing until the end of the test.
func sleeper(t *testing.T) (pid int) {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd.Process.Pid
}

// cpusetEntries are cpusets on four CPUs and two nodes. a is exclusive and has a child; b has its memory for itself.
func cpusetEntries(prefix string) []entry {
	entries := []entry{
		{"/a", []Setting{{"cpus", "2-3"}, {"mems", "1"}, {"cpu_exclusive", "1"}}},
		{"/a/c", []Setting{{"cpus", "3"}, {"mems", ""}, {"cpu_exclusive", "1"}}},
		{"/b", []Setting{{"cpus", "0-1"}, {"mems", "0"}, {"mem_exclusive", "1"}}},
		{"/d", []Setting{{"cpus", "1"}, {"mems", "1"}}},
		{"/empty", []Setting{{"cpus", ""}, {"mems", ""}}},
	}
	for _, e := range entries {
		for i := range e.values {
			e.values[i].Name = prefix + e.values[i].Name
		}
	}
	return entries
}

func TestCpusetReasons(t *testing.T) {
	h := newTree(t, Options{Subsystems: []string{"cpuset"}, NoCloneChildren: true}, cpusetEntries("cpuset."))
	pid := sleeper(t)
	put(t, h.Container("/d"), pid)
	wantRefusals(t, h, []refusal{
		{"/b", "cpuset.cpus", "1-2", unix.EINVAL, ErrOverlap, "CPUs 2 are also DIR/a's"},
		{"/empty", "cpuset.mems", "0", unix.EINVAL, ErrOverlap, "memory nodes 0 are also DIR/b's"},
		{"/d", "cpuset.mem_exclusive", "1", unix.EINVAL, ErrOverlap, "memory nodes 1 are also DIR/a's"},
		{"/b", "cpuset.cpu_exclusive", "1", unix.EINVAL, ErrOverlap, "CPUs 1 are also DIR/d's"},
		{"/b", "cpuset.cpu_exclusive", "2", unix.EINVAL, ErrInvalid, "it is 0 or 1"},
		{"/b", "cpuset.cpus", "nonsense", unix.EINVAL, ErrInvalid, `"nonsense" is no list of CPUs`},
		{"/a/c", "cpuset.cpus", "1-3", unix.EACCES, fs.ErrPermission, "CPUs 1 are not among its parent's, which are 2-3"},
		{"/a/c", "cpuset.mems", "0", unix.EACCES, nil, "memory nodes 0 are not among its parent's, which are 1"},
		{"/a/c", "cpuset.mem_exclusive", "1", unix.EACCES, nil, "its parent DIR/a is not mem_exclusive"},
		{"/a", "cpuset.cpus", "2", unix.EBUSY, ErrBusy, "DIR/a/c below it has CPUs 3"},
		{"/a", "cpuset.cpu_exclusive", "0", unix.EBUSY, ErrBusy, "DIR/a/c below it is cpu_exclusive"},
		{"/d", "cpuset.cpus", "", unix.ENOSPC, ErrEmptyCpuset, "they cannot be empty while the container is in use: 1 task, first " + strconv.Itoa(pid) + " sleep"},
		{"/", "cpuset.cpus", "0", unix.EACCES, nil, "the root always has all CPUs"},
		{"/", "cpuset.cpu_exclusive", "0", unix.EACCES, nil, "the root is always cpu_exclusive"},
		{"/empty", "tasks", strconv.Itoa(pid), unix.ENOSPC, ErrEmptyCpuset, "cannot move " + strconv.Itoa(pid) + " into DIR/empty: its cpus are empty"},
		{"/a/c", "tasks", strconv.Itoa(pid), unix.ENOSPC, ErrEmptyCpuset, "cannot move " + strconv.Itoa(pid) + " into DIR/a/c: its mems are empty"},
	})
}

func TestCpusetWithoutPrefix(t *testing.T) {
	h := newTree(t, Options{Subsystems: []string{"cpuset"}, NoPrefix: true, NoCloneChildren: true}, cpusetEntries(""))
	cpus, err := h.Container("/a").Cpuset().CPUs()
	if err != nil || cpus.String() != "2-3" {
		t.Errorf("got %v, %v", cpus, err)
	}
	wantRefusals(t, h, []refusal{{"/b", "cpus", "1-2", unix.EINVAL, ErrOverlap, "CPUs 2 are also DIR/a's"}})
}

func TestSharesReasons(t *testing.T) {
	const file = "numtasks.shares"
	shares := func(text string) []Setting { return []Setting{{file, text}} }
	h := newTree(t, Options{Subsystems: []string{"numtasks"}}, []entry{
		{"/a", shares("res=numtasks,min_shares=60,max_shares=-3,child_shares_divisor=50")},
		{"/a/c", shares("res=numtasks,min_shares=20,max_shares=40,child_shares_divisor=100")},
		{"/b", shares("res=numtasks,min_shares=-3,max_shares=-3,child_shares_divisor=100")},
	})
	wantRefusals(t, h, []refusal{
		{"/", file, "min_shares=5", unix.EINVAL, ErrInvalid, "the root has no parent"},
		{"/a", file, "max_shares=50", unix.EINVAL, ErrInvalid, "min_shares 60 would exceed max_shares 50"},
		{"/a", file, "max_shares=101", unix.EINVAL, ErrInvalid, "max_shares 101 would exceed the 100 that DIR"},
		{"/b", file, "min_shares=41", unix.EINVAL, ErrInvalid, "the min_shares would be 101"},
		{"/a", file, "child_shares_divisor=0", unix.EINVAL, ErrInvalid, "at least 1"},
		{"/a", file, "child_shares_divisor=30", unix.EINVAL, ErrInvalid, "has max_shares 40"},
		{"/a", file, "nonsense=3", unix.EINVAL, ErrInvalid, `there is no "nonsense"`},
		{"/a", file, "min_shares=x", unix.EINVAL, ErrInvalid, `cannot write "min_shares=x" to DIR/a/numtasks.shares: min_shares: "x" is not a number`},
	})
}

func TestLimitReason(t *testing.T) {
	h := newTree(t, Options{None: true, Name: "limit"}, []entry{
		{"/a", []Setting{{fileMaxDescendants, "2"}}}, {"/a/b", []Setting{{fileMaxDescendants, "max"}}}, {"/a/c", nil},
	})
	err := refuseCreate(h.Container("/a/b/d"))
	if !errors.Is(err, ErrLimit) || !errors.Is(err, unix.EAGAIN) || !strings.Contains(err.Error(), h.Dir+"/a is 2, and it has 2 containers below it") {
		t.Errorf("got %v", err)
	}
}

func TestSettings(t *testing.T) {
	h := newTree(t, Options{Subsystems: []string{"cpuset", "cpuacct"}, NoCloneChildren: true}, []entry{
		{"/a", []Setting{{"cpuset.cpus", "0-1"}, {"cpuset.mems", "1"}, {"cpuset.cpu_exclusive", "1"}, {fileNotifyOnRelease, "1"}}},
	})
	got, err := h.Container("/a").Settings()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, s := range got {
		at[s.Name] = i + 1
		if want, ok := map[string]string{"cpuset.cpus": "0-1", "cpuset.mems": "1", "cpuset.cpu_exclusive": "1", fileNotifyOnRelease: "1"}[s.Name]; ok && s.Value != want {
			t.Errorf("%s is %q, want %q", s.Name, s.Value, want)
		}
	}
	if at["cpuset.cpus"] == 0 || at["cpuset.mems"] == 0 || at[fileNotifyOnRelease] == 0 || at["cpuset.cpu_exclusive"] < max(at["cpuset.cpus"], at["cpuset.mems"]) {
		t.Errorf("got %v: something is missing, or a flag comes before the lists", got)
	}
	if at[fileTasks] != 0 || at["cpuacct.usage"] != 0 || at["cpuset.memory_pressure"] != 0 {
		t.Errorf("got %v, in which something is no setting", got)
	}
}

func TestErrorSentence(t *testing.T) {
	e := fail("move 412 into", "/c/a", unix.ESRCH)
	if got := e.Error(); got != "cannot move 412 into /c/a: there is no such task, or it is exiting" {
		t.Errorf("got %q", got)
	}
	if !errors.Is(e, ErrNoTask) || !errors.Is(e, unix.ESRCH) || errors.Is(e, ErrBusy) {
		t.Errorf("%v is not what it should be", e)
	}
	e = fail("remove", "/c/a", unix.EBUSY).because(&Busy{Tasks: []int{412, 413, 500}, First: Task{Comm: "sh"}})
	if got := e.Error(); got != "/c/a is busy: 3 tasks, first 412 sh" {
		t.Errorf("got %q", got)
	}
	e = fail("remove", "/c/a", unix.EBUSY).because(&Busy{})
	if got := e.Error(); !strings.Contains(got, "kernel still holds") {
		t.Errorf("got %q", got)
	}
	if e := fail("open", "/c/a", unix.EACCES); !errors.Is(e, fs.ErrPermission) || e.Error() != "cannot open /c/a: permission denied" {
		t.Errorf("got %v", e)
	}
}
