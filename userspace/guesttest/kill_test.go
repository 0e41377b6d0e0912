//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// wantLives fails the test if a process that nobody may have killed is dead, or about to die.
func wantLives(t testing.TB, pid int) {
	t.Helper()
	if !alive(pid, pid) || signalled(pid) {
		t.Errorf("process %d has been killed", pid)
	}
}

// signalled tells whether a process has been sent a SIGKILL that it has not yet died of.
func signalled(pid int) bool {
	fields := threadStat(pid, pid)
	const pending = 28 // from the state on
	return len(fields) > pending && fields[pending] == "256"
}

// wantEmptied waits until nothing lives in a container and below it any more.
func wantEmptied(t testing.TB, c containerfs.Container) {
	t.Helper()
	eventually(t, "nothing lives in "+c.Path, func() bool { return !got(c.Populated())(t) })
}

func TestKillSubtree(t *testing.T) {
	begin(t)
	h := mount(t, named("kill"))
	a := mkdir(t, h.Root(), "a", "a/b", "a/b/c", "a/d", "beside")
	victims := []int{sleeper(t), sleeper(t), sleeper(t)}
	for i, path := range []string{"b", "b/c", "b/c"} {
		must(t, a.Child(path).Attach(victims[i]))
	}
	threads, _ := threaded(t, 5)
	must(t, a.Child("b").AttachProc(threads))
	others := []int{sleeper(t), sleeper(t), sleeper(t)}
	for i, c := range []containerfs.Container{a, a.Child("d"), h.Container("/beside")} {
		must(t, c.Attach(others[i]))
	}

	must(t, a.Child("b").Kill())
	for _, pid := range append(victims, threads) {
		// Signalled when the write returned, so no patience is needed to see it die.
		if alive(pid, pid) && !signalled(pid) && !exiting(pid, pid) {
			t.Errorf("process %d was not signalled", pid)
		}
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || status.Signal() != syscall.SIGKILL {
			t.Errorf("process %d ended with %v (%v), want SIGKILL", pid, status, err)
		}
	}
	must(t, a.Child("b/c").Remove())
	must(t, a.Child("b").Remove())
	for _, pid := range others {
		wantLives(t, pid)
	}
	must(t, a.Kill())
	wantEmptied(t, a)
	wantLives(t, others[2])
	must(t, a.Kill()) // nobody there
}

// A process dies as a whole, also where only one of its threads is in the container.
func TestKillThreadOfProcess(t *testing.T) {
	begin(t)
	h := mount(t, named("thread"))
	a := mkdir(t, h.Root(), "a")
	pid, tids := threaded(t, 3)
	must(t, a.Attach(tids[2]))
	must(t, a.Kill())
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || status.Signal() != syscall.SIGKILL {
		t.Errorf("the process ended with %v (%v), want SIGKILL", status, err)
	}
}

func TestKillOfStoppedAndDead(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("stopped")).Root(), "a")
	stopped, dead := sleeper(t), sleeper(t)
	must(t, a.Attach(stopped))
	must(t, a.Attach(dead))
	must(t, unix.Kill(stopped, unix.SIGSTOP))
	killUnreaped(t, dead)
	must(t, a.Kill())
	wantEmptied(t, a)
}

// delegated makes a container that belongs to an ordinary user with all of its files.
func delegated(t *testing.T, c containerfs.Container, name string) containerfs.Container {
	t.Helper()
	d := mkdir(t, c, name)
	must(t, os.Chown(d.Dir(), ordinary, ordinary))
	for _, e := range got(os.ReadDir(d.Dir()))(t) {
		must(t, os.Chown(d.File(e.Name()), ordinary, ordinary))
	}
	return d
}

// ordinary is the id of a user without privileges.
const ordinary = 1000

// sleeperOf returns a sleeper that belongs to an ordinary user.
func sleeperOf(t *testing.T, uid int) (pid int) {
	t.Helper()
	must(t, asUser(t, uid, uid, uid, func() (err error) { pid, err = bare.Spawn(bare.Sleeps); return err }))
	t.Cleanup(func() { kill(pid) })
	return pid
}

