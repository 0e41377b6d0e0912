//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

func TestFileModes(t *testing.T) {
	begin(t)
	h := mount(t, named("modes"))
	a := mkdir(t, h.Root(), "a")
	root := map[string]os.FileMode{"tasks": 0o644, "procs": 0o644, "notify_on_release": 0o644, "clone_children": 0o644,
		"max_descendants": 0o644}
	below := maps.Clone(root)
	maps.Copy(below, map[string]os.FileMode{"events": 0o444, "auto_delete": 0o644, "kill": 0o200})
	root["release_agent"] = 0o644
	wantFiles(t, a, below)
	wantFiles(t, h.Root(), root)
}

// wantFiles fails the test unless the container has exactly these files, with these modes, owned by root.
func wantFiles(t testing.TB, c containerfs.Container, want map[string]os.FileMode) {
	t.Helper()
	seen := 0
	for _, e := range got(os.ReadDir(c.Dir()))(t) {
		if e.IsDir() {
			continue
		}
		seen++
		info := got(e.Info())(t)
		mode, expected := want[e.Name()]
		if !expected {
			t.Errorf("%s: unexpected file", c.File(e.Name()))
		} else if info.Mode() != mode {
			t.Errorf("%s: mode %o, want %o", c.File(e.Name()), info.Mode(), mode)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 || st.Gid != 0 {
			t.Errorf("%s: owned by %d:%d, want root", c.File(e.Name()), st.Uid, st.Gid)
		}
	}
	if seen != len(want) {
		t.Errorf("%s: %d files, want %d", c.Dir(), seen, len(want))
	}
}

func TestFilesOfNewContainer(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("new")).Root(), "a")
	for name, want := range map[string]string{"tasks": "", "procs": "", "notify_on_release": "0\n", "clone_children": "1\n",
		"events": "populated 0\n", "max_descendants": "max\n", "auto_delete": "0\n"} {
		if text := string(got(os.ReadFile(a.File(name)))(t)); text != want {
			t.Errorf("%s: got %q, want %q", name, text, want)
		}
	}
	if text := string(got(os.ReadFile(a.Hierarchy.Root().File("release_agent")))(t)); text != "\n" {
		t.Errorf("release_agent: got %q, want an empty line", text)
	}
}

func TestWriteNonsense(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("nonsense")).Root(), "a")
	pid := sleeper(t)
	long := strings.Repeat("1", 200)
	tests := []struct {
		file, text string
		want       unix.Errno
	}{
		{"tasks", "\n", unix.EINVAL},
		{"tasks", " ", unix.EINVAL},
		{"tasks", "x", unix.EINVAL},
		{"tasks", "-1", unix.EINVAL},
		{"tasks", fmt.Sprintf("%d x", pid), unix.EINVAL},
		{"tasks", fmt.Sprintf("%d\n%d\n", pid, pid), unix.EINVAL},
		{"tasks", fmt.Sprintf("%d\x00", pid), unix.EINVAL},
		{"tasks", "4294967297", unix.EINVAL},
		{"tasks", "99999999999999999999999", unix.EINVAL},
		{"tasks", "1.5", unix.EINVAL},
		{"tasks", long, unix.E2BIG},
		{"tasks", strings.Repeat("1", 5000), unix.E2BIG},
		{"tasks", "4194305", unix.ESRCH},
		{"procs", "x", unix.EINVAL},
		{"procs", "-7", unix.EINVAL},
		{"procs", long, unix.E2BIG},
		{"procs", "4194305", unix.ESRCH},
		{"notify_on_release", "2", unix.EINVAL},
		{"notify_on_release", "-1", unix.EINVAL},
		{"notify_on_release", "yes", unix.EINVAL},
		{"notify_on_release", "\n", unix.EINVAL},
		{"notify_on_release", "1 1", unix.EINVAL},
		{"notify_on_release", long, unix.E2BIG},
		{"notify_on_release", strings.Repeat("0", 5000), unix.E2BIG},
		{"auto_delete", "2", unix.EINVAL},
		{"auto_delete", "-1", unix.EINVAL},
		{"auto_delete", "on", unix.EINVAL},
		{"auto_delete", long, unix.E2BIG},
		{"max_descendants", long, unix.E2BIG},
		{"kill", "0", unix.EINVAL},
		{"kill", "2", unix.EINVAL},
		{"kill", "-1", unix.EINVAL},
		{"kill", "x", unix.EINVAL},
		{"kill", "\n", unix.EINVAL},
		{"kill", "1\x00", unix.EINVAL},
		{"kill", long, unix.E2BIG},
		{"release_agent", "/" + strings.Repeat("x", 4095), unix.E2BIG},
		{"release_agent", "/" + strings.Repeat("x", 9000), unix.E2BIG},
		{"release_agent", "/" + strings.Repeat("x", 4094), 0},
		{"release_agent", "/" + strings.Repeat("x", 4094) + "\n", 0},
		{"release_agent", "/a\n/b\n", unix.EINVAL},
	}
	for _, tt := range tests {
		c := a
		if tt.file == "release_agent" {
			c = a.Hierarchy.Root() // which alone has it
		}
		wantError(t, c.Write(tt.file, tt.text), tt.want, "write of %.40q (%d bytes) to %s", tt.text, len(tt.text), tt.file)
	}
	wantTasks(t, a)
	wantPath(t, pid, "name=nonsense", "/")
}

