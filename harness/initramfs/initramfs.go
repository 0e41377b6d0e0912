// Package initramfs makes the root filesystem that a guest starts with: busybox for a shell, u-root's commands in one binary, the
// project's own programs, and whatever a user lays over them.
//
// Busybox and u-root take half a minute to compile and hardly ever change, the project's programs a second and
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
	"strings"

	"gpc/harness/busybox"
	"gpc/harness/lockfile"
	"gpc/harness/machine"
	"gpc/harness/progress"
)

// Build returns the path of the base archive for m: the shell, u-root's commands and the project's programs, /init
// among them. root is the repository, buildDir where built things are kept. Only parts whose inputs changed are
// rebuilt, and nobody ever sees a half-written archive.
func Build(ctx context.Context, root, buildDir string, m *machine.Machine) (string, error) {
	dir := filepath.Join(buildDir, "initramfs", m.Name)
	unlock, err := lockfile.Lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()

	r := recipe{root: root, work: filepath.Join(dir, "work"), machine: m}
	if r.busybox, err = busybox.Build(ctx, root, buildDir, m); err != nil {
		return "", err
	}
	var paths []string
	var keys strings.Builder
	for _, part := range []struct {
		file, name string
		key        func() (string, error)
		build      func(context.Context, io.Writer) error
	}{
		{"skeleton.cpio", "directories", r.skeletonKey, r.buildSkeleton},
		{"uroot.cpio", "u-root commands", r.urootKey, r.buildURoot},
		{"busybox.cpio", "busybox", r.busyboxKey, r.buildBusybox},
		{"programs.cpio", "guest programs", r.programsKey, r.buildPrograms},
	} {
		a, err := r.part(ctx, filepath.Join(dir, part.file), part.name, part.key, part.build)
		if err != nil {
			return "", fmt.Errorf("initramfs for %s: %s: %w", m.Name, part.name, err)
		}
		paths = append(paths, a.path)
		keys.WriteString(a.key)
	}

	path := filepath.Join(dir, "initramfs.cpio")
	if err := refresh(path, keys.String(), func(w io.Writer) error { return concat(w, paths...) }); err != nil {
		return "", fmt.Errorf("initramfs for %s: %w", m.Name, err)
	}
	return path, nil
}

// recipe is what the parts are made from.
type recipe struct {
	root    string // the repository
	work    string // a directory for intermediate files, gone when a build has ended
	machine *machine.Machine
	busybox busybox.Program
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
