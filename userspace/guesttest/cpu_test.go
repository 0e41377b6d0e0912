//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// unpluggable returns the "online" files of the CPUs that can be taken away.
func unpluggable(t testing.TB) []string {
	t.Helper()
	files := got(filepath.Glob("/sys/devices/system/cpu/cpu[1-9]*/online"))(t)
	if len(files) == 0 {
		t.Fatal("no CPU can be unplugged: these tests want a guest with 4 CPUs")
	}
	return files
}

// setOnline plugs or unplugs a CPU by its file.
func setOnline(file string, on bool) error {
	if on {
		return os.WriteFile(file, []byte("1"), 0)
	}
	return os.WriteFile(file, []byte("0"), 0)
}

// withSingleCPU runs f while only the first CPU is plugged.
func withSingleCPU(t testing.TB, f func()) {
	t.Helper()
	for _, file := range unpluggable(t) {
		must(t, setOnline(file, false))
		defer func() { must(t, setOnline(file, true)) }()
	}
	if online := strings.TrimSpace(string(got(os.ReadFile("/sys/devices/system/cpu/online"))(t))); online != "0" {
		t.Fatalf("CPUs %s are online, want 0 only", online)
	}
	f()
}

// realtime makes the calling thread run before all others, the kernel's workers included.
func realtime() error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 50}
	return os.NewSyscallError("sched_setattr", unix.SchedSetAttr(0, &attr, 0))
}

// The idle tasks of CPUs that come and go are in a container too, or the accounting of their time would stop the machine; and the
// threads that serve those CPUs stay in the root.
func TestHotplugKeepsMembership(t *testing.T) {
	begin(t)
	h := mount(t, named("hotplug"))
	mkdir(t, h.Root(), "a")
	for _, file := range unpluggable(t) {
		must(t, setOnline(file, false))
		wantEveryTaskOnce(t, h, "name=hotplug")
		must(t, setOnline(file, true))
		wantEveryTaskOnce(t, h, "name=hotplug")
	}
	for i := range unpluggable(t) {
		wantPath(t, kernelThread(t, fmt.Sprint("migration/", i+1)), "name=hotplug", "/")
	}
}

// A hierarchy that begins or ends while CPUs are away covers them when they come back.
func TestHotplugAroundMount(t *testing.T) {
	begin(t)
	files := unpluggable(t)
	must(t, setOnline(files[0], false))
	h := mount(t, named("while-away"))
	must(t, setOnline(files[0], true))
	wantEveryTaskOnce(t, h, "name=while-away")
	must(t, setOnline(files[0], false))
	must(t, h.Unmount())
	must(t, setOnline(files[0], true))
}
