package fuzz

import (
	"fmt"
	"strconv"
	"syscall"
)

// access is whose a file or a directory is, root's or the user's, and its mode.
type access struct {
	user bool
	mode uint32
}

func (a access) String() string { return Access(a.user, a.mode) }

// Access is an access in a view.
func Access(user bool, mode uint32) string {
	return fmt.Sprintf("%03o %s", mode, map[bool]string{true: "user", false: "root"}[user])
}

// What one may do with a directory or a file, as bits of its mode for those who are not its owner.
const (
	search    = 1
	change    = 2
	changeDir = search | change
)

// may tells whether whoever does the step may do something. Root may do everything.
func (m *Model) may(a access, what uint32) bool {
	if !m.user {
		return true
	}
	mode := a.mode
	if a.user {
		mode >>= 6
	}
	return mode&what == what
}

// accessOf is that of a place's directory or file. A file begins as that of its directory's maker, with the mode that its uses ask for.
func (m *Model) accessOf(at place) access {
	if at.dir != nil {
		return at.dir.access
	}
	if a, changed := at.in.fileAccess[at.name]; changed {
		return a
	}
	f := m.file(at.in, at.name)
	a := access{user: at.in.filesOfUser}
	if !f.hidden {
		a.mode |= 0o444
	}
	if f.write != nil {
		a.mode |= 0o200
	}
	return a
}

// own changes the owner of a file, or of a directory and its files.
func (m *Model) own(path string, user bool) Errno {
	give := func(a access) access { return access{user, a.mode} }
	if c := m.find(path).dir; c != nil {
		c.filesOfUser = user
		for name, a := range c.fileAccess {
			c.fileAccess[name] = give(a)
		}
	}
	return m.changeAccess(path, give)
}

// mode changes the mode of a file or a directory.
func (m *Model) mode(path, octal string) Errno {
	mode, err := strconv.ParseUint(octal, 8, 12)
	if err != nil {
		return syscall.EINVAL
	}
	return m.changeAccess(path, func(a access) access { return access{a.user, uint32(mode)} })
}

func (m *Model) changeAccess(path string, change func(access) access) Errno {
	at := m.find(path)
	switch {
	case at.err != 0:
		return at.err
	case at.dir != nil:
		at.dir.access = change(at.dir.access)
	case at.file:
		at.in.fileAccess[at.name] = change(m.accessOf(at))
	default:
		return syscall.ENOENT
	}
	return 0
}
