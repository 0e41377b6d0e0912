// Package containerfs is a client of the kernel's container filesystem.
//
// A Hierarchy is a mounted tree of containers, a Container one directory in it. Both are small values that
// hold only paths: nothing is cached, every call asks the kernel, and two values that name the same directory
// are interchangeable. Status, MountPoints and MembershipOf read what the kernel says in /proc.
//
// What a subsystem keeps for a container is behind a value of its own: Cpuset, Cpuacct, Numtasks, NS and BC.
//
// Everything is opened below the top of its hierarchy, so that no name can lead out of it, and nothing is written
// before it is sure that a hierarchy is mounted there.
//
// Every error is an *Error, which carries what was tried, the full path, what was written, the kernel's errno, and where that
// can be found out the reason in words. Callers ask for what they know to handle:
//
//	if errors.Is(err, containerfs.ErrBusy) { ... }
package containerfs

// Type is the name of the filesystem for mount(2), and Magic its number for statfs(2).
const (
	Type  = "container"
	Magic = 0x27e0eb
)
