package containerfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Mount mounts a hierarchy at the directory dir. source is free text that /proc/mounts shows. Where a hierarchy with
// exactly these options is active, that one is mounted once more; an overlap with another one is ErrBusy. The reason
// of an error is what the kernel says itself.
func Mount(source, dir string, o Options) (Hierarchy, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return Hierarchy{}, fail("mount at", dir, cause(err))
	}
	if err := mount(source, abs, o); err != nil {
		return Hierarchy{}, err
	}
	return Hierarchy{Dir: abs}, nil
}

// maxParameter is the longest string that fsconfig(2) takes. A path can be longer; mount(2) takes that, but gives no reasons.
const maxParameter = 255

func mount(source, dir string, o Options) error {
	op := "mount -o " + brief(o.String()) + " at"
	if len(source) > maxParameter || len(o.ReleaseAgent) > maxParameter {
		if err := unix.Mount(source, dir, Type, 0, o.String()); err != nil {
			return fail(op, dir, err).because(whyNotMounted(err))
		}
		return nil
	}
	fd, err := unix.Fsopen(Type, unix.FSOPEN_CLOEXEC)
	if err == unix.ENODEV {
		return &Error{Op: op, Path: dir, Kind: ErrNoContainers, Err: err}
	}
	if err != nil {
		return fail(op, dir, err).because(whyNotMounted(err))
	}
	context := os.NewFile(uintptr(fd), "fsopen")
	defer context.Close()
	if err := configure(fd, source, o); err != nil {
		e := fail(op, dir, err)
		if reason := words(fd); reason != nil {
			return e.because(reason)
		}
		return e.because(whyNotMounted(err))
	}
	tree, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return fail(op, dir, err)
	}
	defer unix.Close(tree)
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fail(op, dir, err)
	}
	return nil
}

// configure sets all options in a filesystem context, and makes the superblock.
func configure(fd int, source string, o Options) error {
	if source == "" {
		source = "none"
	}
	if err := unix.FsconfigSetString(fd, "source", source); err != nil {
		return err
	}
	for _, word := range o.words() {
		key, value, hasValue := strings.Cut(word, "=")
		var err error
		if hasValue {
			err = unix.FsconfigSetString(fd, key, value)
		} else {
			err = unix.FsconfigSetFlag(fd, key)
		}
		if err != nil {
			return err
		}
	}
	return unix.FsconfigCreate(fd)
}

// words returns what the kernel has to say about the last failure in a filesystem context; nil if it said nothing.
func words(fd int) error {
	var last error
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(fd, buf)
		if err != nil || n == 0 {
			return last
		}
		// "e container: text": a level, who speaks, and the message.
		if text, ok := strings.CutPrefix(strings.TrimSuffix(string(buf[:n]), "\n"), "e "); ok {
			last = errors.New(strings.TrimPrefix(text, Type+": "))
		}
	}
}

func whyNotMounted(err error) error {
	if err == unix.EPERM {
		return fmt.Errorf("only root, outside of user namespaces, may mount a hierarchy: %w", err)
	}
	return nil
}
