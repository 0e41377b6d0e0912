//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// fileTest is a container with a puppet in it.
func fileTest(t *testing.T) (containerfs.Hierarchy, containerfs.Container, puppet) {
	t.Helper()
	begin(t)
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	return h, a, puppetIn(t, a)
}

// Each struct file counts once, whatever makes it.
func TestBCFilesOfAllKinds(t *testing.T) {
	_, a, p := fileTest(t)
	wantHeld(t, a, "numfiles", 0)
	pair := address(&pairOfFDs)
	for _, kind := range []struct {
		name   string
		files  uint64
		number uintptr
		args   []uintptr
	}{
		{"open", 1, unix.SYS_OPENAT, []uintptr{atCWD, address(&nullPath[0]), unix.O_RDWR}},
		{"O_PATH", 1, unix.SYS_OPENAT, []uintptr{atCWD, address(&nullPath[0]), unix.O_PATH}},
		{"O_TMPFILE", 1, unix.SYS_OPENAT, []uintptr{atCWD, address(&tmpPath[0]), unix.O_TMPFILE | unix.O_RDWR, 0o600}},
		{"pipe", 2, unix.SYS_PIPE2, []uintptr{pair, 0}},
		{"socketpair", 2, unix.SYS_SOCKETPAIR, []uintptr{unix.AF_UNIX, unix.SOCK_STREAM, 0, pair}},
		{"socket", 1, unix.SYS_SOCKET, []uintptr{unix.AF_UNIX, unix.SOCK_DGRAM, 0}},
		{"eventfd", 1, unix.SYS_EVENTFD2, []uintptr{0, 0}},
		{"epoll", 1, unix.SYS_EPOLL_CREATE1, []uintptr{0}},
		{"timerfd", 1, unix.SYS_TIMERFD_CREATE, []uintptr{unix.CLOCK_MONOTONIC, 0}},
		{"memfd", 1, unix.SYS_MEMFD_CREATE, []uintptr{address(&nullPath[0]), 0}},
		{"inherited", 0, unix.SYS_GETPID, nil},
	} {
		before := bcValue(t, a, "numfiles", "held")
		p.must(t, kind.number, kind.args...)
		wantHeld(t, a, "numfiles", before+kind.files)
		if t.Failed() {
			t.Fatalf("after %s", kind.name)
		}
	}
	p.Close()
	wantNothingHeld(t, a)
	wantCounter(t, a, "numfiles", counter{0, 12, 0, 256, 512, 0})
}

// A descriptor more is no file more, and the last one counts.
func TestBCFilesAreNotDescriptors(t *testing.T) {
	h, a, p := fileTest(t)
	fd := p.mustOpen(t, 1)[0]
	p.must(t, unix.SYS_DUP3, fd, 100, 0)
	p.must(t, unix.SYS_FCNTL, fd, unix.F_DUPFD, 101)
	wantHeld(t, a, "numfiles", 1)
	child := p.mustFork(t) // has all of them, too
	wantHeld(t, a, "numfiles", 1)
	must(t, h.Root().Attach(child))
	wantHeld(t, a, "numfiles", 1)
	p.mustClose(t, fd, 100, 101)
	wantHeld(t, a, "numfiles", 1)
	p.mustEnd(t, child)
	wantHeld(t, a, "numfiles", 0)
}

// An open that fails, before or after there is a file, leaves nothing charged, and is no failure of the counter's.
func TestBCFailedOpens(t *testing.T) {
	_, a, p := fileTest(t)
	for range 20 {
		_, err := p.Call(unix.SYS_OPENAT, atCWD, address(&missingPath[0]), unix.O_RDONLY)
		wantError(t, err, unix.ENOENT, "no such file")
		_, err = p.Call(unix.SYS_OPENAT, atCWD, address(&nullPath[0]), unix.O_RDONLY|unix.O_DIRECTORY)
		wantError(t, err, unix.ENOTDIR, "not a directory")
		_, err = p.Call(unix.SYS_PIPE2, 8, 0)
		wantError(t, err, unix.EFAULT, "a pipe to nowhere")
	}
	if c := bcCounter(t, a, "numfiles"); c.held != 0 || c.failcnt != 0 {
		t.Errorf("after failed opens: %+v", c)
	}
}

