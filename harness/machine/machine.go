// Package machine describes the computers that the laboratory builds kernels for and emulates.
//
// Everything that differs between two architectures is a field of Machine; everything else in the
// harness is common. A third architecture is one more file like x86_64.go, its variable added to all,
// and a config fragment images/config/NAME.config.
package machine

import (
	"fmt"
	"io"
	"strings"
)

// Machine is one architecture: how its kernel is built and what QEMU emulates for it.
type Machine struct {
	// Name is what a user types after --arch, and the name of the kernel config fragment.
	Name string
	// GOARCH is Go's name for the architecture, for programs that run in the guest.
	GOARCH string
	// KernelArch is the kernel's name for the architecture (ARCH=).
	KernelArch string
	// CrossCompile is the toolchain prefix (CROSS_COMPILE=), empty for the host's own compiler.
	CrossCompile string
	// Target is the make target that builds Image.
	Target string
	// Image is the bootable file, relative to the kernel's build directory.
	Image string
	// Recognize returns the version of the kernel in a file of the kind of Image, or an error that says why this machine cannot boot it:
	// errOther for what is a kernel of another kind, or none.
	Recognize func(file io.ReaderAt) (release string, err error)
	// TickAccounting tells that the kernel counts ticks to learn whose CPU time it was, unless it is configured otherwise.
	TickAccounting bool
	// DebugKASAN tells that the debug flavor has KASAN; elsewhere that is a flavor of its own.
	DebugKASAN bool
	// Debian lists the Debian packages that this machine needs beyond the common ones: emulator and compiler.
	Debian []string

	// QEMU is the emulator's program.
	QEMU string
	// Args are the emulator's arguments that describe the machine without its processors, memory, kernel,
	// and devices common to all.
	Args []string
	// RealTime are further arguments, and CommandLine are arguments of the kernel, where the guest's time is the host's.
	RealTime, CommandLine []string
	// TSC tells that the processors have a time stamp counter, which runs as the host's does, and that the kernel must be told its frequency.
	TSC bool
	// Exact are further arguments where the emulator counts instructions: a processor without anything that depends on the host.
	Exact []string
	// LineBits is the number of bits of an address within a line of memory that processors keep from each other: 6 for 64 bytes.
	LineBits int
	// ParallelSince is the first version of QEMU (major, minor) whose emulation may run each processor of a kernel that patches itself in a
	// thread of its own; zero for any.
	ParallelSince [2]int
	// Dump are further arguments where the guest's memory may be dumped: a device that takes the kernel's word on how to read it.
	Dump []string
	// LinearMap is where a kernel that places nothing at random has all memory among its addresses.
	LinearMap uint64
	// KernelMap is where it has itself, 0 where LinearMap says that.
	KernelMap uint64
	// Console is the kernel's name of the serial console (console=), and ConsoleOption the option by which a kernel has it.
	Console, ConsoleOption string
	// Memory is the default size of the guest's memory, in QEMU's notation.
	Memory string
}

// GoEnv is the environment in which go builds static programs for the guest, whatever the user's own says: a guest's processor has no more
// than what is named here.
func (m *Machine) GoEnv() []string {
	return []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + m.GOARCH, "GOAMD64=v1", "GOPPC64=power8", "GOFLAGS=", "GOEXPERIMENT="}
}

var all = []*Machine{&x86_64, &ppc64}

// All returns every machine, in the order in which reports name them.
func All() []*Machine { return all }

// Names returns the names of all machines, in the order of All.
func Names() []string {
	names := make([]string, len(all))
	for i, m := range all {
		names[i] = m.Name
	}
	return names
}

// ByName returns the machine called name, or an error that lists those there are.
func ByName(name string) (*Machine, error) {
	for _, m := range all {
		if m.Name == name {
			return m, nil
		}
	}
	return nil, fmt.Errorf("unknown architecture %q: choose one of %s", name, strings.Join(Names(), ", "))
}