func TestWriteWithWhiteSpace(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("blanks")).Root(), "a")
	for _, format := range []string{"%d", "%d\n", " %d\n", "%d \n"} {
		pid := sleeper(t)
		must(t, a.Write("tasks", fmt.Sprintf(format, pid)))
		wantTasks(t, a, pid)
		kill(pid)
	}
	for text, want := range map[string]bool{"1": true, "0\n": false, "1\n": true, "0": false} {
		must(t, a.Write("notify_on_release", text))
		if on := got(a.NotifyOnRelease())(t); on != want {
			t.Errorf("notify_on_release after %q: %v", text, on)
		}
	}
}

// All files take numbers in the same way: decimal, or hexadecimal after 0x, without a sign.
func TestNumbers(t *testing.T) {
	begin(t)
	h := mount(t, named("numbers"))
	a := mkdir(t, h.Root(), "a")
	pid := sleeper(t)
	for _, format := range []string{"%d", "0x%x", "0X%X", "0%d", "000%d"} {
		for _, file := range []string{"tasks", "procs"} {
			must(t, a.Write(file, fmt.Sprintf(format, pid)))
			wantTasks(t, a, pid)
			must(t, h.Root().Write(file, fmt.Sprintf(format+"\n", pid)))
			wantTasks(t, a)
		}
		must(t, a.Write("notify_on_release", fmt.Sprintf(format, 1)))
		must(t, a.Write("notify_on_release", "0"))
	}
	for _, format := range []string{"+%d", " +%d", "-%d", "0x", "x%x", "%d.", "0x0x%x", "%dk", "%d,", "0x+%x", "%d\n\n1"} {
		text := format
		if strings.Contains(format, "%") {
			text = fmt.Sprintf(format, 1)
		}
		for _, file := range []string{"tasks", "procs", "notify_on_release", "clone_children"} {
			wantError(t, a.Write(file, text), unix.EINVAL, "write of %q to %s", text, file)
		}
	}
	for _, text := range []string{"-0", "+0"} {
		for _, file := range []string{"tasks", "procs", "notify_on_release", "clone_children"} {
			wantError(t, a.Write(file, text), unix.EINVAL, "write of %q to %s", text, file)
		}
	}
	wantTasks(t, a)
}

// Root is root: no permissions that a delegated owner sets can keep it out.
func TestRootIsNotLockedOut(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("root")).Root(), "a")
	pid := sleeper(t)
	for _, name := range []string{"tasks", "procs", "notify_on_release", "clone_children"} {
		for _, mode := range []os.FileMode{0, 0o444, 0o222} {
			must(t, os.Chmod(a.File(name), mode))
			if _, err := a.ReadString(name); err != nil {
				t.Errorf("read of %s with mode %o: %v", name, mode, err)
			}
			text := "1"
			if name == "tasks" || name == "procs" {
				text = fmt.Sprint(pid)
			}
			if err := a.Write(name, text); err != nil {
				t.Errorf("write of %s with mode %o: %v", name, mode, err)
			}
		}
		must(t, os.Chmod(a.File(name), 0))
		err := asUser(t, 1000, 1000, 1000, func() error { _, err := a.ReadString(name); return err })
		wantError(t, err, unix.EACCES, "read of %s as an ordinary user", name)
		err = asUser(t, 1000, 1000, 1000, func() error { return a.Write(name, "1") })
		wantError(t, err, unix.EACCES, "write of %s as an ordinary user", name)
	}
	kill(pid)
}

