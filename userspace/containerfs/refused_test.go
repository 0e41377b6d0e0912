package containerfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeTree makes ordinary directories and files that look like a hierarchy, for what only reads it: the finding of reasons.
func fakeTree(t *testing.T, files map[string]string) Hierarchy {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	magic = int64(st.Type)
	t.Cleanup(func() { magic = Magic })
	return Hierarchy{Dir: dir}
}

// cpusets are four cpusets: a is exclusive and has a child, b and empty are its siblings.
func cpusets(t *testing.T) Hierarchy {
	files := map[string]string{}
	for path, set := range map[string][4]string{ // cpus, mems, cpu_exclusive, mem_exclusive
		"": {"0-7", "0-1", "1", "1"}, "a/": {"2-3", "1", "1", "0"}, "a/c/": {"3", "", "0", "0"},
		"b/": {"0-1", "0-1", "0", "1"}, "empty/": {"", "", "0", "0"},
	} {
		for i, name := range []string{"cpus", "mems", "cpu_exclusive", "mem_exclusive"} {
			files[path+"cpuset."+name] = set[i]
		}
		files[path+"tasks"] = ""
	}
	files["a/tasks"] = "1"
	return fakeTree(t, files)
}

func TestCpusetReasons(t *testing.T) {
	h := cpusets(t)
	for _, tt := range []struct {
		path, file, text string
		errno            unix.Errno
		kind             error
		words            string
	}{
		{"/b", "cpus", "1-2", unix.EINVAL, ErrOverlap, "CPUs 2 are also " + h.Dir + "/a's"},
		{"/empty", "mems", "0", unix.EINVAL, ErrOverlap, "memory nodes 0 are also " + h.Dir + "/b's"},
		{"/b", "mem_exclusive", "1", unix.EINVAL, ErrOverlap, "memory nodes 1 are also " + h.Dir + "/a's"},
		{"/b", "cpu_exclusive", "2", unix.EINVAL, ErrInvalid, "it is 0 or 1"},
		{"/b", "cpus", "nonsense", unix.EINVAL, ErrInvalid, `"nonsense" is no list of CPUs`},
		{"/b", "cpus", "7-9", unix.EACCES, nil, "CPUs 8-9 are not among its parent's, which are 0-7"},
		{"/a/c", "mems", "0", unix.EACCES, nil, "memory nodes 0 are not among its parent's, which are 1"},
		{"/", "cpus", "0", unix.EACCES, nil, "the root always has all CPUs"},
		{"/a", "cpus", "2", unix.EBUSY, ErrBusy, h.Dir + "/a/c below it has CPUs 3"},
		{"/a", "cpus", "", unix.ENOSPC, ErrEmptyCpuset, "they cannot be empty while the container is in use: 1 task, first 1 "},
		{"/b", "cpus", "5", unix.ENOSPC, ErrEmptyCpuset, "none of CPUs 5 is online"},
		{"/a/c", "mem_exclusive", "1", unix.EACCES, nil, "its parent " + h.Dir + "/a is not mem_exclusive"},
		{"/", "cpu_exclusive", "0", unix.EBUSY, ErrBusy, h.Dir + "/a below it is cpu_exclusive"},
	} {
		c := h.Container(tt.path)
		name := "cpuset." + tt.file
		e := c.explainWrite(fail("write to", c.File(name), tt.errno), name, tt.text)
		if tt.kind != nil && !errors.Is(e, tt.kind) || !errors.Is(e, tt.errno) || !strings.Contains(e.Error(), tt.words) {
			t.Errorf("%q to %s of %s: got %v, want %v with %q", tt.text, tt.file, tt.path, e, tt.kind, tt.words)
		}
		if strings.Contains(e.Error(), "device") {
			t.Errorf("%v reads like a full disk", e)
		}
	}
	e := fail("move 1 into", h.Dir, unix.ENOSPC)
	e = e.because(h.Container("/empty").whyNotAttached(1, e))
	if !errors.Is(e, ErrEmptyCpuset) || !strings.HasSuffix(e.Error(), "its cpus are empty") {
		t.Errorf("moving into an empty cpuset: %v", e)
	}
	e = fail("move 1 into", h.Dir, unix.ENOSPC)
	e = e.because(h.Container("/a/c").whyNotAttached(1, e))
	if !strings.HasSuffix(e.Error(), "its mems are empty") {
		t.Errorf("moving into a cpuset without memory: %v", e)
	}
	// Nothing that can be seen explains it: still no full disk.
	e = fail("move 1 into", h.Dir, unix.ENOSPC)
	if e = e.because(h.Container("/b").whyNotAttached(1, e)); strings.Contains(e.Error(), "device") {
		t.Errorf("%v reads like a full disk", e)
	}
}

