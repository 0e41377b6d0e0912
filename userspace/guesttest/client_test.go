//go:build guest

package guesttest

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// wantIs fails the test unless err is what, and says so in a sentence with these words.
func wantIs(t testing.TB, err, what error, words string) {
	t.Helper()
	if !errors.Is(err, what) || !strings.Contains(err.Error(), words) {
		t.Errorf("got error %v, want one that is %q and says %q", err, what, words)
	}
}

// The library's own tests, which make do with ordinary files on the host, ask the kernel here.
func TestClientLibrary(t *testing.T) {
	begin(t)
	out, err := run(t, "/containerfs.test", "-test.v")
	if err != nil || !strings.Contains(out, "--- PASS: TestCpusetReasons") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestClientErrors(t *testing.T) {
	begin(t)
	h := mount(t, named("errors"))
	a := mkdir(t, h.Root(), "a", "a/b")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	var busy *containerfs.Busy
	err := a.Remove()
	wantIs(t, err, containerfs.ErrBusy, a.Dir()+" is busy: 1 task, first ")
	if !errors.As(err, &busy) || !slices.Equal(busy.Tasks, []int{pid}) || !slices.Equal(busy.Children, []string{"b"}) {
		t.Errorf("the reason is %+v", busy)
	}
	wantIs(t, h.Root().Remove(), containerfs.ErrBusy, "root of its hierarchy")
	wantIs(t, h.Container("/x").Remove(), fs.ErrNotExist, "no such container")
	wantIs(t, a.Create(), fs.ErrExist, "exists already")
	wantIs(t, h.Container("../a").Create(), containerfs.ErrEscapes, "leads out")
	wantIs(t, a.Write("../notify_on_release", "1\n"), containerfs.ErrEscapes, "leads out")
	wantIs(t, a.Attach(4194305), containerfs.ErrNoTask, "cannot move 4194305 into "+a.Dir())
	wantIs(t, h.Root().Child("a").Attach(kernelThread(t, "kthreadd")), containerfs.ErrInvalid, "kthreadd is a thread of the kernel")
	_, err = a.ReadString("nonsense")
	wantIs(t, err, fs.ErrNotExist, "no such file")
	_, err = a.Rename("../c")
	wantIs(t, err, containerfs.ErrEscapes, "is no name")
	_, err = a.Child("b").Rename("a/b")
	wantIs(t, err, containerfs.ErrEscapes, "is no name")
	_, err = containerfs.ByDir("/tmp")
	wantIs(t, err, containerfs.ErrNotMounted, "outside of all hierarchies")
	_, err = containerfs.ByName("nobody")
	wantIs(t, err, containerfs.ErrNotMounted, "there is none of that name")

	tasks := got(os.Open(a.Child("b").File("tasks")))(t)
	defer tasks.Close()
	must(t, a.Child("b").Remove())
	_, err = tasks.Read(make([]byte, 10))
	wantError(t, err, unix.ENODEV, "an open file of a removed container")
}

// Nothing is made or written where no hierarchy is mounted, though there is such a directory.
func TestClientNotMounted(t *testing.T) {
	begin(t)
	dir := tempDir(t)
	h := containerfs.Hierarchy{Dir: dir}
	must(t, os.WriteFile(filepath.Join(dir, "notify_on_release"), []byte("x"), 0o600))
	wantIs(t, h.Container("/a").Create(), containerfs.ErrNotMounted, dir)
	wantIs(t, h.Root().SetNotifyOnRelease(true), containerfs.ErrNotMounted, dir)
	_, err := h.Root().Tasks()
	wantIs(t, err, containerfs.ErrNotMounted, dir)
	must(t, unix.Mkfifo(filepath.Join(dir, "tasks"), 0o600)) // to open it would wait for a reader
	wantIs(t, h.Root().Attach(0), containerfs.ErrNotMounted, dir)
	if text := got(os.ReadFile(filepath.Join(dir, "notify_on_release")))(t); string(text) != "x" {
		t.Errorf("an ordinary file was written to: %q", text)
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an ordinary directory was made: %v", err)
	}
}

// What is mounted over a container, or leads elsewhere, is not taken for a part of the hierarchy.
func TestClientDoesNotFollow(t *testing.T) {
	begin(t)
	h := mount(t, named("escape"))
	a := mkdir(t, h.Root(), "a")
	elsewhere := tempDir(t)
	must(t, os.WriteFile(filepath.Join(elsewhere, "tasks"), nil, 0o600))
	must(t, unix.Mount(elsewhere, a.Dir(), "", unix.MS_BIND, ""))
	defer unix.Unmount(a.Dir(), 0)
	wantIs(t, a.Attach(0), containerfs.ErrNotMounted, a.Dir())
	wantIs(t, a.Child("b").Create(), containerfs.ErrNotMounted, a.Dir())
}

// A part of a hierarchy that is mounted elsewhere is used like a hierarchy.
func TestClientBindMount(t *testing.T) {
	begin(t)
	h := mount(t, named("bind"))
	b := mkdir(t, h.Root(), "a", "a/b").Child("b")
	dir := tempDir(t)
	must(t, unix.Mount(h.Container("/a").Dir(), dir, "", unix.MS_BIND, ""))
	defer unix.Unmount(dir, 0)
	c := got(containerfs.ByDir(dir + "/b"))(t)
	pid := sleeper(t)
	must(t, c.Attach(pid))
	wantTasks(t, b, pid)
	if _, err := containerfs.At(dir); !errors.Is(err, containerfs.ErrNotMounted) {
		t.Errorf("a part is taken for a hierarchy: %v", err)
	}
	points := got(containerfs.MountPoints())(t)
	i := slices.IndexFunc(points, func(p containerfs.MountPoint) bool { return p.Dir == dir })
	if i < 0 || points[i].Root != "/a" {
		t.Fatalf("the part is not among %+v", points)
	}
	if reached := got(points[i].Reach("/a/b"))(t); reached != c {
		t.Errorf("/a/b is reached at %v, want %v", reached, c)
	}
	_, err := points[i].Reach("/c")
	wantIs(t, err, containerfs.ErrEscapes, dir)
}

func TestClientDo(t *testing.T) {
	begin(t)
	h := mount(t, named("do"))
	a := mkdir(t, h.Root(), "a", "b")
	inside := func(want string) {
		t.Helper()
		all := got(containerfs.MembershipOfThread(os.Getpid(), unix.Gettid()))(t)
		if len(all) != 1 || all[0].Path != want {
			t.Errorf("the thread is in %+v, want %s", all, want)
		}
	}
	wrong := errors.New("wrong")
	err := a.Do(func() error {
		inside("/a")
		must(t, h.Container("/b").Do(func() error { inside("/b"); return nil }))
		inside("/a")
		return wrong
	})
	if err != wrong {
		t.Errorf("got error %v, want the function's", err)
	}
	inside("/")
	wantTasks(t, a)
	wantIs(t, h.Container("/x").Do(func() error { t.Error("ran nowhere"); return nil }), fs.ErrNotExist, "/x")
}

// A thread that cannot come back does not go on in the container: it ends.
func TestClientDoWithoutWayBack(t *testing.T) {
	begin(t)
	h := mount(t, named("lost"))
	a, b := mkdir(t, h.Root(), "a", "b"), h.Container("/b")
	done := make(chan error)
	go func() {
		// A thread that may end, in a container that will be gone.
		done <- onSpareThread(func() error {
			if err := a.Attach(0); err != nil {
				return err
			}
			return b.Do(a.Remove)
		})
	}()
	wantIs(t, <-done, containerfs.ErrGone, "cannot move the caller back to "+a.Dir())
	eventually(t, "the thread has ended", func() bool { tasks, err := b.Tasks(); return err == nil && len(tasks) == 0 })
}

// onSpareThread runs f on a thread that nobody uses afterwards.
func onSpareThread(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		result <- f()
	}()
	return <-result
}

