package guest

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"gpc/harness/guest/wire"
	"gpc/harness/initramfs"
	"gpc/harness/qemu"
)

// defaultProcessors is the number of processors of a guest that does not say how many.
const defaultProcessors = 4

// options turns the configuration into the machine's parts, all but the console.
func (c Config) options() ([]qemu.Option, error) {
	machine := c.Kernel.Machine
	processors, memory, err := c.dimensions()
	if err != nil {
		return nil, err
	}
	root, err := c.rootFilesystem()
	if err != nil {
		return nil, err
	}
	options := []qemu.Option{
		qemu.Args(machine.Args...),
		qemu.Memory(memory),
		qemu.Kernel(c.Kernel.Path, strings.TrimSpace("console="+machine.Console+" "+c.Append)),
		qemu.Initramfs(root),
		qemu.Port(wire.PortName),
	}
	if !slices.Contains(c.ExtraArgs, "-accel") {
		options = append(options, qemu.Accelerators(machine))
	}
	if c.NUMA > 1 {
		// The kernel does not believe in a socket that reaches over two nodes.
		options = append(options, qemu.Sockets(processors), qemu.NUMA(c.NUMA, processors, memory))
	} else {
		options = append(options, qemu.Processors(processors))
	}
	if c.OneHostProcessor {
		options = append(options, qemu.OneHostProcessor())
	}
	return append(options, qemu.Args(c.ExtraArgs...)), nil
}

// dimensions returns the number of processors and the memory in MiB, if they go together with the number of nodes.
func (c Config) dimensions() (processors, memory int, err error) {
	processors = c.SMP
	if processors == 0 {
		processors = defaultProcessors
	}
	size := c.Memory
	if size == "" {
		size = c.Kernel.Machine.Memory
	}
	if memory, err = qemu.ParseMemory(size); err != nil {
		return 0, 0, err
	}
	switch {
	case processors < 0:
		return 0, 0, fmt.Errorf("%d processors: give at least 1", processors)
	case c.NUMA < 0:
		return 0, 0, fmt.Errorf("%d NUMA nodes: give at least 1", c.NUMA)
	case c.NUMA > processors:
		return 0, 0, fmt.Errorf("%d NUMA nodes need as many processors, and there are %d", c.NUMA, processors)
	case c.NUMA > 1 && memory%c.NUMA != 0:
		return 0, 0, fmt.Errorf("%d MiB of memory cannot be split evenly over %d NUMA nodes", memory, c.NUMA)
	}
	return processors, memory, nil
}

// Check tells whether a guest can be built as c says, without building it: an error names the value that is wrong.
// Kernel may be missing; then Memory must be given.
func (c Config) Check() error {
	if c.Timeout < 0 {
		return fmt.Errorf("a timeout of %v: give a positive time, such as 30s", c.Timeout)
	}
	for _, dir := range c.Files {
		if info, err := os.Stat(dir); err != nil {
			return err
		} else if !info.IsDir() {
			return fmt.Errorf("%s is not a directory: its content cannot be laid over the guest's root", dir)
		}
	}
	_, _, err := c.dimensions()
	return err
}

// rootFilesystem opens the archive for the kernel to unpack: the base, with the directories of Files in a copy that
// has no name, so that it is gone when nobody uses it any more.
func (c Config) rootFilesystem() (*os.File, error) {
	base, err := os.Open(c.Initramfs)
	if err != nil || len(c.Files) == 0 {
		return base, err
	}
	defer base.Close()
	fd, err := unix.MemfdCreate("initramfs", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	all := os.NewFile(uintptr(fd), "initramfs")
	if _, err = all.ReadFrom(base); err == nil {
		err = initramfs.Overlay(all, c.Files...)
	}
	if err != nil {
		all.Close()
		return nil, fmt.Errorf("lay files over the initramfs: %w", err)
	}
	return all, nil
}