// Of two files at once none is there if one cannot be had.
func TestBCPipeAtTheLimit(t *testing.T) {
	_, a, p := fileTest(t)
	setBounds(t, a, "numfiles", 3, 3)
	p.mustOpen(t, 2)
	_, err := p.Call(unix.SYS_PIPE2, address(&pairOfFDs), 0)
	wantError(t, err, unix.EMFILE, "a pipe where one file is left")
	wantCounter(t, a, "numfiles", counter{2, 3, 0, 3, 3, 1})
	_, err = p.Call(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM, 0, address(&pairOfFDs))
	wantError(t, err, unix.EMFILE, "a pair of sockets where one file is left")
	wantCounter(t, a, "numfiles", counter{2, 3, 0, 3, 3, 2})
	p.mustOpen(t, 1)
}

// The failure is the resource's, it is counted once, and when something is closed it goes on.
func TestBCFilesFailAndRecover(t *testing.T) {
	_, a, p := fileTest(t)
	setBounds(t, a, "numfiles", 100, 200)
	p.dropPrivileges(t)
	fds := p.mustOpen(t, 100)
	for i := range 5 {
		_, err := p.open()
		wantError(t, err, unix.EMFILE, "the file after the hundredth")
		wantCounter(t, a, "numfiles", counter{100, 100, 0, 100, 200, uint64(i) + 1})
	}
	p.mustClose(t, fds[7])
	p.mustOpen(t, 1)
	_, err := p.open()
	wantError(t, err, unix.EMFILE, "one more again")
	p.Close()
	wantCounter(t, a, "numfiles", counter{0, 100, 0, 100, 200, 6})
}

// A file stays charged to where it was opened: the task may move, others may have it, the opener may die.
func TestBCFilesStayWhereTheyWereOpened(t *testing.T) {
	h, a, p := fileTest(t)
	b := mkdir(t, h.Root(), "b")
	first, second := p.mustSocketPair(t)
	fds := p.mustOpen(t, 5)
	wantHeld(t, a, "numfiles", 7)
	must(t, b.Attach(p.PID))
	wantHeld(t, a, "numfiles", 7)
	wantHeld(t, b, "numfiles", 0)
	p.mustOpen(t, 2)
	wantHeld(t, b, "numfiles", 2)
	p.mustClose(t, fds[1], fds[2])
	wantHeld(t, a, "numfiles", 5)
	wantHeld(t, b, "numfiles", 2)

	// On its way, a file is held by the socket alone.
	p.send(t, first, fds[3])
	wantHeld(t, a, "numfiles", 5)
	p.receive(t, second)
	wantHeld(t, a, "numfiles", 5)
	p.Close()
	wantNothingHeld(t, a, b)
}

// What is on its way to a socket that nobody has any more is closed with it.
func TestBCFilesInFlight(t *testing.T) {
	h, a, p := fileTest(t)
	first, second := p.mustSocketPair(t)
	p.send(t, first, p.mustOpen(t, 1)[0])
	wantHeld(t, a, "numfiles", 3)
	must(t, h.Root().Attach(p.PID))
	p.mustClose(t, second)
	wantHeld(t, a, "numfiles", 1)
	p.mustClose(t, first)
	wantHeld(t, a, "numfiles", 0)
	// A socket that is on its way to itself is only found by the collector of such.
	must(t, a.Attach(p.PID))
	q := puppetIn(t, a)
	first, second = q.mustSocketPair(t)
	q.send(t, first, second)
	q.mustClose(t, first)
	q.mustSocketPair(t)
	q.Close()
	p.Close()
	wantNothingHeld(t, a)
}

