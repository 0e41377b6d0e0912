//go:build guest

package guesttest

import (
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

func wantCloneChildren(t testing.TB, c containerfs.Container, want string) {
	t.Helper()
	if text := got(c.ReadString("clone_children"))(t); text != want {
		t.Errorf("%s: clone_children is %q, want %q", c.Path, text, want)
	}
}

func TestCloneChildrenInherited(t *testing.T) {
	begin(t)
	h := mount(t, named("inherit"))
	wantCloneChildren(t, h.Root(), "1")
	on := mkdir(t, h.Root(), "on")
	must(t, h.Root().Write("clone_children", "0"))
	off := mkdir(t, h.Root(), "off")
	must(t, h.Root().Write("clone_children", "1"))
	below := mkdir(t, off, "below")
	for c, want := range map[containerfs.Container]string{h.Root(): "1", on: "1", off: "0", below: "0"} {
		wantCloneChildren(t, c, want)
	}
	for _, text := range []string{"2", "-1", "yes", ""} {
		wantError(t, on.Write("clone_children", text+"\n"), unix.EINVAL, "write of %q", text)
	}
	wantCloneChildren(t, on, "1")
}

// The option says what the root begins with; once the hierarchy is active it is the file that counts.
func TestCloneChildrenOption(t *testing.T) {
	begin(t)
	dir := tempDir(t)
	for options, want := range map[string]string{"": "1", ",clone_children=0": "0", ",clone_children=1": "1"} {
		must(t, unix.Mount("guesttest", dir, "container", 0, "none,name=option"+options))
		h := containerfs.Hierarchy{Dir: dir}
		wantCloneChildren(t, h.Root(), want)
		must(t, h.Unmount())
	}
	for _, options := range []string{"clone_children=2", "clone_children=x", "clone_children", "clone_children=1,clone_children=1"} {
		wantError(t, unix.Mount("guesttest", dir, "container", 0, "none,name=option,"+options), unix.EINVAL, "mount -o %s", options)
	}

	h := mount(t, named("option"))
	must(t, unix.Mount("guesttest", dir, "container", 0, "none,name=option,clone_children=0"))
	wantCloneChildren(t, h.Root(), "1")
	must(t, unix.Unmount(dir, 0))
	remount := func(options string) error { return unix.Mount("x", h.Dir, "container", unix.MS_REMOUNT, options) }
	must(t, remount("clone_children=1,release_agent=/bin/x"))
	wantError(t, remount("clone_children=0,release_agent=/bin/y"), unix.EBUSY, "remount with another clone_children")
	wantCloneChildren(t, h.Root(), "1")
	wantAgent(t, h, "/bin/x")
	if o := mountedOptions(t, h.Dir); len(o.Subsystems) != 0 {
		t.Errorf("/proc/mounts shows what is no option of the hierarchy: %+v", o)
	}
}
