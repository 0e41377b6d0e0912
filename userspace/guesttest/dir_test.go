//go:build guest

package guesttest

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/guesttest/bare"
)

func TestMkdirErrors(t *testing.T) {
	begin(t)
	h := mount(t, named("mkdir"))
	a := mkdir(t, h.Root(), "a")
	tests := []struct {
		path string
		want unix.Errno
	}{
		{"new\nline", unix.EINVAL},
		{"\n", unix.EINVAL},
		{"a", unix.EEXIST},
		{"tasks", unix.EEXIST},
		{"missing/b", unix.ENOENT},
		{"tasks/b", unix.ENOTDIR},
		{strings.Repeat("n", 256), unix.ENAMETOOLONG},
		{strings.Repeat("n", 255), 0},
		{"with blank", 0},
		{"with:colon", 0},
		{"with,comma", 0},
	}
	for _, tt := range tests {
		wantError(t, h.Container(tt.path).Create(), tt.want, "mkdir %.20q", tt.path)
	}
	if s := hierarchyStatus(t, "name=mkdir"); s.Containers != 6 {
		t.Errorf("%d containers, want the root, a and four more", s.Containers)
	}
	must(t, a.Remove())
}

func TestRmdirErrors(t *testing.T) {
	begin(t)
	h := mount(t, named("rmdir"))
	a := mkdir(t, h.Root(), "a", "a/b")
	wantError(t, a.Remove(), unix.EBUSY, "rmdir with a child")
	must(t, a.Child("b").Remove())
	pid := sleeper(t)
	must(t, a.Attach(pid))
	wantError(t, a.Remove(), unix.EBUSY, "rmdir with a task")
	must(t, h.Root().Attach(pid))
	must(t, a.Remove())
	wantError(t, a.Remove(), unix.ENOENT, "rmdir of a removed container")
	wantError(t, unix.Rmdir(h.Root().File("tasks")), unix.ENOTDIR, "rmdir of a file")
	if err := unix.Rmdir(h.Dir); err == nil {
		t.Error("the root could be removed")
	}
}

func TestRmdirIgnoresZombies(t *testing.T) {
	begin(t)
	h := mount(t, named("zombie"))
	a := mkdir(t, h.Root(), "a")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	killUnreaped(t, pid)
	wantTasks(t, a)
	wantPath(t, pid, "name=zombie", "/a") // where it died
	must(t, a.Remove())
	text := string(got(os.ReadFile(procContainer(pid)))(t))
	if text != "name=zombie:/a (deleted)\n" {
		t.Errorf("/proc/PID/container of a zombie whose container is gone: got %q", text)
	}
	must(t, mkdir(t, h.Root(), "a").Remove()) // the name is free again
	reap(pid)
}

func TestRemovedTreeOfZombie(t *testing.T) {
	begin(t)
	h := mount(t, named("tree"))
	a := mkdir(t, h.Root(), "a", "a/b")
	pid := sleeper(t)
	must(t, a.Child("b").Attach(pid))
	killUnreaped(t, pid)
	must(t, a.Child("b").Remove())
	must(t, a.Remove())
	if text := string(got(os.ReadFile(procContainer(pid)))(t)); text != "name=tree:/a/b (deleted)\n" {
		t.Errorf("got %q, want the path that it had", text)
	}
	must(t, h.Unmount()) // the zombie does not keep the hierarchy
	if text := string(got(os.ReadFile(procContainer(pid)))(t)); text != "" {
		t.Errorf("/proc/PID/container of a zombie when the hierarchy is gone: got %q", text)
	}
	reap(pid)
}

func TestRename(t *testing.T) {
	begin(t)
	h := mount(t, named("rename"))
	mkdir(t, h.Root(), "a", "b", "a/c", "d")
	pid := sleeper(t)
	must(t, h.Container("/a/c").Attach(pid))
	dir := func(path string) string { return h.Container(path).Dir() }
	tests := []struct {
		from, to string
		want     unix.Errno
	}{
		{dir("/a"), dir("/a2"), 0},
		{dir("/a2"), dir("/b"), unix.EEXIST},
		{dir("/a2"), h.Root().File("tasks"), unix.ENOTDIR},
		{dir("/d"), dir("/a2/d"), unix.EIO},
		{dir("/a2/c"), dir("/c"), unix.EIO},
		{dir("/a2"), dir("/new\nline"), unix.EINVAL},
		{h.Root().File("tasks"), h.Root().File("jobs"), unix.EPERM},
		{dir("/missing"), dir("/x"), unix.ENOENT},
	}
	for _, tt := range tests {
		wantError(t, unix.Rename(tt.from, tt.to), tt.want, "rename %q to %q", tt.from, tt.to)
	}
	wantPath(t, pid, "name=rename", "/a2/c")
	wantTasks(t, h.Container("/a2/c"), pid)
	for _, path := range []string{"/b", "/d", "/a2/c"} {
		got(os.Stat(dir(path)))(t)
	}
	kill(pid)
}

