// Package initramfs makes the root filesystem that a guest starts with: u-root's commands in one binary, the project's
// own programs, and whatever a user lays over them.
//
// The u-root commands take half a minute to compile and hardly ever change, the project's programs a second and
// change all the time. So each part is an archive of its own, rebuilt when its own inputs changed; the kernel unpacks
// archives that follow each other in one file.
package initramfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"gpc/harness/machine"
	"gpc/harness/progress"
)

// Build returns the path of the base archive for m: u-root's commands and the project's programs in /bin, /init
// among them. root is the repository, buildDir where built things are kept. Only parts whose inputs changed are
// rebuilt, and nobody ever sees a half-written archive.
func Build(ctx context.Context, root, buildDir string, m *machine.Machine) (string, error) {
	dir := filepath.Join(buildDir, "initramfs", m.Name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	unlock, err := lock(dir)
	if err != nil {
		return "", err
	}
	defer unlock()

	r := recipe{root: root, work: filepath.Join(dir, "work"), machine: m}
	busybox, err := r.part(ctx, filepath.Join(dir, "busybox.cpio"), "u-root commands", r.busyboxKey, r.buildBusybox)
	if err != nil {
		return "", fmt.Errorf("initramfs for %s: u-root commands: %w", m.Name, err)
	}
	programs, err := r.part(ctx, filepath.Join(dir, "programs.cpio"), "guest programs", r.programsKey, r.buildPrograms)
	if err != nil {
		return "", fmt.Errorf("initramfs for %s: the project's programs: %w", m.Name, err)
	}

	path := filepath.Join(dir, "initramfs.cpio")
	err = refresh(path, busybox.key+programs.key, func(w io.Writer) error { return concat(w, busybox.path, programs.path) })
	if err != nil {
		return "", fmt.Errorf("initramfs for %s: %w", m.Name, err)
	}
	return path, nil
}

// recipe is what the parts are made from.
type recipe struct {
	root    string // the repository
	work    string // a directory for intermediate files, gone when a build has ended
	machine *machine.Machine
}

// archive is a part of the initramfs and the key of the inputs it was made from.
type archive struct{ path, key string }

// part brings the archive at path up to date.
func (r recipe) part(ctx context.Context, path, name string, key func() (string, error),
	build func(context.Context, io.Writer) error) (archive, error) {
	k, err := key()
	if err != nil {
		return archive{}, err
	}
	err = refresh(path, k, func(w io.Writer) (err error) {
		step := progress.Start(fmt.Sprintf("%s (%s)", name, r.machine.Name), 0)
		defer func() { step.Done(err) }()

		// Whatever an interrupted build has left goes first.
		if err := os.RemoveAll(r.work); err != nil {
			return err
		}
		defer os.RemoveAll(r.work)
		return build(ctx, w)
	})
	return archive{path, k}, err
}

// refresh writes the file at path anew unless it was made with the same key before. The key stands in a file beside
// it, written last: a build that dies leaves nothing that the next would trust.
func refresh(path, key string, write func(io.Writer) error) error {
	keyPath := path + ".key"
	old, err := os.ReadFile(keyPath)
	if err == nil && string(old) == key {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
	}
	if err := os.Remove(keyPath); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := replace(path, write); err != nil {
		return err
	}
	return replace(keyPath, func(w io.Writer) error {
		_, err := io.WriteString(w, key)
		return err
	})
}

// replace writes a file beside path and renames it to path when it is complete.
func replace(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// lock keeps other processes from building in dir until the returned function is called.
func lock(dir string) (unlock func(), err error) {
	f, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}
