package guest

import (
	"fmt"
	"os"

	"gpc/harness/qemu"
)

// diskSizes reads the sizes of the disks, in MiB.
func (c Config) diskSizes() ([]int, error) {
	var sizes []int
	for _, text := range c.Disks {
		mib, err := qemu.ParseSize(text)
		if err != nil {
			return nil, fmt.Errorf("a disk: %w", err)
		}
		sizes = append(sizes, mib)
	}
	return sizes, nil
}

// diskOptions are the machine's parts for all disks. Their files, which take as much of the host's disk as the guest writes, have no name
// any more: they are gone when the guest is, however it ends. A kernel that is known not to have what disks need is an error.
func (c Config) diskOptions() ([]qemu.Option, error) {
	sizes, err := c.diskSizes()
	if err != nil || len(sizes) == 0 {
		return nil, err
	}
	if err := c.Kernel.Needs("a disk", "CONFIG_BLOCK", "CONFIG_VIRTIO_BLK"); err != nil {
		return nil, err
	}
	var options []qemu.Option
	for _, mib := range sizes {
		f, err := emptyDisk(c.LogDir, mib)
		if err != nil {
			return nil, fmt.Errorf("make a disk of %d MiB: %w", mib, err)
		}
		options = append(options, qemu.Disk(f))
	}
	return options, nil
}

// emptyDisk makes a file of that many MiB without a name, in a directory of the same disk.
func emptyDisk(dir string, mib int) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, ".disk-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	if err := f.Truncate(int64(mib) << 20); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
