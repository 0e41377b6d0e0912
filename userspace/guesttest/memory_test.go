//go:build guest && !debug

package guesttest

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// What is made and ends gives all of its memory back. Each operation is done so often that losing its smallest allocation would show beside what else comes and
// goes in the machine, a few 100 kB for a while: it would be 0.6 to 2 MB. On debug kernels KASAN keeps for a while what has been freed. The code is that of all
// architectures, so one runs each row: the faster one, or the one whose emulated processors run beside each other.
func TestMemoryIsGivenBack(t *testing.T) {
	long := "/" + strings.Repeat("a", 3000)
	for _, tt := range []struct {
		name     string
		arch     string
		times    int
		smallest int // allocation that could be lost, in bytes
		prepare  func(t *testing.T) (do func())
	}{
		{"hierarchies with an agent", "amd64", 150, 4096, func(t *testing.T) func() {
			dir, o := tempDir(t), named("agent")
			o.ReleaseAgent = long
			return func() {
				h := got(containerfs.Mount("memory", dir, o))(t)
				must(t, h.Unmount())
			}
		}},
		{"agents", "amd64", 400, 4096, func(t *testing.T) func() {
			h := mount(t, named("agents"))
			return func() {
				must(t, h.SetReleaseAgent(long))
				must(t, h.SetReleaseAgent(""))
			}
		}},
		{"no agents", "amd64", 200_000, 8, func(t *testing.T) func() {
			h := mount(t, named("none"))
			f := got(os.OpenFile(h.Root().File("release_agent"), os.O_WRONLY, 0))(t)
			t.Cleanup(func() { f.Close() })
			return func() { got(f.WriteAt([]byte("\n"), 0))(t) }
		}},
		{"containers with all subsystems", "amd64", 6000, 256, func(t *testing.T) func() {
			h := mount(t, containerfs.Options{})
			c := h.Container("/c")
			return func() {
				must(t, c.Create())
				must(t, c.Remove())
			}
		}},
		{"tasks in new sets", "amd64", 6000, 256, func(t *testing.T) func() {
			h := mount(t, named("tasks"))
			c := h.Container("/c")
			return func() {
				must(t, c.Create())
				pid := got(bare.Spawn(bare.Sleeps))(t)
				must(t, c.Attach(pid))
				kill(pid)
				must(t, c.Remove())
			}
		}},
		{"servers", "amd64", 500, 100 * 128, func(t *testing.T) func() {
			h := mount(t, bound("ns"))
			return func() {
				for range 100 {
					kill(got(bare.SpawnNew(unix.CLONE_NEWUTS, bare.Sleeps))(t))
				}
				eventually(t, "their containers have gone", func() bool { return len(got(h.Root().Children())(t)) == 0 })
			}
		}},
		{"listings", "amd64", 12_000, 64, func(t *testing.T) func() {
			h := mount(t, named("listings"))
			return func() { got(h.Root().Tasks())(t) }
		}},
		// Where tasks move meanwhile, a listing ends with a list of all tasks of the machine.
		{"listings beside moves", "ppc64", 400, 4096, func(t *testing.T) func() {
			home, crowd := besideMoves(t)
			_, tids := crowd()
			return func() {
				if tasks := got(home.Tasks())(t); len(tasks) != len(tids)+2 {
					t.Errorf("%d tasks are listed, there are %d", len(tasks), len(tids)+2)
				}
			}
		}},
		{"tasks that were listed beside moves", "ppc64", 4, 1000 * 4096, func(t *testing.T) func() {
			home, crowd := besideMoves(t)
			return func() {
				pid, _ := crowd()
				for range 25 {
					got(home.Tasks())(t)
				}
				kill(pid)
			}
		}},
	} {
		if tt.arch != runtime.GOARCH {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			begin(t)
			do := tt.prepare(t)
			for range tt.times / 4 {
				do()
			}
			before := unreclaimable(t)
			for range tt.times {
				do()
			}
			limit := before + int64(tt.times*tt.smallest/2)
			if !within(patience, func() bool { return unreclaimable(t) < limit }) {
				t.Errorf("the kernel's memory has grown from %d to %d bytes in %d turns", before, unreclaimable(t), tt.times)
			}
			t.Logf("grown by %d of %d bytes", unreclaimable(t)-before, tt.times*tt.smallest)
		})
	}
}

// besideMoves makes a container and keeps a task of it moving, in another hierarchy, past one that stays, until the end of the test; crowd makes a process of
// 1001 threads there.
func besideMoves(t *testing.T) (home containerfs.Container, crowd func() (pid int, tids []int)) {
	t.Helper()
	home, places := homeAndPlaces(t)
	hopper, resident := sleeper(t), sleeper(t)
	must(t, home.Attach(resident))
	must(t, places[1].Attach(resident)) // and the crowd on the other side, so that no move takes memory
	must(t, home.Attach(hopper))
	r := &race{t: t}
	at := 0
	r.worker("mover", func() error {
		at++
		return places[at%2].Attach(hopper)
	})
	t.Cleanup(r.finish)
	return home, func() (int, []int) {
		t.Helper()
		pid, tids := threaded(t, 1000)
		must(t, home.AttachProc(pid))
		must(t, places[0].AttachProc(pid))
		return pid, tids
	}
}

// unreclaimable returns how many bytes the kernel's slabs have that nothing but their owners can free.
func unreclaimable(t testing.TB) int64 {
	t.Helper()
	_, after, _ := strings.Cut(string(got(os.ReadFile("/proc/meminfo"))(t)), "SUnreclaim:")
	text, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	return got(strconv.ParseInt(text, 10, 64))(t) << 10
}
