//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// What mappings are asked for with.
const (
	readWrite = unix.PROT_READ | unix.PROT_WRITE
	anonymous = unix.MAP_PRIVATE | unix.MAP_ANON
)

// privateWritable counts the pages of a process's private writable mappings as /proc tells of them.
func privateWritable(t testing.TB, pid int) uint64 {
	t.Helper()
	var pages uint64
	for line := range strings.Lines(string(got(os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid)))(t))) {
		fields := strings.Fields(line)
		if fields[1][1] != 'w' || fields[1][3] != 'p' {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		begin := got(strconv.ParseUint(from, 16, 64))(t)
		end := got(strconv.ParseUint(to, 16, 64))(t)
		pages += (end - begin) / pageSize
	}
	return pages
}

// memoryTest is a container with a puppet in it, and what the puppet's pages were at first.
type memoryTest struct {
	puppet
	t    *testing.T
	h    containerfs.Hierarchy
	a    containerfs.Container
	base uint64
}

func newMemoryTest(t *testing.T) memoryTest {
	t.Helper()
	begin(t)
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	p := puppetIn(t, a)
	m := memoryTest{p, t, h, a, privateWritable(t, p.PID)}
	m.want("at first", 0)
	return m
}

// want fails the test unless the puppet has that many pages more than at first, and the container holds exactly those it has.
func (m memoryTest) want(when string, pages int) {
	m.t.Helper()
	mapped, held := privateWritable(m.t, m.PID), bcValue(m.t, m.a, "privvmpages", "held")
	if mapped != m.base+uint64(pages) {
		m.t.Fatalf("%s: the puppet has %d pages more than at first, want %d", when, int(mapped)-int(m.base), pages)
	}
	if held != mapped {
		m.t.Fatalf("%s: %d pages are held, %d are mapped", when, held, mapped)
	}
}

// only lets the container have so many pages more than the puppet had at first, up to the barrier and up to the limit.
func (m memoryTest) only(barrier, limit int) {
	m.t.Helper()
	setBounds(m.t, m.a, "privvmpages", m.base+uint64(barrier), m.base+uint64(limit))
}

func (m memoryTest) wantFailures(n uint64) {
	m.t.Helper()
	if failcnt := bcValue(m.t, m.a, "privvmpages", "failcnt"); failcnt != n {
		m.t.Errorf("failcnt is %d, want %d", failcnt, n)
	}
}

func TestBCPagesOfMmap(t *testing.T) {
	m := newMemoryTest(t)
	at := m.mustMap(t, 10, readWrite, anonymous)
	m.want("a mapping", 10)
	m.mustMap(t, 100, readWrite, anonymous|unix.MAP_NORESERVE)
	m.want("one without reserve", 110)
	m.mustMap(t, 1000, unix.PROT_READ, anonymous)
	m.want("one to be read", 110)
	m.mustMap(t, 1000, unix.PROT_NONE, anonymous)
	m.want("one for nothing", 110)
	m.mustMap(t, 1000, readWrite, unix.MAP_SHARED|unix.MAP_ANON)
	m.want("a shared one", 110)
	m.mustMap(t, 5, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, anonymous)
	m.want("one to be executed, too", 115)
	m.mustMap(t, 7, readWrite, anonymous|unix.MAP_POPULATE)
	m.want("one that is touched", 122)

	zero := m.must(t, unix.SYS_OPENAT, atCWD, address(&zeroPath[0]), unix.O_RDWR)
	m.must(t, unix.SYS_MMAP, 0, 3*pageSize, readWrite, unix.MAP_PRIVATE, zero, 0)
	m.want("one of /dev/zero", 125)
	m.must(t, unix.SYS_MMAP, 0, 300*pageSize, readWrite, unix.MAP_SHARED, zero, 0)
	m.want("a shared one of /dev/zero", 125)
	memory := m.must(t, unix.SYS_MEMFD_CREATE, address(&zeroPath[0]), 0)
	m.must(t, unix.SYS_MMAP, 0, 4*pageSize, readWrite, unix.MAP_PRIVATE, memory, 0)
	m.want("one of a file", 129)
	m.must(t, unix.SYS_MMAP, 0, 400*pageSize, unix.PROT_READ, unix.MAP_PRIVATE, memory, 0)
	m.must(t, unix.SYS_MMAP, 0, 400*pageSize, readWrite, unix.MAP_SHARED, memory, 0)
	m.want("others of a file", 129)

	m.mustUnmap(t, at+3*pageSize, 4)
	m.want("a hole", 125)
	m.mustUnmap(t, at, 10)
	m.want("what is around it", 119)
	m.mustUnmap(t, at, 10)
	m.want("nothing", 119)
}

