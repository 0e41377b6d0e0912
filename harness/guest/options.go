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
	line, err := c.commandLine()
	if err != nil {
		root.Close()
		return nil, err
	}
	options := []qemu.Option{
		qemu.Args(machine.Args...),
		qemu.Memory(memory),
		qemu.Kernel(c.Kernel.Path, strings.Join(line, " ")),
		qemu.Initramfs(root),
		qemu.Port(wire.PortName),
	}
	if !c.exact() {
		patches, err := c.Kernel.PatchesItself()
		if err != nil {
			root.Close()
			return nil, err
		}
		options = append(options, qemu.Accelerators(machine, patches), qemu.Args(machine.RealTime...))
	}
	if c.NUMA > 1 {
		// The kernel does not believe in a socket that reaches over two nodes.
		options = append(options, qemu.Sockets(processors), qemu.NUMA(c.NUMA, processors, memory))
	} else {
		options = append(options, qemu.Processors(processors))
	}
	shares, err := shareOptions(c.Kernel, c.Shares)
	if err != nil {
		root.Close()
		return nil, err
	}
	options = append(options, shares...)
	disks, err := c.diskOptions()
	if err != nil {
		root.Close()
		return nil, err
	}
	options = append(options, disks...)
	if c.Dump != "" {
		options = append(options, qemu.Args(machine.Dump...))
	}
	if c.Yielding {
		options = append(options, qemu.Yielding())
	}
	if c.OneHostProcessor {
		options = append(options, qemu.OneHostProcessor())
	}
	return append(options, qemu.Args(c.ExtraArgs...)), nil
}

// exact tells whether the emulator was told to keep a time of its own, by who chose the accelerator. Then the guest's time has nothing to do
// with the host's, and whatever its kernel measures is right.
func (c Config) exact() bool { return slices.Contains(c.ExtraArgs, "-accel") }

// logSize keeps the kernel from overwriting its log before the agent has read it.
const logSize = "log_buf_len=1M"

// fixedAddresses keeps the kernel where it was linked to be, as debuggers expect it.
const fixedAddresses = "nokaslr"

// commandLine returns the arguments of the kernel. It is told whatever it would else find out by watching devices for a while: on a busy
// host they are late, and it would find anything. Append comes last, and so wins.
func (c Config) commandLine() ([]string, error) {
	machine := c.Kernel.Machine
	line := []string{"console=" + machine.Console}
	if !c.exact() {
		line = append(append(line, logSize), machine.CommandLine...)
		if machine.TSC {
			hz, err := c.Kernel.HZ()
			if err != nil {
				return nil, err
			}
			line = append(line, tsc(qemu.TSCFrequency(), hz)...)
		}
	}
	if c.Dump != "" || c.Debugger != nil {
		line = append(line, fixedAddresses)
	}
	if c.Append != "" {
		line = append(line, c.Append)
	}
	return line, nil
}

// tsc tells the kernel the frequency in kHz of its time stamp counter, and with that, where its jiffies are known, how long its loops take
// that wait by the counter; or not to use the counter where nobody knows its frequency. The emulator has one counter for all processors, which the
// kernel does not believe of a machine with several nodes, nor when a busy host made it look at its other clocks too late: then it would read a
// device whenever it wants to know the time, and not measure how long interrupts take.
func tsc(frequency, hz int) []string {
	if frequency == 0 {
		return []string{"notsc"}
	}
	told := []string{fmt.Sprintf("tsc_early_khz=%d", frequency), "tsc=reliable"}
	if hz > 0 {
		told = append(told, fmt.Sprintf("lpj=%d", frequency*1000/hz))
	}
	return told
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
	if memory, err = qemu.ParseSize(size); err != nil {
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

// Check tells whether the values of c go together, without building anything: an error names the one that is wrong.
// Kernel may be missing; then Memory must be given.
func (c Config) Check() error {
	if c.Timeout < 0 {
		return fmt.Errorf("a timeout of %v: give a positive time, such as 30s", c.Timeout)
	}
	if _, err := c.diskSizes(); err != nil {
		return err
	}
	_, _, err := c.dimensions()
	return err
}

// CheckFiles tells whether the directories of Files are there and can be laid over the initramfs, those of Shares are there, and Dump can be
// written.
func (c Config) CheckFiles() error {
	if err := checkDump(c.Dump); err != nil {
		return err
	}
	for _, s := range c.Shares {
		if err := s.check(); err != nil {
			return err
		}
	}
	for _, dir := range c.Files {
		if err := initramfs.CheckOverlay(dir); err != nil {
			return err
		}
	}
	return nil
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