// Nobody dies whom the one that opened the file could not have killed, whoever writes.
func TestKillJudgesTheOpener(t *testing.T) {
	begin(t)
	h := mount(t, named("opener"))
	a := delegated(t, h.Root(), "a")
	roots := sleeper(t)
	must(t, a.Attach(roots))
	fill := func() int {
		pid := sleeperOf(t, ordinary)
		must(t, a.Attach(pid))
		return pid
	}

	own := fill()
	err := asUser(t, ordinary, ordinary, ordinary, a.Kill)
	wantError(t, err, unix.EPERM, "kill by an ordinary user")
	reap(own)
	wantLives(t, roots)

	own = fill()
	theirs := openAs(t, ordinary, a.File("kill"))
	_, err = theirs.WriteString("1")
	wantError(t, err, unix.EPERM, "root writes to a file opened by an ordinary user")
	reap(own)
	wantLives(t, roots)
	p := start(t, nil, []*os.File{theirs}, "killself", a.File("procs"))
	wantError(t, p.result(t), unix.EPERM, "root writes to such a file of the container where he is")
	wantLives(t, p.pid)
	wantLives(t, roots)
	must(t, h.Root().AttachProc(p.pid))

	other := sleeperOf(t, ordinary+1)
	must(t, a.Attach(other))
	own = fill()
	ours := got(os.OpenFile(a.File("kill"), os.O_WRONLY, 0))(t)
	defer ours.Close()
	err = asUser(t, ordinary, ordinary, ordinary, func() error { _, err := ours.WriteString("1\n"); return err })
	wantError(t, err, 0, "an ordinary user writes to a file opened by root")
	for _, pid := range []int{own, other, roots} {
		reap(pid)
	}
	wantPopulated(t, map[containerfs.Container]bool{a: false})
}

// Who has killed himself has killed all the others, too.
func TestKillOfTheWriter(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("self")).Root(), "a", "a/b")
	victim := sleeper(t)
	must(t, a.Child("b").Attach(victim))
	file := got(os.OpenFile(a.File("kill"), os.O_WRONLY, 0))(t)
	defer file.Close()
	q := start(t, nil, []*os.File{file}, "killself", a.File("procs"))
	if q.lines.Scan() {
		t.Errorf("the writer lives, and says %q", q.lines.Text())
	}
	reap(victim)
	wantEmptied(t, a)
}

// killSelfHelper enters a container, writes to its file "kill", which it was started with, and reports if it lives.
func killSelfHelper(args []string) {
	if err := writeFile(args[0], "0"); err != nil {
		panic(err)
	}
	_, err := unix.Write(3, []byte("1"))
	report(err)
	awaitStop()
}

// The kernel's own threads are left alone, and nobody is told that he may not kill them.
func TestKillSparesKernelThreads(t *testing.T) {
	begin(t)
	h := mount(t, named("kthreads"))
	a := delegated(t, h.Root(), "a")
	kernels, own := kernelThread(t, "kdevtmpfs"), sleeperOf(t, ordinary)
	must(t, a.Attach(kernels))
	must(t, a.Attach(own))
	wantError(t, asUser(t, ordinary, ordinary, ordinary, a.Kill), 0, "kill of an own process and a kernel thread")
	must(t, a.Kill())
	reap(own)
	wantTasks(t, a, kernels)
	must(t, h.Root().Attach(kernels))
}

// As with kill(2), the first process of a pid namespace is killed from outside only, and from inside nobody can kill what has no number
// there.
func TestKillAndPIDNamespaces(t *testing.T) {
	begin(t)
	h := mount(t, named("pidns"))
	a := mkdir(t, h.Root(), "a")
	outside := sleeper(t)
	p := start(t, inPIDNamespace(), nil, "write", a.File("kill"), "1")
	wantError(t, p.result(t), 0, "kill from inside of an empty container")

	must(t, a.AttachProc(p.pid))
	p2 := start(t, inPIDNamespace(), nil, "write", a.File("kill"), "1")
	wantError(t, p2.result(t), unix.EPERM, "kill from a namespace of processes of another one")
	wantLives(t, p.pid)
	must(t, h.Root().AttachProc(p.pid))

	must(t, a.Attach(outside))
	first := start(t, inPIDNamespace(), nil, "killin", a.File("procs"), a.File("kill"))
	wantError(t, first.result(t), unix.EPERM, "kill from inside of a process outside")
	wantLives(t, outside)
	must(t, h.Root().Attach(outside))
	first.say(t, "again")
	wantError(t, first.result(t), 0, "kill from inside of the first process and one more")
	wantLives(t, first.pid)
	eventually(t, "only the first process is left", func() bool { return len(got(a.Procs())(t)) == 1 })

	must(t, a.Kill())
	wantEmptied(t, a)
	wantLives(t, outside)
}

