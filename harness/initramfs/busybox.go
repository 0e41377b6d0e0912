package initramfs

import (
	"context"
	"io"

	"github.com/u-root/u-root/pkg/cpio"
)

// busyboxKey changes whenever the archive of busybox would.
func (r recipe) busyboxKey() (string, error) {
	return hashFiles(r.root, r.busybox.Key, "harness/initramfs/busybox.go")
}

// buildBusybox writes the archive of busybox: the shell in /bin, and its commands in /usr/bin, which comes after /bin in the guest's PATH.
func (r recipe) buildBusybox(_ context.Context, w io.Writer) error {
	binary, err := program("bin/busybox", r.busybox.Path)
	if err != nil {
		return err
	}
	records := []cpio.Record{binary, cpio.Symlink("bin/sh", "busybox")}
	for _, applet := range r.busybox.Applets {
		records = append(records, cpio.Symlink("usr/bin/"+applet, "../../bin/busybox"))
	}
	return writeArchive(w, records)
}
