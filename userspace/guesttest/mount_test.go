//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// maxHierarchies is the kernel's CONFIG_MAX_CONTAINER_HIERARCHIES.
const maxHierarchies = 8

func TestMountMagic(t *testing.T) {
	begin(t)
	h := mount(t, named("magic"))
	var st unix.Statfs_t
	must(t, unix.Statfs(h.Dir, &st))
	if st.Type != 0x27e0eb {
		t.Errorf("filesystem magic: got %#x, want 0x27e0eb", st.Type)
	}
}

func TestMountTwiceIsOneHierarchy(t *testing.T) {
	begin(t)
	first := mount(t, named("twice"))
	mkdir(t, first.Root(), "a")
	second := mount(t, named("twice"))
	if a, b := device(t, first.Dir), device(t, second.Dir); a != b {
		t.Errorf("superblocks differ: devices %d and %d", a, b)
	}
	if children := got(second.Root().Children())(t); len(children) != 1 {
		t.Errorf("children seen through the second mount: got %v, want a", children)
	}
	if n := len(got(containerfs.ReadStatus())(t).Hierarchies); n != 1 {
		t.Errorf("%d hierarchies, want 1", n)
	}
	must(t, second.Unmount())
	must(t, mkdir(t, first.Root(), "b").Remove())
}

// The name alone is enough for the hierarchy that has it, whatever is bound to that. For a new one it means all subsystems.
func TestMountByNameAlone(t *testing.T) {
	begin(t)
	first := mount(t, named("alone"))
	mkdir(t, first.Root(), "a")
	dir := tempDir(t)
	byName := func(name string) error { return unix.Mount("guesttest", dir, containerfs.Type, 0, "name="+name) }
	must(t, byName("alone"))
	if a, b := device(t, first.Dir), device(t, dir); a != b {
		t.Errorf("superblocks differ: devices %d and %d", a, b)
	}
	must(t, unix.Unmount(dir, 0))
	must(t, byName("new"))
	t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
	status := got(containerfs.ReadStatus())(t)
	for _, s := range status.Hierarchies {
		if s.Name == "new" && len(s.Subsystems) != len(status.Subsystems) {
			t.Errorf("a hierarchy begun by its name alone has %v of %v", s.Subsystems, status.Subsystems)
		}
	}
	// All of them are bound now, to a hierarchy of another name.
	other := tempDir(t)
	wantError(t, unix.Mount("guesttest", other, containerfs.Type, 0, "name=third"), unix.EBUSY, "mount by a third name")
}

func device(t testing.TB, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	return uint64(st.Dev)
}

// badOptions are mount options that must be refused, with a word that the explanation must have in it.
var badOptions = []struct {
	name    string
	options []string // as KEY or KEY=VALUE
	want    unix.Errno
	word    string
}{
	{"unknown subsystem", []string{"nosuch"}, unix.ENOENT, "nosuch"},
	{"unknown among others", []string{"none", "name=x", "nosuch"}, unix.ENOENT, "nosuch"},
	{"none without a name", []string{"none"}, unix.EINVAL, "name"},
	{"none and all", []string{"none", "all", "name=x"}, unix.EINVAL, "none"},
	{"two names", []string{"none", "name=x", "name=y"}, unix.EINVAL, "name"},
	{"the same name twice", []string{"none", "name=x", "name=x"}, unix.EINVAL, "name"},
	{"empty name", []string{"none", "name="}, unix.EINVAL, "name"},
	{"name of 65 bytes", []string{"none", "name=" + strings.Repeat("n", 65)}, unix.EINVAL, "name"},
	{"name with a slash", []string{"none", "name=a/b"}, unix.EINVAL, "name"},
	{"name with a blank", []string{"none", "name=a b"}, unix.EINVAL, "name"},
	{"name with a colon", []string{"none", "name=a:b"}, unix.EINVAL, "name"},
	{"name with a newline", []string{"none", "name=a\n"}, unix.EINVAL, "name"},
	{"name with a letter beyond ASCII", []string{"none", "name=ü"}, unix.EINVAL, "name"},
	{"release agent of two lines", []string{"none", "name=x", "release_agent=/bin/x\ny"}, unix.EINVAL, "release agent"},
}

func TestMountBadOptions(t *testing.T) {
	for _, tt := range badOptions {
		t.Run(tt.name, func(t *testing.T) {
			begin(t)
			err := unix.Mount("guesttest", tempDir(t), "container", 0, strings.Join(tt.options, ","))
			wantError(t, err, tt.want, "mount -o %q", tt.options)
		})
	}
}