func TestCpusetWithoutPrefix(t *testing.T) {
	h := fakeTree(t, map[string]string{"cpus": "0-3", "mems": "0", "a/cpus": "1", "a/cpu_exclusive": "1", "b/cpus": "", "b/cpu_exclusive": "0"})
	cpus, err := h.Root().Cpuset().CPUs()
	if err != nil || cpus.String() != "0-3" {
		t.Errorf("got %v, %v", cpus, err)
	}
	c := h.Container("/b")
	if e := c.explainWrite(fail("write to", c.File("cpus"), unix.EINVAL), "cpus", "1"); !errors.Is(e, ErrOverlap) {
		t.Errorf("got %v", e)
	}
}

func TestBCReasons(t *testing.T) {
	h := fakeTree(t, map[string]string{"bc.resources": "numfiles 3 7 256 512 0", "bc.numfiles.barrier": "256"})
	for _, tt := range []struct{ file, text, words string }{
		{"bc.numfiles.barrier", "600", "the barrier 600 would be above the limit 512"},
		{"bc.numfiles.limit", "100", "the barrier 256 would be above the limit 100"},
		{"bc.numfiles.limit", "100:50", "the barrier 100 would be above the limit 50; 50:100 sets both"},
		{"bc.numfiles.limit", "many", `"many" is not a number`},
		{"bc.numfiles.limit", "9223372036854775808", "is more than there can be"},
	} {
		c := h.Root()
		e := c.explainWrite(fail("write to", c.File(tt.file), unix.EINVAL), tt.file, tt.text)
		if !errors.Is(e, ErrInvalid) || !strings.Contains(e.Error(), tt.words) {
			t.Errorf("%q to %s: got %v, want %q", tt.text, tt.file, e, tt.words)
		}
	}
}

func TestLimitReason(t *testing.T) {
	h := fakeTree(t, map[string]string{"max_descendants": "max", "a/max_descendants": "2", "a/b/max_descendants": "max", "a/c/tasks": ""})
	err := h.Container("/a/b/d").whyNotCreated(unix.EAGAIN)
	if !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), h.Dir+"/a is 2, and it has 2 containers below it") {
		t.Errorf("got %v", err)
	}
	if err := h.Container("/e").whyNotCreated(unix.EAGAIN); errors.Is(err, ErrLimit) {
		t.Errorf("got %v where nothing is limited", err)
	}
}

func TestSettings(t *testing.T) {
	h := fakeTree(t, map[string]string{"tasks": "1", "cpuset.cpu_exclusive": "1", "cpuset.cpus": "0-1", "bc.numfiles.barrier": "5",
		"bc.numfiles.limit": "9", "bc.numfiles.failcnt": "3", "cpuacct.usage": "77", "notify_on_release": "1"})
	want := []Setting{{"cpuset.cpus", "0-1"}, {"bc.numfiles.barrier", "5:9"}, {"notify_on_release", "1"}, {"cpuset.cpu_exclusive", "1"}}
	got, err := h.Root().Settings()
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %v, %v; want %v", got, err, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// A name that leads out of the hierarchy, by dots or by a symbolic link, reaches nothing.
func TestNothingEscapes(t *testing.T) {
	h := fakeTree(t, map[string]string{"a/tasks": ""})
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "tasks"), []byte("5\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(h.Dir, "link")); err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(h.Dir, outside)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []Container{h.Container(rel), h.Container("/link"), h.Container("/a/../../" + filepath.Base(outside))} {
		if tasks, err := c.Tasks(); err == nil {
			t.Errorf("%s: read %v", c.Path, tasks)
		}
		if err := c.Child("made").Create(); err == nil {
			t.Errorf("%s: made something", c.Path)
		}
		if err := c.Attach(1); err == nil {
			t.Errorf("%s: wrote", c.Path)
		}
	}
	// Not even where there is something of that name inside.
	c := h.Container("../a")
	_, err = c.Tasks()
	for what, err := range map[string]error{"read": err, "make": c.Create(), "remove": c.Remove(), "write": c.Attach(1)} {
		if !errors.Is(err, ErrEscapes) {
			t.Errorf("%s: %s: %v", c.Path, what, err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(outside, "tasks")); err != nil || string(text) != "5\n" {
		t.Errorf("the file outside says %q, %v", text, err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside there are %v, %v", entries, err)
	}
	if _, err := h.Root().ReadString("../" + filepath.Base(outside) + "/tasks"); !errors.Is(err, ErrEscapes) {
		t.Errorf("a file's name: %v", err)
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