// A container with files still open cannot be removed until they are closed; then it can, and its release is seen.
func TestBCFilesKeepTheContainer(t *testing.T) {
	begin(t)
	agent := newAgent(t)
	o := bound("bc")
	o.ReleaseAgent = agent.program
	h := mount(t, o)
	agent.listen(t)
	a, b := mkdir(t, h.Root(), "a"), mkdir(t, h.Root(), "b")
	must(t, a.SetNotifyOnRelease(true))
	p := puppetIn(t, a)
	fds := p.mustOpen(t, 3)
	p.mustClose(t, p.mustOpen(t, 5)...) // at hand, they must not keep it
	must(t, b.Attach(p.PID))
	child := p.mustFork(t) // with the files, but an address space that was made in b
	wantError(t, a.Remove(), unix.EBUSY, "rmdir with three files and an address space")
	p.mustClose(t, fds...)
	wantError(t, a.Remove(), unix.EBUSY, "rmdir with the files of the child's")
	p.Close()
	wantHeld(t, a, "privvmpages", 0)
	wantHeld(t, a, "numfiles", 3)
	wantError(t, a.Remove(), unix.EBUSY, "rmdir with files that were opened by somebody dead")
	wantRuns(t, agent, h)
	must(t, unix.Kill(child, unix.SIGKILL))
	eventually(t, "the files are closed", func() bool { return bcValue(t, a, "numfiles", "held") == 0 })
	wantRuns(t, agent, h, "/a")
	must(t, a.Remove())
}

// A container is removable as soon as its last task has left, whatever came and went there before.
func TestBCNothingAtHandKeepsTheContainer(t *testing.T) {
	begin(t)
	h := beancounters(t)
	for i := range 50 {
		a := mkdir(t, h.Root(), fmt.Sprint("a", i))
		p := puppetIn(t, a)
		p.mustClose(t, p.mustOpen(t, 10)...)
		p.mustUnmap(t, p.mustMap(t, 20, unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON), 20)
		if i%2 == 0 {
			p.Close()
		} else {
			must(t, unix.Kill(p.PID, unix.SIGKILL))
			eventually(t, "the container has no task", func() bool { return len(got(a.Tasks())(t)) == 0 })
			must(t, awaitZombie(p.PID))
		}
		must(t, a.Remove())
	}
}

// What was open before the mount is nobody's; what was opened while mounted goes back where it came from, whatever is mounted then.
func TestBCFilesAcrossMounts(t *testing.T) {
	begin(t)
	before := got(os.Open("/dev/null"))(t)
	h := beancounters(t)
	root := h.Root()
	a := mkdir(t, root, "a")
	p := puppetIn(t, a)
	q := puppetIn(t, root)
	must(t, before.Close())
	wantHeld(t, a, "numfiles", 0)
	// In the root others open and close, too: as many as nobody else has.
	const many = 500
	fds := q.mustOpen(t, many)
	p.mustOpen(t, 3)
	p.Close()
	must(t, a.Remove())
	if held := bcValue(t, root, "numfiles", "held"); held < many || held >= 2*many {
		t.Errorf("the root holds %d files, of which %d are the puppet's", held, many)
	}
	must(t, h.Unmount())
	nobodys := q.mustOpen(t, many)
	h = beancounters(t)
	if held := bcValue(t, h.Root(), "numfiles", "held"); held < many || held >= 2*many {
		t.Errorf("the next root holds %d files, of which %d are the puppet's", held, many)
	}
	q.mustClose(t, nobodys...)
	if held := bcValue(t, h.Root(), "numfiles", "held"); held < many || held >= 2*many {
		t.Errorf("the next root holds %d files once others were closed", held)
	}
	q.mustClose(t, fds...)
	if held := bcValue(t, h.Root(), "numfiles", "held"); held >= many {
		t.Errorf("the next root still holds %d files", held)
	}
}

// What a program that was executed has inherited stays charged; what was to be closed is.
func TestBCFilesAcrossExec(t *testing.T) {
	begin(t)
	a := mkdir(t, beancounters(t).Root(), "a")
	helper := startIn(t, a, "ready")
	if line := helper.line(t); line != "ready" {
		t.Fatalf("the helper says %q", line)
	}
	if held := bcValue(t, a, "numfiles", "held"); held < 3 {
		t.Errorf("%d files held by a program and its pipes", held)
	}
	helper.stop()
	wantNothingHeld(t, a)
}

// Threads and processes of several containers share what one of them opened.
func TestBCFilesOfSharedTables(t *testing.T) {
	h, a, p := fileTest(t)
	b := mkdir(t, h.Root(), "b")
	fds := p.mustOpen(t, 4)
	pid, err := bare.Spawn(bare.Sleeps) // shares the test's table, in the root
	must(t, err)
	defer kill(pid)
	must(t, b.Attach(pid))
	wantHeld(t, b, "numfiles", 0)
	p.mustClose(t, fds...)
	wantHeld(t, a, "numfiles", 0)
}