// An open file's listing counts as locked memory of the user who has opened it. He can open as many as he likes, but where his limit has
// no room the listing is not kept, but made when it is read.
func TestListingsAreCounted(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("counted")).Root(), "a")
	crowd, _ := threaded(t, 100)
	must(t, a.AttachProc(crowd))
	page := os.Getpagesize()
	const kept, opens = 8, 30
	var files []*os.File
	var old unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old))
	limit := unix.Rlimit{Cur: uint64(kept * page), Max: old.Max}
	must(t, unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit))
	defer unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old)
	open := func() error {
		for range opens {
			f, err := os.Open(a.File("tasks"))
			if err != nil {
				return err
			}
			files = append(files, f)
		}
		return nil
	}
	for _, uid := range []int{1000, 1001} { // each has his own limit
		files = nil
		must(t, asUser(t, uid, uid, uid, open))
		late := sleeper(t)
		must(t, a.Attach(late))
		fresh := 0
		for i, f := range files {
			text := readInPieces(t, f)
			if n := strings.Count(text, "\n"); strings.HasSuffix(text, fmt.Sprintln(late)) {
				fresh++
				if n != 102 {
					t.Errorf("file %d, made when it is read: %d lines", i, n)
				}
			} else if n != 101 {
				t.Errorf("file %d, made when it was opened: %d lines", i, n)
			}
		}
		if fresh != opens-kept {
			t.Errorf("user %d: %d of %d listings are not kept, want %d", uid, fresh, opens, opens-kept)
		}
		for _, f := range files {
			f.Close()
		}
		// What was kept has been given back.
		files = nil
		must(t, asUser(t, uid, uid, uid, open))
		later := sleeper(t)
		must(t, a.Attach(later))
		if text := readInPieces(t, files[kept-1]); strings.HasSuffix(text, fmt.Sprintln(later)) {
			t.Error("after all were closed fewer are kept")
		}
		for _, f := range files {
			f.Close()
		}
		kill(late)
		kill(later)
	}
	kill(crowd)
}

func TestNotifyOnReleaseInherited(t *testing.T) {
	begin(t)
	h := mount(t, named("inherit"))
	off := mkdir(t, h.Root(), "off")
	must(t, h.Root().SetNotifyOnRelease(true))
	on := mkdir(t, h.Root(), "on")
	must(t, h.Root().SetNotifyOnRelease(false))
	below := mkdir(t, on, "below")
	for c, want := range map[containerfs.Container]bool{off: false, on: true, below: true, h.Root(): false} {
		if is := got(c.NotifyOnRelease())(t); is != want {
			t.Errorf("%s: notify_on_release is %v, want %v", c.Path, is, want)
		}
	}
}

func TestReleaseAgentFile(t *testing.T) {
	begin(t)
	h := mount(t, named("agentfile"))
	a := mkdir(t, h.Root(), "a")
	_, err := a.ReadString("release_agent")
	wantError(t, err, unix.ENOENT, "release_agent below the root")
	for _, path := range []string{"/bin/agent", "/with blanks/in it", ""} {
		must(t, h.SetReleaseAgent(path))
		wantAgent(t, h, path)
	}
	must(t, h.Root().Write("release_agent", "/no/newline"))
	wantAgent(t, h, "/no/newline")
}

// Whoever owns the file must not be able to have a program run with the kernel's power (CVE-2022-0492).
func TestReleaseAgentNeedsPrivilege(t *testing.T) {
	begin(t)
	h := mount(t, named("cve"))
	file := h.Root().File("release_agent")
	must(t, h.SetReleaseAgent("/bin/good"))
	must(t, os.Chown(file, 1000, 1000))
	must(t, os.Chmod(file, 0o666))

	err := asUser(t, 1000, 1000, 1000, func() error { return writeFile(file, "/bin/evil") })
	wantError(t, err, unix.EPERM, "write as the file's owner")

	err = asUser(t, 1000, 0, 0, func() error { return writeFile(file, "/bin/better") })
	wantError(t, err, 0, "write with the capability")
	wantAgent(t, h, "/bin/better")

	p := start(t, inUserNamespace(), nil, "write", file, "/bin/evil")
	wantError(t, p.result(t), unix.EPERM, "write as root of another user namespace")

	ours := got(os.OpenFile(file, os.O_WRONLY, 0))(t)
	defer ours.Close()
	p = start(t, inUserNamespace(), []*os.File{ours}, "writefd", "/bin/evil")
	wantError(t, p.result(t), unix.EPERM, "write to a privileged opener's file as root of another user namespace")

	theirs := openAs(t, 1000, file)
	_, err = theirs.WriteString("/bin/evil")
	wantError(t, err, unix.EPERM, "write by root to an ordinary opener's file")
	wantAgent(t, h, "/bin/better")
}

