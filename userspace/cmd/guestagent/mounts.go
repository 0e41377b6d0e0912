package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// containerDir is where a user finds the hierarchy of containers.
const containerDir = "/dev/container"

// links are names that programs expect in /dev, and where they lead.
var links = [][2]string{
	{"/proc/self/fd", "/dev/fd"}, {"fd/0", "/dev/stdin"}, {"fd/1", "/dev/stdout"}, {"fd/2", "/dev/stderr"},
}

// mountBasics mounts what programs expect of a Linux machine. Where it mounts something, files that the host lays over the guest's root are
// hidden: harness/initramfs knows.
func mountBasics() error {
	for _, m := range []struct {
		dir, fstype, data string
		optional          bool
	}{
		{dir: "/proc", fstype: "proc"},
		{dir: "/sys", fstype: "sysfs"},
		{dir: "/dev", fstype: "devtmpfs"},
		{dir: "/dev/pts", fstype: "devpts", data: "ptmxmode=0666", optional: true},
		{dir: "/dev/shm", fstype: "tmpfs", data: "mode=1777"},
		{dir: "/sys/kernel/debug", fstype: "debugfs", optional: true},
	} {
		err := mount(m.dir, m.fstype, m.data)
		if err != nil && !(m.optional && (errors.Is(err, unix.ENODEV) || errors.Is(err, os.ErrNotExist))) {
			return err
		}
	}
	for _, link := range links {
		if err := os.Symlink(link[0], link[1]); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// mount mounts a filesystem at dir, which it makes if it is not there. Without DEVTMPFS_MOUNT's help for an initramfs,
// /dev is mounted here; where the kernel has done it, that is as good.
func mount(dir, fstype, data string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) && !strings.HasPrefix(dir, "/sys/") {
		return err
	}
	if err := unix.Mount(fstype, dir, fstype, 0, data); err != nil && err != unix.EBUSY {
		return fmt.Errorf("mount -t %s at %s: %w", fstype, dir, err)
	}
	return nil
}

// mountContainers mounts the hierarchy that a shell user finds, if the kernel has containers at all: with every
// subsystem but ns, in whose hierarchies a shell that has entered a container cannot leave it by itself, or with none and a
// name where none is left.
func mountContainers() error {
	filesystems, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return err
	}
	if !strings.Contains(string(filesystems), "\tcontainer\n") {
		return nil
	}
	if err := os.Mkdir(containerDir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	status, err := os.ReadFile("/proc/containers")
	if err != nil {
		return err
	}
	subsystems := slices.DeleteFunc(registered(string(status)), func(name string) bool { return name == "ns" })
	name, options := "all", strings.Join(subsystems, ",")
	if options == "" {
		name, options = "shell", "none,name=shell"
	}
	if err := unix.Mount(name, containerDir, "container", 0, options); err != nil {
		return fmt.Errorf("mount -t container -o %s at %s: %w", options, containerDir, err)
	}
	return nil
}

// registered returns the names of the subsystems that /proc/containers, whose content is given, lists: they follow their heading, as
// in "0: name=cpuacct hierarchy=0 containers=1 active=1".
func registered(containers string) []string {
	var names []string
	_, subsystems, _ := strings.Cut(containers, "Subsystems:\n")
	for line := range strings.Lines(subsystems) {
		if _, rest, ok := strings.Cut(line, " name="); ok {
			name, _, _ := strings.Cut(rest, " ")
			names = append(names, name)
		}
	}
	return names
}
