// Package containerfs is a client of the kernel's container filesystem.
//
// A Hierarchy is a mounted tree of containers, a Container one directory in it. Both are small values that
// hold only paths: nothing is cached, every call asks the kernel, and two values that name the same directory
// are interchangeable. Status and MembershipOf read what the kernel says in /proc.
//
// Every error carries the path it is about and the kernel's errno, so that a caller can write
//
//	if errors.Is(err, unix.EBUSY) { ... }
package containerfs

// Type is the name of the filesystem for mount(2), LegacyType the one from before there were containers, for a hierarchy of cpusets
// alone, and Magic the number of both for statfs(2).
const (
	Type       = "container"
	LegacyType = "cpuset"
	Magic      = 0x27e0eb
)