// openAs returns a file opened for writing by an ordinary user.
func openAs(t testing.TB, uid int, path string) *os.File {
	t.Helper()
	var f *os.File
	must(t, asUser(t, uid, uid, uid, func() (err error) {
		f, err = os.OpenFile(path, os.O_WRONLY, 0)
		return err
	}))
	t.Cleanup(func() { f.Close() })
	return f
}

func TestRemovedUnderOpenFile(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("gone")).Root(), "a")
	type open struct {
		name string
		file *os.File
	}
	var files []open
	for _, name := range []string{"tasks", "procs", "notify_on_release", "clone_children", "max_descendants", "auto_delete"} {
		f := got(os.OpenFile(a.File(name), os.O_RDWR, 0))(t)
		defer f.Close()
		files = append(files, open{name, f})
	}
	must(t, a.Remove())
	for _, o := range files {
		_, err := o.file.Read(make([]byte, 10))
		wantError(t, err, unix.ENODEV, "read of %s", o.name)
		_, err = o.file.WriteString("0")
		wantError(t, err, unix.ENODEV, "write of %s", o.name)
	}
	must(t, a.Create()) // the files stay those of the container that was
	for _, o := range files {
		_, err := o.file.WriteString("0")
		wantError(t, err, unix.ENODEV, "write of %s after another container took the name", o.name)
	}
}

func TestListingFixedAtOpen(t *testing.T) {
	for _, name := range []string{"tasks", "procs"} {
		t.Run(name, func(t *testing.T) {
			begin(t)
			a := mkdir(t, mount(t, named("fixed")).Root(), "a")
			var want string
			for range 5 {
				pid := sleeper(t)
				must(t, a.Attach(pid))
				want += fmt.Sprintln(pid)
			}
			f := got(os.Open(a.File(name)))(t)
			defer f.Close()
			must(t, a.Attach(sleeper(t)))
			if text := readInPieces(t, f); text != want {
				t.Errorf("read after a sixth task came: got %q, want %q", text, want)
			}
			got(f.Seek(0, io.SeekStart))(t)
			if text := readInPieces(t, f); text != want {
				t.Errorf("read once more: got %q, want %q", text, want)
			}
			if tasks := got(a.Tasks())(t); len(tasks) != 6 {
				t.Errorf("a new open shows %v", tasks)
			}
		})
	}
}

// readInPieces reads a file three bytes at a time.
func readInPieces(t testing.TB, f *os.File) string {
	t.Helper()
	var text []byte
	for piece := make([]byte, 3); ; {
		n, err := f.Read(piece)
		text = append(text, piece[:n]...)
		if errors.Is(err, io.EOF) {
			return string(text)
		}
		must(t, err)
	}
}

// More than fits in a page.
func TestLongListing(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("long")).Root(), "a")
	pid, tids := threaded(t, 1200)
	must(t, a.AttachProc(pid))
	wantTasks(t, a, tids...)
	wantProcs(t, a, pid) // once
	kill(pid)
}

func TestWriteOnlyAndReadOnlyOpens(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("opens")).Root(), "a")
	err := asUser(t, 1000, 1000, 1000, func() error { return a.Attach(0) })
	wantError(t, err, unix.EACCES, "open of root's tasks for writing, as an ordinary user")
	err = asUser(t, 1000, 1000, 1000, func() error { _, err := a.Tasks(); return err })
	wantError(t, err, 0, "reading tasks as an ordinary user")
}

func TestFilesCannotBeMadeOrRemoved(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("fixedfiles")).Root(), "a")
	if err := os.Remove(a.File("tasks")); err == nil {
		t.Error("tasks could be removed")
	}
	if f, err := os.Create(a.File("new")); err == nil {
		f.Close()
		t.Error("a file could be made")
	}
	if err := os.Symlink("tasks", a.File("link")); err == nil {
		t.Error("a symbolic link could be made")
	}
	if err := os.Link(a.File("tasks"), filepath.Join(a.Dir(), "hard")); err == nil {
		t.Error("a link could be made")
	}
}