// What a mapping replaces makes room for it, also where there is none left.
func TestBCPagesOfReplacedMappings(t *testing.T) {
	m := newMemoryTest(t)
	at := m.mustMap(t, 20, readWrite, anonymous)
	m.only(20, 20)
	fixed := func(page, pages int, protection uintptr) error {
		_, err := m.Call(unix.SYS_MMAP, at+uintptr(page)*pageSize, uintptr(pages)*pageSize, protection, anonymous|unix.MAP_FIXED, ^uintptr(0), 0)
		return err
	}
	must(t, fixed(0, 20, readWrite))
	m.want("the same again", 20)
	must(t, fixed(5, 10, readWrite))
	m.want("a part of it", 20)
	must(t, fixed(5, 10, unix.PROT_READ))
	m.want("a part to be read", 10)
	must(t, fixed(0, 20, readWrite))
	m.want("all of it again", 20)
	must(t, fixed(0, 20, unix.PROT_NONE))
	m.want("nothing of it", 0)
	must(t, fixed(0, 15, readWrite))
	m.only(19, 19)
	wantError(t, fixed(0, 20, readWrite), unix.ENOMEM, "five pages more where four are left")
	m.want("after that", 15)
	m.wantFailures(1)
	if c := bcCounter(t, m.a, "privvmpages"); c.maxheld != m.base+20 {
		t.Errorf("at most %d pages were held, want %d", c.maxheld, m.base+20)
	}
}

func TestBCPagesOfMprotect(t *testing.T) {
	m := newMemoryTest(t)
	at := m.mustMap(t, 20, unix.PROT_NONE, anonymous)
	protect := func(page, pages int, protection uintptr) error {
		_, err := m.Call(unix.SYS_MPROTECT, at+uintptr(page)*pageSize, uintptr(pages)*pageSize, protection)
		return err
	}
	must(t, protect(0, 20, unix.PROT_READ))
	m.want("to be read", 0)
	must(t, protect(5, 5, readWrite))
	m.want("five to be written", 5)
	must(t, protect(0, 20, readWrite))
	m.want("all to be written", 20)
	must(t, protect(0, 20, readWrite|unix.PROT_EXEC))
	m.want("to be executed, too", 20)
	must(t, protect(3, 10, unix.PROT_READ))
	m.want("ten no more", 10)
	must(t, protect(0, 20, unix.PROT_NONE))
	m.want("none", 0)
	m.only(9, 9)
	wantError(t, protect(0, 10, readWrite), unix.ENOMEM, "ten where nine may be")
	m.want("after that", 0)
	must(t, protect(0, 9, readWrite))
	m.want("nine", 9)
	wantError(t, protect(0, 10, readWrite), unix.ENOMEM, "one more")
	m.want("after that", 9)
	m.wantFailures(2)

	shared := m.mustMap(t, 100, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_ANON)
	m.must(t, unix.SYS_MPROTECT, shared, 100*pageSize, readWrite)
	m.want("a shared one", 9)
}

