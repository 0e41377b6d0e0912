//go:build guest

package guesttest

import (
	"bytes"
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// keptDir is a directory, a container's or of /proc, that is looked at again and again. What has been opened in it stays open, as to find and open a file takes several
// times as long as to read it. So it keeps a filesystem from being unmounted until it is closed.
type keptDir struct {
	fd            int
	device, inode uint64
	open          map[string]*keptFile
	below         map[string]*keptDir
	buf           []byte // shared by all below one
	// entries are what the kernel has last said of what is in it, and what that means.
	entries     []byte
	files, dirs []string
	inodes      map[string]uint64 // of the directories
}

// keptFile is an open file, and what it has last said: mostly it says that again.
type keptFile struct {
	fd   int
	text string
}

// keepDir opens a directory.
func keepDir(path string) (*keptDir, error) { return keepAt(unix.AT_FDCWD, path, make([]byte, 1<<16)) }

func keepAt(dirfd int, name string, buf []byte) (*keptDir, error) {
	fd, err := unix.Openat(dirfd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	d := &keptDir{fd: fd, open: map[string]*keptFile{}, below: map[string]*keptDir{}, buf: buf}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		d.close()
		return nil, err
	}
	d.device, d.inode = uint64(st.Dev), st.Ino
	return d, nil
}

// close closes all that is open. Of nil there is nothing.
func (d *keptDir) close() {
	if d == nil {
		return
	}
	for _, f := range d.open {
		unix.Close(f.fd)
	}
	for _, below := range d.below {
		below.close()
	}
	unix.Close(d.fd)
}

// list returns what is in the directory now, sorted, and forgets what is not. The names are not the caller's to change.
func (d *keptDir) list() (files, dirs []string, err error) {
	if _, err := unix.Seek(d.fd, 0, unix.SEEK_SET); err != nil {
		return nil, nil, err
	}
	n := 0
	for {
		got, err := unix.Getdents(d.fd, d.buf[n:])
		if err != nil {
			return nil, nil, err
		}
		if n += got; got == 0 {
			break
		}
	}
	if bytes.Equal(d.buf[:n], d.entries) {
		return d.files, d.dirs, nil
	}
	d.entries = append(d.entries[:0], d.buf[:n]...)
	d.understand()
	for name, below := range d.below {
		if d.inodes[name] != below.inode {
			below.close()
			delete(d.below, name)
		}
	}
	return d.files, d.dirs, nil
}

// understand takes apart what the kernel has said of what is in the directory.
func (d *keptDir) understand() {
	d.files, d.dirs, d.inodes = nil, nil, map[string]uint64{}
	for entries := d.entries; len(entries) > 0; {
		// Inode and offset, 8 bytes each; length, 2; type, 1; name, and a 0.
		length := binary.NativeEndian.Uint16(entries[16:])
		name, _, _ := bytes.Cut(entries[19:length], []byte{0})
		switch text := string(name); {
		case text == "." || text == "..":
		case entries[18] == unix.DT_DIR:
			d.dirs = append(d.dirs, text)
			d.inodes[text] = binary.NativeEndian.Uint64(entries)
		default:
			d.files = append(d.files, text)
		}
		entries = entries[length:]
	}
	slices.Sort(d.files)
	slices.Sort(d.dirs)
}

// dir returns a directory that has just been listed.
func (d *keptDir) dir(name string) (*keptDir, error) {
	if below := d.below[name]; below != nil {
		return below, nil
	}
	below, err := keepAt(d.fd, name, d.buf)
	if err == nil {
		d.below[name] = below
	}
	return below, err
}

// read returns what a file says now.
func (d *keptDir) read(name string) (string, error) {
	if name == "tasks" || name == "procs" { // what they say is fixed when they are opened
		fd, err := d.openFile(name)
		if err != nil {
			return "", err
		}
		defer unix.Close(fd)
		text, err := d.readFrom(fd)
		return string(text), err
	}
	if f := d.open[name]; f != nil {
		text, err := d.readFrom(f.fd)
		switch {
		case err == nil && string(text) == f.text:
			return f.text, nil
		case err != unix.ENODEV:
			f.text = string(text)
			return f.text, err
		}
		unix.Close(f.fd)
		delete(d.open, name)
	}
	fd, err := d.openFile(name)
	if err != nil {
		return "", err
	}
	text, err := d.readFrom(fd)
	f := &keptFile{fd, string(text)}
	d.open[name] = f
	return f.text, err
}

func (d *keptDir) openFile(name string) (int, error) {
	return unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

// readFrom reads a file from its beginning, into what the next reads into, too. The kernel fills a page with whole lines before it returns any, so half a page is the end.
func (d *keptDir) readFrom(fd int) ([]byte, error) {
	n := 0
	for {
		got, err := unix.Pread(fd, d.buf[n:], int64(n))
		if err != nil {
			return nil, err
		}
		if n += got; got < unix.Getpagesize()/2 || n == len(d.buf) {
			return d.buf[:n], nil
		}
	}
}
