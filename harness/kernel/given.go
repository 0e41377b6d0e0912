package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gpc/harness/kconfig"
	"gpc/harness/machine"
)

// needed are the options without which no guest comes up, beside the console's: its files come in an initramfs, and the host talks to it
// through a virtio port. Modules do not count, as nobody loads them.
var needed = []string{"CONFIG_BLK_DEV_INITRD", "CONFIG_BINFMT_ELF", "CONFIG_PRINTK", "CONFIG_PROC_FS", "CONFIG_SYSFS", "CONFIG_TMPFS",
	"CONFIG_DEVTMPFS", "CONFIG_PCI", "CONFIG_VIRTIO_PCI", "CONFIG_VIRTIO_CONSOLE", "CONFIG_UNIX", "CONFIG_FUTEX", "CONFIG_EPOLL"}

// given returns a kernel that is there.
func given(m *machine.Machine, s Spec) (*Image, error) {
	path := s.Given
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		if path, err = imageIn(m, path); err != nil {
			return nil, err
		}
	}
	release, err := m.RecognizeImage(path)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	image := &Image{Machine: m, Flavor: s.Flavor, Name: release, Path: path, Release: release}
	image.findCompanions()
	return image, image.Needs("a guest", neededBy(m)...)
}

// imageIn returns the image in a build directory.
func imageIn(m *machine.Machine, dir string) (string, error) {
	path := filepath.Join(dir, m.Image)
	_, err := os.Stat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	for _, other := range machine.All() {
		if _, err := os.Stat(filepath.Join(dir, other.Image)); err == nil {
			return "", fmt.Errorf("%s has a kernel for %s and none for %s: use --arch %s", dir, other.Name, m.Name, other.Name)
		}
	}
	return "", fmt.Errorf("%s has no %s: build that first, or name the image itself", dir, m.Image)
}

// findCompanions looks for the configuration and the symbols where a build leaves them, and where distributions install them.
func (i *Image) findCompanions() {
	there := func(path string) string {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
		return ""
	}
	dir := filepath.Dir(i.Path)
	if top, ok := strings.CutSuffix(i.Path, "/"+i.Machine.Image); ok {
		dir = top
	}
	for _, name := range []string{"config-" + i.Release, ".config"} {
		if path := there(filepath.Join(dir, name)); path != "" {
			i.Config = path
		}
	}
	for _, name := range []string{"System.map-" + i.Release, "System.map"} {
		if path := there(filepath.Join(dir, name)); path != "" {
			i.Symbols = path
		}
	}
	if i.Config != "" && filepath.Base(i.Config) == ".config" {
		i.Dir = dir
	}
}

// Needs returns an error if the kernel is known not to have the options that something takes, built in.
func (i *Image) Needs(what string, options ...string) error {
	if i.Config == "" {
		return nil
	}
	config, err := os.ReadFile(i.Config)
	if err != nil {
		return err
	}
	if missing := lacks(config, options); len(missing) > 0 {
		return fmt.Errorf("%s needs a kernel with %s=y, which %s was built without", what, strings.Join(missing, "=y, "), i.Path)
	}
	return nil
}

// neededBy returns the options without which no guest comes up on a machine.
func neededBy(m *machine.Machine) []string { return append([]string{m.ConsoleOption}, needed...) }

// lacks returns those of the options that a configuration does not have built in.
func lacks(config []byte, options []string) []string {
	var missing []string
	for _, name := range options {
		if kconfig.Value(config, name) != "y" {
			missing = append(missing, name)
		}
	}
	return missing
}