func TestBCPagesOfMremap(t *testing.T) {
	m := newMemoryTest(t)
	const mayMove, fixed, dontUnmap = unix.MREMAP_MAYMOVE, unix.MREMAP_FIXED, unix.MREMAP_DONTUNMAP
	remap := func(at uintptr, from, to int, flags uintptr, where uintptr) (uintptr, error) {
		return m.Call(unix.SYS_MREMAP, at, uintptr(from)*pageSize, uintptr(to)*pageSize, flags, where)
	}
	must1 := func(at uintptr, err error) uintptr {
		t.Helper()
		must(t, err)
		return at
	}
	// A place with room behind it: the reservation is given up.
	room := m.mustMap(t, 200, unix.PROT_NONE, anonymous)
	m.mustUnmap(t, room, 200)
	at := m.must(t, unix.SYS_MMAP, room, 10*pageSize, readWrite, anonymous|unix.MAP_FIXED, ^uintptr(0), 0)
	m.want("a mapping", 10)
	must1(remap(at, 10, 30, 0, 0))
	m.want("grown in place", 30)
	must1(remap(at, 30, 20, 0, 0))
	m.want("shrunk", 20)
	wall := m.must(t, unix.SYS_MMAP, at+20*pageSize, pageSize, unix.PROT_NONE, anonymous|unix.MAP_FIXED, ^uintptr(0), 0)
	_, err := remap(at, 20, 25, 0, 0)
	wantError(t, err, unix.ENOMEM, "growing where there is no room")
	m.want("after that", 20)
	m.wantFailures(0)
	at = must1(remap(at, 20, 25, mayMove, 0))
	m.want("grown elsewhere", 25)
	m.mustUnmap(t, wall, 1)

	m.only(25, 25)
	reset(t, m.a, "privvmpages", "maxheld")
	other := m.mustMap(t, 50, unix.PROT_NONE, anonymous)
	at = must1(remap(at, 25, 25, mayMove|fixed, other))
	m.want("moved at the limit", 25)
	part := must1(remap(at+5*pageSize, 10, 10, mayMove|fixed, other+40*pageSize))
	m.want("a part of it moved", 25)
	at2 := must1(remap(part, 10, 4, mayMove|fixed, room))
	m.want("moved and shrunk", 19)
	_, err = remap(at2, 4, 11, mayMove, 0)
	wantError(t, err, unix.ENOMEM, "seven pages more where six may be")
	m.want("after that", 19)
	m.wantFailures(1)
	must1(remap(at2, 4, 10, mayMove, 0))
	m.want("grown to the limit", 25)
	if c := bcCounter(t, m.a, "privvmpages"); c.maxheld != m.base+25 {
		t.Errorf("at most %d pages were held, want %d", c.maxheld, m.base+25)
	}

	_, err = remap(at, 5, 5, mayMove|dontUnmap, 0)
	wantError(t, err, unix.ENOMEM, "a second mapping at the limit")
	m.want("after that", 25)
	m.only(30, 30)
	must1(remap(at, 5, 5, mayMove|dontUnmap, 0))
	m.want("a mapping moved from one that stays", 30)
	m.wantFailures(2)

	shared := m.mustMap(t, 100, readWrite, unix.MAP_SHARED|unix.MAP_ANON)
	shared = must1(remap(shared, 100, 200, mayMove, 0))
	must1(remap(shared, 0, 100, mayMove, 0))
	m.want("shared ones", 30)
}

func TestBCPagesOfBrk(t *testing.T) {
	m := newMemoryTest(t)
	at := m.must(t, unix.SYS_BRK, 0)
	at += -at & (pageSize - 1)
	m.must(t, unix.SYS_BRK, at)
	base := int(privateWritable(t, m.PID) - m.base)
	set := func(pages int) bool {
		want := at + uintptr(pages)*pageSize
		return m.must(t, unix.SYS_BRK, want) == want
	}
	if !set(10) {
		t.Fatal("brk was refused")
	}
	m.want("ten", base+10)
	set(4)
	m.want("four", base+4)
	m.only(base+8, base+8)
	if set(9) {
		t.Error("brk beyond the limit")
	}
	m.want("after that", base+4)
	m.wantFailures(1)
	if !set(8) {
		t.Error("brk to the limit was refused")
	}
	m.want("eight", base+8)
	set(0)
	m.want("none", base)
}

// A stack grows beyond the barrier, up to the limit.
func TestBCPagesOfStacks(t *testing.T) {
	m := newMemoryTest(t)
	const room = 1000
	at := m.mustMap(t, 2*room, unix.PROT_NONE, anonymous)
	m.mustUnmap(t, at, 2*room)
	stack := m.must(t, unix.SYS_MMAP, at+(2*room-2)*pageSize, 2*pageSize, readWrite, anonymous|unix.MAP_FIXED|unix.MAP_GROWSDOWN, ^uintptr(0), 0)
	m.want("a stack", 2)
	m.dropPrivileges(t)
	m.only(2, 30)
	_, err := m.mmap(1, readWrite, anonymous)
	wantError(t, err, unix.ENOMEM, "a mapping beyond the barrier")
	// The kernel reads a path there for the puppet, and faults as the puppet itself would.
	touch := func(pages int) error {
		_, err := m.Call(unix.SYS_PIPE2, stack-uintptr(pages)*pageSize, 0)
		return err
	}
	must(t, touch(20))
	m.want("a stack that has grown", 22)
	wantError(t, touch(40), unix.EFAULT, "a stack beyond the limit")
	m.want("after that", 22)
	must(t, touch(28))
	m.want("a stack at the limit", 30)
	if failcnt := bcValue(t, m.a, "privvmpages", "failcnt"); failcnt < 2 {
		t.Errorf("failcnt is %d", failcnt)
	}
}

