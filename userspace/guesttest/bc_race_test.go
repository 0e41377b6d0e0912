//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// bcFamily is a container with two below it and one below those.
func bcFamily(t *testing.T) (h containerfs.Hierarchy, all []containerfs.Container) {
	t.Helper()
	h = beancounters(t)
	parent := mkdir(t, h.Root(), "parent")
	a, b := mkdir(t, parent, "a"), mkdir(t, parent, "b")
	return h, []containerfs.Container{parent, a, b, mkdir(t, a, "leaf")}
}

// refusedBy tells whether an error is that of a resource that was refused.
func refusedBy(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EAGAIN)
}

// unlessRefused returns the error if it is another.
func unlessRefused(err error) error {
	if refusedBy(err) {
		return nil
	}
	return err
}

// inside lets a worker's thread go into c before its first round.
func inside(c containerfs.Container, round func() error) func() error {
	in := false
	return func() error {
		if !in {
			in = true
			if err := c.Attach(0); err != nil {
				return err
			}
		}
		return round()
	}
}

// filesRound is a worker's round: it opens files until one is refused, or there are enough, and closes them.
func filesRound(most int) error {
	var files []*os.File
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	for len(files) < most {
		f, err := os.Open("/dev/null")
		if err != nil {
			return unlessRefused(err)
		}
		files = append(files, f)
	}
	return nil
}

// passFile lets one end of a pair of sockets have a file that the other has opened, and forget it.
func passFile() error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return unlessRefused(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	f, err := os.Open("/dev/null")
	if err != nil {
		return unlessRefused(err)
	}
	defer f.Close()
	return unix.Sendmsg(fds[0], []byte{0}, unix.UnixRights(int(f.Fd())), nil, 0)
}

// mapper is a worker that has puppets map and unmap, one after the other.
type mapper struct {
	in     containerfs.Container
	puppet *bare.Puppet
	rounds int
}

func (m *mapper) stop() {
	if m.puppet != nil {
		m.puppet.Kill()
		m.puppet = nil
	}
}

// round is one of the worker's.
func (m *mapper) round() error {
	if m.puppet == nil {
		var err error
		if m.puppet, err = bare.NewPuppet(func() error { return m.in.Attach(0) }); err != nil {
			return unlessRefused(err)
		}
	}
	p := m.puppet
	for pages := uintptr(1); pages < 200; pages = pages*3 + 1 {
		at, err := p.Call(unix.SYS_MMAP, 0, pages*pageSize, readWrite, anonymous, ^uintptr(0), 0)
		if err != nil {
			return unlessRefused(err)
		}
		half := pages / 2 * pageSize
		if half > 0 {
			p.Call(unix.SYS_MPROTECT, at, half, unix.PROT_READ)
			p.Call(unix.SYS_MPROTECT, at, half, readWrite)
		}
		moved, err := p.Call(unix.SYS_MREMAP, at+half, pages*pageSize-half, pages*pageSize, unix.MREMAP_MAYMOVE)
		if err == nil {
			_, err = p.Call(unix.SYS_MUNMAP, moved, pages*pageSize)
		}
		if unlessRefused(err) != nil {
			return err
		}
		if _, err := p.Call(unix.SYS_MUNMAP, at, pages*pageSize); err != nil {
			return err
		}
	}
	if m.rounds++; m.rounds%20 == 0 {
		m.stop()
	}
	return nil
}