func TestOwnership(t *testing.T) {
	begin(t)
	h := mount(t, named("owner"))
	a := mkdir(t, h.Root(), "a")
	err := asUser(t, 1000, 1000, 1000, a.Child("b").Create)
	wantError(t, err, unix.EACCES, "mkdir in root's container as an ordinary user")

	must(t, os.Chown(a.Dir(), 1000, 1000))
	must(t, asUser(t, 1000, 1000, 1000, a.Child("b").Create))
	for _, path := range []string{a.Child("b").Dir(), a.Child("b").File("tasks"), a.Child("b").File("procs"), a.Child("b").File("notify_on_release")} {
		if uid := owner(t, path); uid != 1000 {
			t.Errorf("%s belongs to %d, want its maker", path, uid)
		}
	}
	if uid := owner(t, a.File("tasks")); uid != 0 {
		t.Errorf("chown of a directory gave its tasks to %d", uid)
	}

	// Delegated: the owner puts own tasks into own containers, and removes them.
	var pid int
	must(t, asUser(t, 1000, 1000, 1000, func() (err error) { pid, err = bare.Spawn(bare.Sleeps); return err }))
	must(t, asUser(t, 1000, 1000, 1000, func() error { return a.Child("b").Attach(pid) }))
	wantTasks(t, a.Child("b"), pid)
	kill(pid)
	wantError(t, asUser(t, 1001, 1001, 1001, a.Child("b").Remove), unix.EACCES, "rmdir in another's container")
	must(t, asUser(t, 1000, 1000, 1000, a.Child("b").Remove))

	must(t, os.Chmod(a.File("tasks"), 0o600))
	if mode := got(os.Stat(a.File("tasks")))(t).Mode(); mode != 0o600 {
		t.Errorf("mode after chmod: %o", mode)
	}
}

func owner(t testing.TB, path string) int {
	t.Helper()
	return int(got(os.Stat(path))(t).Sys().(*syscall.Stat_t).Uid)
}

func TestLinkCounts(t *testing.T) {
	begin(t)
	h := mount(t, named("links"))
	mkdir(t, h.Root(), "a", "a/b", "c")
	for path, want := range map[string]uint64{"/": 4, "/a": 3, "/c": 2} {
		st := got(os.Stat(h.Container(path).Dir()))(t).Sys().(*syscall.Stat_t)
		if uint64(st.Nlink) != want {
			t.Errorf("%s: %d links, want %d", path, st.Nlink, want)
		}
	}
}

func TestDeepTree(t *testing.T) {
	begin(t)
	h := mount(t, named("deep"))
	const depth = 256
	c := h.Container(strings.Repeat("/d", depth))
	// Each is made and removed from the one above it: by whole paths all that are above would be gone through each time.
	above := []int{got(unix.Open(h.Root().Dir(), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))(t)}
	for i := range depth {
		must(t, unix.Mkdirat(above[i], "d", 0o755))
		above = append(above, got(unix.Openat(above[i], "d", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))(t))
	}
	wantError(t, c.Child("d").Create(), unix.EAGAIN, "mkdir below the deepest container")
	pid := sleeper(t)
	must(t, c.Attach(pid))
	wantPath(t, pid, "name=deep", strings.Repeat("/d", depth))
	if s := hierarchyStatus(t, "name=deep"); s.Containers != depth+1 {
		t.Errorf("%d containers, want %d", s.Containers, depth+1)
	}
	kill(pid)
	for i := depth; i > 0; i-- {
		must(t, unix.Close(above[i]))
		must(t, unix.Unlinkat(above[i-1], "d", unix.AT_REMOVEDIR))
	}
	must(t, unix.Close(above[0]))
}