// A child's memory is charged where its parent is, and what is not copied is not.
func TestBCPagesOfFork(t *testing.T) {
	m := newMemoryTest(t)
	own := m.mustMap(t, 50, readWrite, anonymous)
	m.must(t, unix.SYS_MADVISE, own, 30*pageSize, unix.MADV_DONTFORK)
	m.want("a mapping", 50)
	held := bcValue(t, m.a, "privvmpages", "held")
	child := m.mustFork(t)
	wantHeld(t, m.a, "privvmpages", held+m.base+20)
	if mapped := privateWritable(t, child); mapped != m.base+20 {
		t.Errorf("the child has %d pages, want %d", mapped, m.base+20)
	}
	m.mustEnd(t, child)
	wantHeld(t, m.a, "privvmpages", held)

	setBounds(t, m.a, "privvmpages", held+m.base+19, held+m.base+19)
	_, err := m.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0)
	wantError(t, err, unix.ENOMEM, "a fork with a page too many")
	wantHeld(t, m.a, "privvmpages", held)
	wantHeld(t, m.a, "numtasks", 1)
	m.wantFailures(1)
	setBounds(t, m.a, "privvmpages", held+m.base+20, held+m.base+20)
	m.mustEnd(t, m.mustFork(t))
	m.want("after all", 50)
}

// An address space stays with the container it was made in; a child's is made where the parent is.
func TestBCPagesStayWhereTheyWereMade(t *testing.T) {
	m := newMemoryTest(t)
	b := mkdir(t, m.h.Root(), "b")
	must(t, b.Attach(m.PID))
	m.want("after the move", 0)
	m.mustMap(t, 10, readWrite, anonymous)
	m.want("a mapping", 10)
	wantHeld(t, b, "privvmpages", 0)
	wantError(t, m.a.Remove(), unix.EBUSY, "rmdir of the container of an address space")
	child := m.mustFork(t)
	m.want("a child", 10)
	wantHeld(t, b, "privvmpages", m.base+10)
	m.mustEnd(t, child)
	wantHeld(t, b, "privvmpages", 0)
	m.Close()
	wantNothingHeld(t, m.a, b)
	must(t, m.a.Remove())
}

// An address space that was there before the mount is nobody's, its child's is not.
func TestBCPagesFromBeforeTheMount(t *testing.T) {
	begin(t)
	plain := mount(t, named("plain"))
	p := puppetIn(t, plain.Root())
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	must(t, a.Attach(p.PID))
	p.mustMap(t, 10, readWrite, anonymous)
	wantHeld(t, a, "privvmpages", 0)
	child := p.mustFork(t)
	wantHeld(t, a, "privvmpages", privateWritable(t, child))
	p.mustEnd(t, child)
	wantHeld(t, a, "privvmpages", 0)
	p.Close()
	must(t, a.Remove())
}

// A program is executed in its container, with all its memory, beyond the barrier if need be.
func TestBCPagesOfExec(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	helper := startIn(t, a, "ready")
	if line := helper.line(t); line != "ready" {
		t.Fatalf("the helper says %q", line)
	}
	eventually(t, "the program's pages are held", func() bool {
		before := privateWritable(t, helper.pid)
		held := bcValue(t, a, "privvmpages", "held")
		return before == held && held == privateWritable(t, helper.pid)
	})
	helper.stop()
	wantHeld(t, a, "privvmpages", 0)

	// A program is started where nothing may be mapped any more, as long as the limit is far enough.
	p := puppetIn(t, a)
	p.dropPrivileges(t)
	held := bcValue(t, a, "privvmpages", "held")
	setBounds(t, a, "privvmpages", held, held+1<<20)
	_, err := p.mmap(1, readWrite, anonymous)
	wantError(t, err, unix.ENOMEM, "a mapping beyond the barrier")
	p.mustClose(t, 0, 1, 2) // it will complain that it can map nothing
	if err := p.exec(); err != unix.EPIPE {
		t.Errorf("after exec the puppet still answers: %v", err)
	}
	if status := p.Close(); !status.Exited() {
		t.Errorf("the program did not even begin: %v", status.Signal())
	}
	if most := bcValue(t, a, "privvmpages", "maxheld"); most <= held {
		t.Errorf("at most %d pages were held while a program was started beside %d", most, held)
	}
	wantHeld(t, a, "privvmpages", 0)

	// And beyond the limit it is not; who tried goes on.
	q := puppetIn(t, a)
	held = bcValue(t, a, "privvmpages", "held")
	setBounds(t, a, "privvmpages", held, held)
	wantError(t, q.exec(), unix.ENOMEM, "a program where there is no page left")
	wantHeld(t, a, "privvmpages", held)
	q.Close()
	wantNothingHeld(t, a)
}
