package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"gpc/harness/kernel"
	"gpc/harness/qemu"
)

// Share is a directory of the host's that a guest has, too.
type Share struct {
	// Dir is the directory, Path where the guest mounts it.
	Dir, Path string
	// ReadOnly keeps the guest from writing there.
	ReadOnly bool
}

// ParseShare reads a share as users write it, DIR[:PATH][:ro]. Without a PATH the directory is mounted below /mnt, under its own name. A PATH
// begins with a slash, at the last colon that one follows, so that DIR may have colons.
func ParseShare(text string) (Share, error) {
	var s Share
	text, s.ReadOnly = strings.CutSuffix(text, ":ro")
	s.Dir = text
	if i := strings.LastIndex(text, ":/"); i >= 0 {
		s.Dir, s.Path = text[:i], text[i+1:]
	}
	if s.Dir == "" {
		return s, errors.New("a share begins with a directory: DIR[:PATH][:ro]")
	}
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return s, err
	}
	s.Dir = dir
	if s.Path == "" {
		s.Path = path.Join("/mnt", filepath.Base(s.Dir))
	}
	if path.Clean(s.Path) == "/" {
		return s, errors.New("a share cannot be mounted over the guest's root: give another PATH")
	}
	return s, nil
}

// check returns an error if the directory is not there, or the emulator, with our rights, could not do there what the guest may.
func (s Share) check() error {
	info, err := os.Stat(s.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.Contains(s.Dir, ":"):
		return fmt.Errorf("%w (in DIR[:PATH][:ro], PATH begins with a slash)", err)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory: it cannot be shared", s.Dir)
	}
	if err := unix.Access(s.Dir, unix.R_OK|unix.X_OK); err != nil {
		return fmt.Errorf("%s cannot be read, and so not be shared: %w", s.Dir, err)
	}
	if err := unix.Access(s.Dir, unix.W_OK); err != nil && !s.ReadOnly {
		return fmt.Errorf("%s cannot be written to: %w; share it with :ro", s.Dir, err)
	}
	return nil
}

// tag is the name by which a guest knows its n-th share.
func tag(n int) string { return fmt.Sprintf("share%d", n) }

// shareOptions are the machine's parts for all shares. A kernel that is known not to have what they need is an error.
func shareOptions(image *kernel.Image, shares []Share) ([]qemu.Option, error) {
	if len(shares) == 0 {
		return nil, nil
	}
	if err := image.Needs("a share", "CONFIG_NET_9P_VIRTIO", "CONFIG_9P_FS"); err != nil {
		return nil, err
	}
	var options []qemu.Option
	for n, s := range shares {
		options = append(options, qemu.Share(tag(n), s.Dir, s.ReadOnly))
	}
	return options, nil
}

// statusNoShare is what a command ends with whose shares could not be mounted: it has not been run.
const statusNoShare = 125

// mounting returns a command that mounts all shares, and becomes argv then.
func mounting(shares []Share, argv []string) []string {
	if len(shares) == 0 {
		return argv
	}
	var script strings.Builder
	for n, s := range shares {
		mode := "rw"
		if s.ReadOnly {
			mode = "ro"
		}
		at := "'" + strings.ReplaceAll(s.Path, "'", `'\''`) + "'"
		fmt.Fprintf(&script, "mkdir -p %s && mount -t 9p -o %s,trans=virtio,version=9p2000.L,msize=262144 %s %s || exit %d\n",
			at, mode, tag(n), at, statusNoShare)
	}
	script.WriteString(`exec "$@"`)
	return append([]string{"/bin/sh", "-c", script.String(), "sh"}, argv...)
}
