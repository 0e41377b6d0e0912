package initramfs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/u-root/u-root/pkg/cpio"
)

// mountPoints are where the guest mounts its own filesystems, which hide whatever lies below. guestagent does so.
var mountPoints = []string{"dev", "proc", "sys"}

// The users and groups of the guest, with the numbers that Debian gives them: those that test suites become to have less than root's rights.
const (
	passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
nobody:x:65534:65534:nobody:/:/bin/false
`
	group = `root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
tty:x:5:
disk:x:6:
users:x:100:
nogroup:x:65534:
`
)

// skeleton is what the guest's root has besides programs.
func skeleton() []cpio.Record {
	records := []cpio.Record{
		cpio.Directory(".", 0o755),
		cpio.Directory("bin", 0o755),
		cpio.Directory("etc", 0o755),
		cpio.StaticFile("etc/passwd", passwd, 0o644),
		cpio.StaticFile("etc/group", group, 0o644),
		cpio.StaticFile("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n", 0o644),
		cpio.StaticFile("etc/hosts", "127.0.0.1 localhost guest\n", 0o644),
		cpio.Symlink("etc/mtab", "/proc/self/mounts"),
		cpio.Directory("mnt", 0o755),
		cpio.Directory("root", 0o700),
		cpio.Directory("run", 0o755),
		cpio.Symlink("sbin", "bin"),
		cpio.Directory("tmp", 0o777|cpio.S_ISVTX),
		cpio.Directory("usr", 0o755),
		cpio.Directory("usr/bin", 0o755),
		cpio.Symlink("usr/sbin", "bin"),
		cpio.Directory("var", 0o755),
		cpio.Directory("var/log", 0o755),
		cpio.Symlink("var/run", "../run"),
		cpio.Directory("var/tmp", 0o777|cpio.S_ISVTX),
	}
	for _, dir := range mountPoints {
		records = append(records, cpio.Directory(dir, 0o755))
	}
	return append(records, cpio.CharDev("dev/console", 0o600, 5, 1))
}

// skeletonKey changes whenever the skeleton does.
func (r recipe) skeletonKey() (string, error) {
	content := sha256.New()
	err := writeArchive(content, skeleton())
	return fmt.Sprintf("%x", content.Sum(nil)), err
}

// buildSkeleton writes the archive of the skeleton.
func (r recipe) buildSkeleton(_ context.Context, w io.Writer) error {
	return writeArchive(w, skeleton())
}