// Nobody exceeds a limit, whatever comes and goes, moves and dies, and whoever changes limits meanwhile; and in the end nothing is held.
func TestBCRace(t *testing.T) {
	begin(t)
	h, all := bcFamily(t)
	parent := all[0]
	const most = 60
	setBounds(t, parent, "numfiles", most, most)
	var mappers []*mapper
	defer func() {
		for _, m := range mappers {
			m.stop()
		}
	}()
	r := newRace(t)
	for i, c := range all {
		next := i
		r.worker("files "+c.Path, func() error {
			next++
			// To move, it has to open a file first.
			if err := all[next%len(all)].Attach(0); err != nil {
				return unlessRefused(err)
			}
			if err := errors.Join(filesRound(40), passFile()); err != nil {
				return err
			}
			pid, err := bare.Spawn(bare.Exits)
			if err == nil {
				reap(pid)
			}
			return unlessRefused(err)
		})
		m := &mapper{in: c}
		mappers = append(mappers, m)
		r.worker("memory "+c.Path, m.round)
	}
	r.worker("reader", func() error {
		for _, c := range append(all, h.Root()) {
			if _, err := os.ReadFile(c.File("bc.resources")); err != nil && !refusedBy(err) {
				return err
			}
		}
		c := bcCounter(t, parent, "numfiles")
		if c.held > most || c.maxheld > most {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	turn := uint64(0)
	r.worker("limits", func() error {
		turn++
		for _, c := range all[1:] {
			if err := c.Write(bcFile("numfiles", "barrier"), fmt.Sprintf("%d:%d", 5+turn%50, 10+turn%70)); err != nil {
				return err
			}
			if err := c.Write(bcFile("privvmpages", "barrier"), fmt.Sprintf("%d:%d", turn%5000, turn%5000+10000)); err != nil {
				return err
			}
		}
		for _, file := range []string{"maxheld", "minheld", "failcnt"} {
			if err := all[turn%4].Write(bcFile("privvmpages", file), "0"); err != nil {
				return err
			}
		}
		return nil
	})
	r.worker("groups", func() error {
		c := all[1].Child("short-lived")
		if err := c.Create(); err != nil {
			return err
		}
		pid, err := bare.Spawn(bare.Sleeps)
		if err == nil {
			err = c.Attach(pid)
			kill(pid)
		}
		return errors.Join(err, c.Remove())
	})
	r.wait()
	for _, m := range mappers {
		m.stop()
	}
	wantNothingHeld(t, all...)
}

// A lower limit that was set holds from then on: what is held never rises above it again.
func TestBCRaceAgainstLoweredLimit(t *testing.T) {
	begin(t)
	_, all := bcFamily(t)
	parent := all[0]
	r := newRace(t)
	for _, c := range all {
		r.worker("files "+c.Path, inside(c, func() error { return filesRound(30) }))
	}
	r.worker("limits", func() error {
		if err := parent.Write(bcFile("numfiles", "barrier"), "1000:1000"); err != nil {
			return err
		}
		if err := parent.Write(bcFile("numfiles", "limit"), "20:20"); err != nil {
			return err
		}
		last := uint64(1 << 62)
		for range 20 {
			held, err := parent.ReadUint(bcFile("numfiles", "held"))
			if err != nil {
				return err
			}
			if held > max(last, 20) {
				return fmt.Errorf("%d files held, after %d, with a limit of 20", held, last)
			}
			last = held
		}
		return nil
	})
	r.wait()
}

// Who has closed all files and left may remove the container at once, whoever is about to give back what was kept at hand there.
func TestBCRaceRemoveBesideReaders(t *testing.T) {
	begin(t)
	root := beancounters(t).Root()
	r := &race{t: t}
	for range 2 {
		r.worker("reader", func() error {
			time.Sleep(20 * time.Millisecond) // until something is kept at hand again
			_, err := os.ReadFile(root.File("bc.resources"))
			return err
		})
	}
	c := root.Child("c")
	r.worker("remover", func() error {
		return errors.Join(c.Create(), c.Attach(0), filesRound(5), root.Attach(0), c.Remove())
	})
	r.wait()
}

// Each charge that is refused is one failure more, of whoever refused, and nobody's else.
func TestBCRaceCountsFailures(t *testing.T) {
	begin(t)
	_, all := bcFamily(t)
	setBounds(t, all[0], "numfiles", 10, 10)
	r := newRace(t)
	counts := make([]uint64, len(all))
	for i, c := range all {
		r.worker("files "+c.Path, inside(c, func() error {
			var fds []int
			for range 8 {
				fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
				if err == unix.EMFILE {
					counts[i]++
				} else if err != nil {
					return err
				} else {
					fds = append(fds, fd)
				}
			}
			for _, fd := range fds {
				unix.Close(fd)
			}
			return nil
		}))
	}
	r.wait()
	total := uint64(0)
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		t.Error("nothing was refused")
	}
	if c := bcCounter(t, all[0], "numfiles"); c.failcnt != total || c.maxheld != 10 {
		t.Errorf("%d opens were refused: %+v", total, c)
	}
	for _, c := range all[1:] {
		if n := bcValue(t, c, "numfiles", "failcnt"); n != 0 {
			t.Errorf("%s refused %d", c.Path, n)
		}
	}
	wantNothingHeld(t, all...)
}