func TestClientStart(t *testing.T) {
	begin(t)
	h := mount(t, named("start"))
	a := mkdir(t, h.Root(), "a")
	// The child tells where it was born: its first thread has never been anywhere but where the file says, as nobody moves it.
	cmd := exec.Command("/bin/cat", "/proc/self/container", "-")
	stdin := got(cmd.StdinPipe())(t)
	stdout := got(cmd.StdoutPipe())(t)
	must(t, a.Start(cmd))
	line := make([]byte, 100)
	n := got(stdout.Read(line))(t)
	if string(line[:n]) != "name=start:/a\n" {
		t.Errorf("the child is in %q", line[:n])
	}
	if procs := got(a.Procs())(t); !slices.Equal(procs, []int{cmd.Process.Pid}) {
		t.Errorf("processes %v, want the child's %d alone", procs, cmd.Process.Pid)
	}
	stdin.Close()
	must(t, cmd.Wait())
	must(t, a.Remove())
	if err := a.Start(exec.Command("/bin/true")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("started in a removed container: %v", err)
	}
}

func TestClientStartFails(t *testing.T) {
	begin(t)
	h := mount(t, named("start"))
	a := mkdir(t, h.Root(), "a")
	if err := a.Start(exec.Command("/no/such/program")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
	wantTasks(t, a)
}

// Many are started at once, and each is where it is wanted.
func TestClientStartsAtOnce(t *testing.T) {
	begin(t)
	h := mount(t, named("many"))
	const n = 20
	mkdir(t, h.Root(), "a", "b")
	results := make(chan error)
	for i := range n {
		c, want := h.Container("/a"), "name=many:/a\n"
		if i%2 == 1 {
			c, want = h.Container("/b"), "name=many:/b\n"
		}
		go func() {
			out := &strings.Builder{}
			// The shell, as a program in Go takes a second to start on a debug kernel.
			cmd := exec.Command("/bin/sh", "-c", `read -r line </proc/self/container && echo "$line"`)
			cmd.Stdout = out
			err := c.Start(cmd)
			if err == nil {
				err = cmd.Wait()
			}
			if err == nil && out.String() != want {
				err = errors.New("a child is in " + out.String())
			}
			results <- err
		}()
	}
	for range n {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	wantTasks(t, h.Container("/a"))
	wantTasks(t, h.Container("/b"))
}

func TestClientRemoveAll(t *testing.T) {
	begin(t)
	h := mount(t, named("tree"))
	a := mkdir(t, h.Root(), "a", "a/b", "a/b/c", "a/d", "e")
	pid := sleeper(t)
	must(t, a.Child("b/c").Attach(pid))
	wantIs(t, a.RemoveAll(), containerfs.ErrBusy, a.Dir()+"/b/c is busy: 1 task")
	if !exists(a.Child("d")) {
		t.Error("something was removed from a tree that is in use")
	}
	kill(pid)
	must(t, a.RemoveAll())
	must(t, h.Root().RemoveAll())
	if children := got(h.Root().Children())(t); len(children) != 0 {
		t.Errorf("%v are left", children)
	}
	wantIs(t, a.RemoveAll(), fs.ErrNotExist, "no such container")
}

// What is removed while a tree is walked is left out.
func TestClientWalkPastVanishing(t *testing.T) {
	begin(t)
	h := mount(t, named("walk"))
	mkdir(t, h.Root(), "a", "a/b", "c")
	var seen []string
	err := h.Root().Walk(func(c containerfs.Container) error {
		seen = append(seen, c.Path)
		if c.Path == "/a" {
			must(t, c.Child("b").Remove())
			must(t, c.Remove())
		}
		_, err := c.Tasks()
		return err
	})
	if err != nil || !slices.Equal(seen, []string{"/", "/a", "/c"}) {
		t.Errorf("seen %v, %v", seen, err)
	}
}

func TestClientCopySettings(t *testing.T) {
	begin(t)
	h := mount(t, bound("numtasks"))
	a, b := mkdir(t, h.Root(), "a", "b"), h.Container("/b")
	must(t, a.SetNotifyOnRelease(true))
	want := containerfs.Shares{Min: 5, Max: 50, ChildDivisor: 10}
	must(t, a.Numtasks().SetShares(want))
	must(t, b.CopySettings(a))
	if s := got(b.Numtasks().Shares())(t); s != want {
		t.Errorf("shares %+v, want %+v", s, want)
	}
	if on := got(b.NotifyOnRelease())(t); !on {
		t.Error("notify_on_release was not copied")
	}
	must(t, b.CopySettings(h.Root())) // whose shares are of another kind
}

func TestClientFigures(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct", "numtasks"))
	a := mkdir(t, h.Root(), "a")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	f := got(a.Figures([]string{"cpuacct", "numtasks"}))(t)
	if f.Tasks != 1 || f.CPU == nil || f.CPUOwn == nil || *f.CPU < *f.CPUOwn || f.Failures == nil || f.Files != nil {
		t.Errorf("figures %+v", f)
	}
	if s := got(a.Numtasks().Stats())(t); s.Usage != 1 {
		t.Errorf("statistics %+v, want a usage of 1", s)
	}
	acct := a.Cpuacct()
	per := got(acct.UsagePerCPU())(t)
	if len(per) < runtime.NumCPU() {
		t.Errorf("usage of %d CPUs, and there are %d", len(per), runtime.NumCPU())
	}
	load := got(acct.Load())(t)
	times := got(acct.Stat())(t)
	usage := got(acct.Usage())(t)
	if load.Interval < 0 || times.User+times.System > usage {
		t.Errorf("load %+v, times %+v, usage %v", load, times, usage)
	}
	must(t, acct.Reset())
}