// killInHelper enters a container with a child, and writes to its file "kill": at once, and on each line of stdin.
func killInHelper(args []string) {
	if err := writeFile(args[0], "0"); err != nil {
		panic(err)
	}
	if _, err := bare.Spawn(bare.Sleeps); err != nil {
		panic(err)
	}
	for line := make([]byte, 100); ; {
		report(writeFile(args[1], "1"))
		if n, _ := os.Stdin.Read(line); n == 0 {
			return
		}
	}
}

// bomb starts a process that forks without end in a container, as do its children, up to what numtasks allows there.
func bomb(t *testing.T, c containerfs.Container) {
	t.Helper()
	pid, err := bare.Fork(bare.Explodes)
	must(t, err)
	t.Cleanup(func() {
		c.Kill() // of a test that fails: the limit goes next
		kill(pid)
	})
	_, err = unix.Wait4(pid, nil, unix.WUNTRACED, nil)
	must(t, err)
	must(t, c.Attach(pid))
	must(t, unix.Kill(pid, unix.SIGCONT))
}

// A bomb has no chance: one write ends it, however many of its processes are forking at that moment.
func TestKillForkBomb(t *testing.T) {
	begin(t)
	top := mkdir(t, divided(t).Root(), "top", "top/a", "top/b")
	setShares(t, top, "max_shares=80")
	for round := range 5 {
		for _, c := range []containerfs.Container{top.Child("a"), top.Child("b")} {
			bomb(t, c)
		}
		// On a busy host one of them may have nearly all that there is before the other has begun. When they have all no fork succeeds.
		eventually(t, "the bombs have gone off", func() bool {
			return len(got(top.Child("a").Tasks())(t))+len(got(top.Child("b").Tasks())(t)) > 10
		})
		must(t, top.Kill())
		if !within(patience, func() bool { return !got(top.Populated())(t) }) {
			t.Fatalf("round %d: %d tasks have survived", round, len(got(top.Child("a").Tasks())(t)))
		}
	}
}

// Nobody escapes by being moved within the subtree, or into a container that is made meanwhile.
func TestRaceKillAgainstMoves(t *testing.T) {
	begin(t)
	top := mkdir(t, divided(t).Root(), "top", "top/a", "top/b")
	setShares(t, top, "max_shares=60")
	r := newRace(t)
	r.worker("killer", func() error {
		bomb(t, top.Child("a"))
		if err := top.Kill(); err != nil {
			return err
		}
		if !within(patience, func() bool { on, err := top.Populated(); return err == nil && !on }) {
			return errors.New("some have survived")
		}
		return nil
	})
	for i := range 2 {
		made := top.Child(fmt.Sprint("b/", i))
		r.worker(fmt.Sprint("mover ", i), func() error {
			if err := made.Create(); err != nil {
				return err
			}
			for _, from := range []containerfs.Container{top.Child("a"), made} {
				tasks, err := from.Tasks()
				if err != nil {
					return err
				}
				for _, pid := range tasks {
					to := made
					if from == made {
						to = top.Child("a")
					}
					if err := to.Attach(pid); err != nil && !errors.Is(err, unix.ESRCH) {
						return err
					}
				}
			}
			for { // it may have children that were born since
				err := made.Remove()
				if !errors.Is(err, unix.EBUSY) {
					return err
				}
			}
		})
	}
	r.wait()
	must(t, top.Kill())
	wantEmptied(t, top)
}

// Those who may not be killed go on, and have children that live, while somebody tries to kill them all the time.
func TestRaceKillRefused(t *testing.T) {
	begin(t)
	trees := raceTrees(t)
	a := delegated(t, trees[0].Root(), "a")
	r := newRace(t)
	for i := range 2 {
		r.worker(fmt.Sprint("forker ", i), func() error {
			if err := a.Attach(0); err != nil {
				return err
			}
			if err := forksAndExits(); err != nil {
				return err
			}
			return childLives()
		})
	}
	file := openAs(t, ordinary, a.File("kill"))
	r.worker("killer", func() error {
		if _, err := file.WriteString("1"); err != nil && !errors.Is(err, unix.EPERM) {
			return err
		}
		return nil
	})
	r.wait()
	must(t, a.Remove())
	wantQuiet(t, trees)
}

// childLives makes a child, and returns an error unless it lives until it is killed by us.
func childLives() error {
	pid, err := bare.Spawn(bare.Sleeps)
	if err != nil {
		return err
	}
	defer reap(pid)
	if !alive(pid, pid) || signalled(pid) {
		return errors.New("a child that nobody may kill has been killed")
	}
	return unix.Kill(pid, unix.SIGKILL)
}
