package initramfs

import (
	"context"
	"io"

	"github.com/u-root/u-root/pkg/cpio"
)

// mountPoints are where the guest mounts its own filesystems, which hide whatever lies below. guestagent does so.
var mountPoints = []string{"dev", "proc", "sys"}

// skeleton is what the guest's root has besides programs.
func skeleton() []cpio.Record {
	records := []cpio.Record{
		cpio.Directory(".", 0o755),
		cpio.Directory("bin", 0o755),
		cpio.Directory("etc", 0o755),
		cpio.StaticFile("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", 0o644),
		cpio.StaticFile("etc/group", "root:x:0:\nnogroup:x:65534:\n", 0o644),
		cpio.Directory("root", 0o700),
		cpio.Symlink("sbin", "bin"),
		cpio.Directory("tmp", 0o777|cpio.S_ISVTX),
		cpio.Directory("usr", 0o755),
		cpio.Directory("usr/bin", 0o755),
		cpio.Symlink("usr/sbin", "bin"),
	}
	for _, dir := range mountPoints {
		records = append(records, cpio.Directory(dir, 0o755))
	}
	return append(records, cpio.CharDev("dev/console", 0o600, 5, 1))
}

// skeletonKey changes whenever the skeleton may have.
func (r recipe) skeletonKey() (string, error) {
	return hashFiles(r.root, "", "harness/initramfs/skeleton.go")
}

// buildSkeleton writes the archive of the skeleton.
func (r recipe) buildSkeleton(_ context.Context, w io.Writer) error {
	return writeArchive(w, skeleton())
}
