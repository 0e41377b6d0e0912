//go:build guest && debug

package guesttest

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// Where memory runs out in the middle, all is as it was: settings, tasks, domains.
func TestFailCpusetChange(t *testing.T) {
	for _, change := range []struct{ file, before, after string }{
		{"cpus", "2-3", "2"}, {"mems", "0-1", "1"}, {"cpu_exclusive", "0", "1"}, {"mem_exclusive", "0", "1"},
		{"sched_load_balance", "1", "0"}, {"sched_relax_domain_level", "-1", "3"}, {"memory_spread_page", "0", "1"},
	} {
		t.Run(change.file, func(t *testing.T) {
			begin(t)
			h := cpusets(t)
			domain := exclusive(t, h.Root(), "domain", "1-3")
			a := cpuset(t, domain, "a", "2-3", allNodes)
			set(t, domain, "mem_exclusive", "1")
			pid := sleeper(t)
			must(t, a.Attach(pid))
			write := func(text string) func() error {
				return func() error { return a.Write("cpuset."+change.file, text) }
			}
			failEach(t, outOfMemory, write(change.after), write(change.before), func() error {
				wantSet(t, a, change.file, change.before)
				wantSet(t, a, "effective_cpus", "2-3")
				return checkSettled(a, pid)
			})
			wantDomains(t, "0", "123")
			kill(pid)
		})
	}
}

func TestFailCpusetMkdir(t *testing.T) {
	begin(t)
	h := cpusets(t)
	domain := exclusive(t, h.Root(), "domain", "1-3")
	set(t, domain, "sched_load_balance", "0")
	must(t, domain.Write("clone_children", "1"))
	a := domain.Child("a")
	failEach(t, outOfMemory, a.Create, a.Remove, func() error {
		// Nothing is left that could be in the way.
		return errors.Join(domain.Write("cpuset.cpus", "2-3"), domain.Write("cpuset.cpus", "1-3"))
	})
	wantDomains(t)
}

func TestFailCpusetAttach(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "2", "1")
	set(t, a, "memory_migrate", "1")
	pid, tids := threaded(t, 2)
	move := func(c containerfs.Container) func() error {
		return func() error { return c.AttachProc(pid) }
	}
	failEach(t, outOfMemory, move(a), move(h.Root()), func() error {
		for _, tid := range tids {
			if err := checkSettled(h.Root(), tid); err != nil {
				return err
			}
		}
		// Nothing is on its way, or this would be refused.
		return errors.Join(a.Write("cpuset.cpus", "\n"), a.Write("cpuset.cpus", "2"))
	})
	kill(pid)
}

// A move that another subsystem refuses, when cpuset has let it through, is on its way no more: the list can be emptied.
func TestCpusetMoveThatOthersRefuse(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuset", "debug_a", "debug_b"))
	must(t, h.Root().Write("clone_children", "0"))
	a := cpuset(t, h.Root(), "a", "1", "0")
	pid, tids := threaded(t, 3)
	must(t, a.Write("debug_a.fail_can_attach", fmt.Sprint(int(unix.EXDEV))))
	wantError(t, a.Attach(pid), unix.EXDEV, "attach of a thread")
	wantError(t, a.AttachProc(pid), unix.EXDEV, "attach of a process")
	for _, tid := range tids {
		wantAllowed(t, tid, allCPUs, allNodes)
	}
	set(t, a, "cpus", "")
	kill(pid)
}

func TestFailCpusetMount(t *testing.T) {
	begin(t)
	dir := tempDir(t)
	h := containerfs.Hierarchy{Dir: dir}
	failEach(t, outOfMemory,
		func() error { return unix.Mount("x", dir, "cpuset", 0, "") },
		h.Unmount,
		func() error { return wantHierarchies(0) })
}

// A child that is born with memory failing all the time is in its place, or not at all.
func TestFailCpusetRace(t *testing.T) {
	begin(t)
	control := failslab(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", "0", "0")
	must(t, writeFile(control+"/times", "-1"))
	must(t, writeFile(control+"/probability", "5"))
	t.Cleanup(func() { must(t, writeFile(control+"/probability", "0")) })
	r := newRace(t)
	next := 0
	r.worker("changes", func() error {
		failing(true)
		defer failing(false)
		next++
		err := retry(func() error { return a.Write("cpuset.cpus", fmt.Sprint(next%2)) })
		if errors.Is(err, unix.ENOSPC) { // the CPU is away
			err = nil
		}
		return errors.Join(err, retry(func() error { return a.Write("cpuset.mems", fmt.Sprint(next/2%2)) }))
	})
	r.worker("exclusive", func() error {
		failing(true)
		defer failing(false)
		b := h.Root().Child("b")
		err := retry(b.Create)
		for file, text := range map[string]string{"cpus": "2-3", "cpu_exclusive": "1"} {
			e := retry(func() error { return b.Write("cpuset."+file, text) })
			if !errors.Is(e, unix.ENOSPC) { // the CPUs are away
				err = errors.Join(err, e)
			}
		}
		return errors.Join(err, retry(b.Remove))
	})
	r.worker("lives", func() error {
		if err := a.Attach(0); err != nil {
			return err
		}
		return forksAndExits()
	})
	r.wait()
	wantQuietCpusets(t, h)
	must(t, h.Root().Write("cpuset.sched_load_balance", "0"))
	must(t, h.Root().Write("cpuset.sched_load_balance", "1"))
	eventually(t, "the domain is one again", func() bool { return domains(t)[0] == 0xf })
}