func TestMountBadOptionsExplained(t *testing.T) {
	for _, tt := range badOptions {
		t.Run(tt.name, func(t *testing.T) {
			begin(t)
			c := openContext(t)
			err := c.setAll(tt.options)
			if err == nil {
				err = c.create()
			}
			wantError(t, err, tt.want, "fsconfig %q", tt.options)
			c.wantMessage(tt.word)
		})
	}
}

func TestMountGoodNames(t *testing.T) {
	for _, name := range []string{"a", "A.b-c_9", ".", "-", strings.Repeat("n", 64)} {
		t.Run(name, func(t *testing.T) {
			begin(t)
			mount(t, named(name))
			if hierarchyStatus(t, "name="+name) == nil {
				t.Errorf("/proc/containers does not show %q", name)
			}
		})
	}
}

// context is a file descriptor of fsopen(2).
type context struct {
	t  *testing.T
	fd int
}

func openContext(t *testing.T) context {
	t.Helper()
	fd, err := unix.Fsopen("container", unix.FSOPEN_CLOEXEC)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	return context{t, fd}
}

// setAll sets options of the form KEY or KEY=VALUE, until one fails.
func (c context) setAll(options []string) error {
	for _, o := range options {
		key, value, isString := strings.Cut(o, "=")
		var err error
		if isString {
			err = unix.FsconfigSetString(c.fd, key, value)
		} else {
			err = unix.FsconfigSetFlag(c.fd, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c context) create() error { return unix.FsconfigCreate(c.fd) }

// wantMessage fails the test unless the kernel has logged an error with the given word.
func (c context) wantMessage(word string) {
	c.t.Helper()
	var messages []string
	for buf := make([]byte, 4096); ; {
		n, err := unix.Read(c.fd, buf)
		if err != nil {
			break // ENODATA: that was all
		}
		messages = append(messages, string(buf[:n]))
	}
	for _, m := range messages {
		if text, ok := strings.CutPrefix(m, "e "); ok && strings.Contains(text, word) {
			return
		}
	}
	c.t.Errorf("no message says %q: %q", word, messages)
}

// A parameter of the wrong type must be refused, not taken for a pointer to a string (CVE-2021-4154).
func TestMountParameterOfWrongType(t *testing.T) {
	for _, key := range []string{"source", "name", "release_agent", "none", "all", "noprefix", "clone_children"} {
		t.Run(key, func(t *testing.T) {
			begin(t)
			null := got(os.Open("/dev/null"))(t)
			defer null.Close()
			c := openContext(t)
			wantError(t, unix.FsconfigSetFd(c.fd, key, int(null.Fd())), unix.EINVAL, "fd for %s", key)
			wantError(t, unix.FsconfigSetBinary(c.fd, key, []byte("x")), unix.EINVAL, "binary for %s", key)
			must(t, c.setAll([]string{"none", "name=still-usable"}))
			must(t, c.create())
			c.mountAndUnmount()
		})
	}
}

// mountAndUnmount attaches a created context somewhere, to end its hierarchy like a user would.
func (c context) mountAndUnmount() {
	c.t.Helper()
	mnt, err := unix.Fsmount(c.fd, unix.FSMOUNT_CLOEXEC, 0)
	must(c.t, err)
	must(c.t, unix.Close(mnt))
	unix.Close(c.fd)
}

func TestMountContextGivenUp(t *testing.T) {
	begin(t)
	options := []string{"none", "name=given-up", "release_agent=/bin/x"}
	c := openContext(t)
	must(t, c.setAll(options))
	must(t, unix.Close(c.fd))
	c = openContext(t)
	must(t, c.setAll(options))
	must(t, c.create())
	if hierarchyStatus(t, "name=given-up") == nil {
		t.Error("created, but not active")
	}
	must(t, unix.Close(c.fd)) // begin checks that it is gone
}

func TestMountTooManyHierarchies(t *testing.T) {
	begin(t)
	for i := range maxHierarchies {
		mount(t, named(fmt.Sprint("h", i)))
	}
	_, err := containerfs.Mount("x", tempDir(t), named("one-more"))
	wantError(t, err, unix.ENOSPC, "mount of hierarchy %d", maxHierarchies+1)
	c := openContext(t)
	must(t, c.setAll([]string{"none", "name=one-more"}))
	wantError(t, c.create(), unix.ENOSPC, "create of hierarchy %d", maxHierarchies+1)
	c.wantMessage("hierarch")
	mount(t, named("h0")) // an active one is still found
	if n := len(got(containerfs.ReadStatus())(t).Hierarchies); n != maxHierarchies {
		t.Errorf("/proc/containers shows %d hierarchies, want %d", n, maxHierarchies)
	}
}

func TestMountNeedsPrivilege(t *testing.T) {
	begin(t)
	dir := tempDir(t)
	err := asUser(t, 1000, 1000, 1000, func() error {
		return unix.Mount("x", dir, "container", 0, "none,name=denied")
	})
	wantError(t, err, unix.EPERM, "mount as an ordinary user")

	p := start(t, inUserNamespace(), nil, "mount", dir, "none,name=denied")
	wantError(t, p.result(t), unix.EPERM, "mount as root of another user namespace")

	mount(t, named("denied"))
	p = start(t, inUserNamespace(), nil, "mount", dir, "none,name=denied")
	wantError(t, p.result(t), unix.EPERM, "mount of an active hierarchy as root of another user namespace")
}

// inUserNamespace starts a process as root of user and mount namespaces of its own.
func inUserNamespace() *syscall.SysProcAttr {
	root := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, UidMappings: root, GidMappings: root}
}

func TestUnmountEndsHierarchy(t *testing.T) {
	begin(t)
	h := mount(t, named("ends"))
	must(t, mkdir(t, h.Root(), "a").Remove())
	must(t, h.Unmount())
	if s := hierarchyStatus(t, "name=ends"); s != nil {
		t.Errorf("still active: %+v", s)
	}
	if m := got(containerfs.MembershipOf(os.Getpid()))(t); len(m) != 0 {
		t.Errorf("/proc/PID/container after the last unmount: %+v", m)
	}
}

func TestUnmountWithChildrenKeepsHierarchy(t *testing.T) {
	begin(t)
	h := mount(t, named("stays"))
	mkdir(t, h.Root(), "a", "a/b")
	pid := sleeper(t)
	must(t, h.Container("/a/b").Attach(pid))
	must(t, h.Root().Child("a").SetNotifyOnRelease(true))
	must(t, h.Unmount())

	if s := hierarchyStatus(t, "name=stays"); s == nil || s.Containers != 3 {
		t.Errorf("status while unmounted: %+v, want 3 containers", s)
	}
	wantPath(t, pid, "name=stays", "/a/b")
	late := sleeper(t) // forks go on while it is unmounted
	wantPath(t, late, "name=stays", "/")

	h = mount(t, named("stays"))
	wantTasks(t, h.Container("/a/b"), pid)
	if !got(h.Container("/a").NotifyOnRelease())(t) {
		t.Error("notify_on_release has not survived")
	}
	kill(pid)
}

func TestRemountReleaseAgent(t *testing.T) {
	begin(t)
	o := named("re")
	o.ReleaseAgent = "/bin/first"
	h := mount(t, o)
	remount := func(options string) error { return unix.Mount("x", h.Dir, "container", unix.MS_REMOUNT, options) }

	must(t, remount("none,name=re,release_agent=/bin/second"))
	wantAgent(t, h, "/bin/second")
	must(t, remount("release_agent=/bin/third"))
	wantAgent(t, h, "/bin/third")

	wantError(t, remount("none,name=other"), unix.EBUSY, "remount with another name")
	wantError(t, remount("none,name=other,release_agent=/bin/no"), unix.EBUSY, "remount with another name and agent")
	wantAgent(t, h, "/bin/third")
	wantError(t, remount("nosuch"), unix.ENOENT, "remount with an unknown subsystem")
	if hierarchyStatus(t, "name=re") == nil {
		t.Error("the hierarchy has lost its name")
	}
}

func wantAgent(t testing.TB, h containerfs.Hierarchy, want string) {
	t.Helper()
	if agent := got(h.ReleaseAgent())(t); agent != want {
		t.Errorf("release agent: got %q, want %q", agent, want)
	}
}

func TestRemountThroughContext(t *testing.T) {
	begin(t)
	h := mount(t, named("pick"))
	fd, err := unix.Fspick(unix.AT_FDCWD, h.Dir, unix.FSPICK_CLOEXEC)
	must(t, err)
	defer unix.Close(fd)
	must(t, unix.FsconfigSetString(fd, "release_agent", "/bin/picked"))
	must(t, unix.FsconfigReconfigure(fd))
	wantAgent(t, h, "/bin/picked")
	must(t, unix.FsconfigSetString(fd, "name", "another"))
	wantError(t, unix.FsconfigReconfigure(fd), unix.EBUSY, "reconfigure with another name")
	context{t, fd}.wantMessage("name")
}

func TestProcMounts(t *testing.T) {
	begin(t)
	agent := "/bin/a b,c\\d=e\tf\"g"
	dir := tempDir(t) + "/mount point"
	must(t, os.Mkdir(dir, 0o755))
	h := got(containerfs.Mount("my source", dir, named("shown")))(t)
	t.Cleanup(func() { dismantle(t, h) })
	if o := mountedOptions(t, dir); !o.None || o.Name != "shown" || o.ReleaseAgent != "" || o.NoPrefix {
		t.Errorf("options without an agent: %+v", o)
	}
	must(t, h.SetReleaseAgent(agent))
	if o := mountedOptions(t, dir); o.ReleaseAgent != agent {
		t.Errorf("release agent: got %q, want %q", o.ReleaseAgent, agent)
	}
	points := got(containerfs.MountPoints())(t)
	if len(points) != 1 || points[0].Source != "my source" {
		t.Errorf("mounts: %+v, want one of \"my source\"", points)
	}
	must(t, h.SetReleaseAgent(""))
	text := string(got(os.ReadFile("/proc/mounts"))(t))
	if strings.Contains(text, "release_agent") {
		t.Errorf("an agent that is not set shows in /proc/mounts:\n%s", text)
	}
}

// mountedOptions returns what /proc/mounts says of the hierarchy mounted at dir.
func mountedOptions(t testing.TB, dir string) containerfs.Options {
	t.Helper()
	points := got(containerfs.MountPoints())(t)
	i := slices.IndexFunc(points, func(p containerfs.MountPoint) bool { return p.Dir == dir })
	if i < 0 {
		t.Fatalf("%s is not in /proc/mounts: %+v", dir, points)
	}
	return points[i].Options
}

func TestMountReleaseAgentOption(t *testing.T) {
	begin(t)
	o := named("agent")
	o.ReleaseAgent = "/bin/agent"
	h := mount(t, o)
	wantAgent(t, h, "/bin/agent")
	_, err := containerfs.Mount("x", tempDir(t), containerfs.Options{None: true, Name: "long",
		ReleaseAgent: "/" + strings.Repeat("x", 3000)})
	wantError(t, err, 0, "a long agent's path")
	if err == nil {
		t.Cleanup(func() { unmountNamed(t, "long") })
	}
}

// The agent of an active hierarchy is changed by remount, or by its file, never by a mount: not by one that fails, nor by one that does not.
func TestMountKeepsReleaseAgent(t *testing.T) {
	begin(t)
	o := named("one")
	o.ReleaseAgent = "/one"
	h := mount(t, o)
	two := "none,name=one,release_agent=/two"

	wantError(t, unix.Mount("guesttest", h.Dir, "container", 0, two), unix.EBUSY, "mount where it is mounted")
	wantAgent(t, h, "/one")
	file := filepath.Join(tempDir(t), "file")
	must(t, os.WriteFile(file, nil, 0o644))
	wantError(t, unix.Mount("guesttest", file, "container", 0, two), unix.ENOTDIR, "mount on a file")
	wantAgent(t, h, "/one")
	c := openContext(t)
	must(t, c.setAll(strings.Split(two, ",")))
	must(t, c.create())
	wantAgent(t, h, "/one")
	must(t, unix.Close(c.fd))
	wantAgent(t, h, "/one")
	dir := tempDir(t)
	must(t, unix.Mount("guesttest", dir, "container", 0, two))
	wantAgent(t, h, "/one")
	must(t, unix.Unmount(dir, 0))
	wantAgent(t, h, "/one")
	must(t, unix.Mount("guesttest", h.Dir, "container", unix.MS_REMOUNT, "release_agent=/two"))
	wantAgent(t, h, "/two")
	must(t, unix.Mount("guesttest", h.Dir, "container", unix.MS_REMOUNT, "release_agent="))
	wantAgent(t, h, "")
}

// A new hierarchy has its agent from the beginning, and one whose first mount fails is gone.
func TestMountFailsWithNewHierarchy(t *testing.T) {
	begin(t)
	file := filepath.Join(tempDir(t), "file")
	must(t, os.WriteFile(file, nil, 0o644))
	wantError(t, unix.Mount("guesttest", file, "container", 0, "none,name=new,release_agent=/x"), unix.ENOTDIR, "mount on a file")
	if s := hierarchyStatus(t, "name=new"); s != nil {
		t.Errorf("active: %+v", s)
	}
}

// Who may not mount may not prepare a context for somebody who may, from the beginning or in between (CVE-2022-0492).
func TestMountContextOfAnotherNamespace(t *testing.T) {
	begin(t)
	p := start(t, inUserNamespace(), nil, "fsopen")
	wantError(t, p.result(t), unix.EPERM, "fsopen as root of another user namespace")

	h := mount(t, named("context"))
	p = start(t, inUserNamespace(), nil, "fspick", h.Dir)
	wantError(t, p.result(t), unix.EPERM, "fspick as root of another user namespace")

	ours := openContext(t)
	must(t, ours.setAll([]string{"none", "name=context2"}))
	handed := os.NewFile(uintptr(got(unix.Dup(ours.fd))(t)), "context")
	defer handed.Close()
	for _, option := range []string{"release_agent=/bin/evil", "name=evil", "all", "debug_a"} {
		p = start(t, inUserNamespace(), []*os.File{handed}, "fsconfig", option)
		wantError(t, p.result(t), unix.EPERM, "fsconfig of %s in a context of ours as root of another user namespace", option)
	}
	ours.wantMessage("CAP_SYS_ADMIN")
	must(t, ours.create())
	if s := hierarchyStatus(t, "name=context2"); s == nil {
		t.Error("the context has lost its name")
	}

	fd := got(unix.Fspick(unix.AT_FDCWD, h.Dir, unix.FSPICK_CLOEXEC))(t)
	picked := os.NewFile(uintptr(fd), "picked")
	defer picked.Close()
	p = start(t, inUserNamespace(), []*os.File{picked}, "fsconfig", "release_agent=/bin/evil")
	wantError(t, p.result(t), unix.EPERM, "fsconfig of a picked context as root of another user namespace")
	must(t, unix.FsconfigReconfigure(fd))
	wantAgent(t, h, "")
}

// Flags of the superblock are those of all mounts of a hierarchy, and stay; each mount may be read-only by itself.
func TestRemountReadOnly(t *testing.T) {
	begin(t)
	h := mount(t, named("ro"))
	for flags, name := range map[uintptr]string{unix.MS_RDONLY: "ro", unix.MS_SYNCHRONOUS: "sync", unix.MS_LAZYTIME: "lazytime"} {
		wantError(t, unix.Mount("x", h.Dir, "container", unix.MS_REMOUNT|flags, ""), unix.EBUSY, "remount,%s", name)
	}
	must(t, unix.Mount("x", h.Dir, "container", unix.MS_REMOUNT|unix.MS_NOSUID, "")) // of this mount alone
	must(t, mkdir(t, h.Root(), "a").Remove())
	fd := got(unix.Fspick(unix.AT_FDCWD, h.Dir, unix.FSPICK_CLOEXEC))(t)
	defer unix.Close(fd)
	must(t, unix.FsconfigSetFlag(fd, "ro"))
	wantError(t, unix.FsconfigReconfigure(fd), unix.EBUSY, "reconfigure to ro")
	context{t, fd}.wantMessage("flags")

	second := tempDir(t)
	must(t, unix.Mount("x", second, "container", unix.MS_RDONLY, "none,name=ro"))
	wantError(t, os.Mkdir(filepath.Join(second, "a"), 0o755), unix.EROFS, "mkdir through a read-only mount")
	must(t, mkdir(t, h.Root(), "a").Remove())
	must(t, unix.Unmount(second, 0))
	must(t, unix.Mount("", h.Dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	wantError(t, h.Root().Child("a").Create(), unix.EROFS, "mkdir through a mount that was made read-only")
	must(t, unix.Mount("", h.Dir, "", unix.MS_REMOUNT|unix.MS_BIND, ""))
	must(t, mkdir(t, h.Root(), "a").Remove())
}

// A hierarchy whose first mount is read-only can be mounted for writing as well.
func TestMountReadOnlyFirst(t *testing.T) {
	begin(t)
	dir := tempDir(t)
	must(t, unix.Mount("x", dir, "container", unix.MS_RDONLY, "none,name=rofirst"))
	h := mount(t, named("rofirst"))
	must(t, mkdir(t, h.Root(), "a").Remove())
	wantError(t, os.Mkdir(filepath.Join(dir, "a"), 0o755), unix.EROFS, "mkdir through the read-only mount")
	must(t, unix.Unmount(dir, 0))
}

// unmountNamed unmounts wherever the hierarchy with that name is mounted.
func unmountNamed(t testing.TB, name string) {
	t.Helper()
	for _, p := range got(containerfs.MountPoints())(t) {
		if p.Options.Name == name {
			must(t, containerfs.Hierarchy{Dir: p.Dir}.Unmount())
		}
	}
}
