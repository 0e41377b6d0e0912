//go:build !guest

package containerfs

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
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

// newTree makes a tree of ordinary files with what the kernel would have in a hierarchy with these options.
func newTree(t *testing.T, o Options, entries []entry) Hierarchy {
	t.Helper()
	files := map[string]string{"tasks": "", "cpuacct.usage": "0"}
	prefix := "cpuset."
	if o.NoPrefix {
		prefix = ""
	}
	for name, value := range map[string]string{"cpus": "0-3", "mems": "0-1", "cpu_exclusive": "1", "mem_exclusive": "1"} {
		files[prefix+name] = value
	}
	files["numtasks.shares"] = "res=numtasks,min_shares=-2,max_shares=-2,child_shares_divisor=100"
	files[fileMaxDescendants] = "max"
	for _, e := range entries {
		dir := strings.TrimPrefix(e.path, "/") + "/"
		files[dir+fileTasks], files[dir+"cpuacct.usage"], files[dir+prefix+"memory_pressure"] = "", "0", "0"
		files[dir+prefix+"cpu_exclusive"], files[dir+prefix+"mem_exclusive"] = "0", "0"
		for _, v := range e.values {
			files[dir+v.Name] = v.Value
		}
	}
	return fakeTree(t, files)
}

// put says that a task is in a container.
func put(t *testing.T, c Container, pid int) {
	t.Helper()
	if err := os.WriteFile(c.File(fileTasks), []byte(strconv.Itoa(pid)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// refuse returns the error that the library would make of the kernel's.
func refuse(c Container, r refusal) error {
	e := fail("write "+strconv.Quote(r.text)+" to", c.File(r.file), r.errno)
	if r.file == fileTasks {
		pid, _ := strconv.Atoi(r.text)
		e.Op, e.Path = "move "+r.text+" into", c.Dir()
		return e.because(c.whyNotAttached(pid, e))
	}
	return c.explainWrite(e, r.file, r.text)
}

// refuseCreate is the same of a container that is not made.
func refuseCreate(c Container) error {
	return fail("make", c.Dir(), unix.EAGAIN).because(c.whyNotCreated(unix.EAGAIN))
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

// What the guest's kernel has no case of: a CPU that is there and offline, and causes that have gone when they are looked for.
func TestReasonsAfterTheFact(t *testing.T) {
	h := newTree(t, Options{Subsystems: []string{"cpuset"}}, cpusetEntries("cpuset."))
	wantRefusals(t, h, []refusal{
		{"/b", "cpuset.cpus", "5", unix.ENOSPC, ErrEmptyCpuset, "none of CPUs 5 is online"},
		{"/b", fileTasks, "1", unix.ENOSPC, ErrEmptyCpuset, "the cpuset would have no CPUs or no memory nodes"},
	})
	if err := refuseCreate(h.Container("/e")); errors.Is(err, ErrLimit) {
		t.Errorf("got %v where nothing is limited", err)
	}
}

func TestSettingsOfBeanCounters(t *testing.T) {
	h := fakeTree(t, map[string]string{"bc.numfiles.barrier": "5", "bc.numfiles.limit": "9", "bc.numfiles.failcnt": "3"})
	got, err := h.Root().Settings()
	if err != nil || len(got) != 1 || got[0] != (Setting{"bc.numfiles.barrier", "5:9"}) {
		t.Errorf("got %v, %v", got, err)
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
