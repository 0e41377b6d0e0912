//go:build guest

package guesttest

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// Memory policies, and flags of mbind, as the kernel numbers them.
const (
	policyDefault = 0
	policyBind    = 2
)

// eater is a process that takes memory when it is told to.
type eater struct{ *process }

// newEater starts an eater in a cpuset.
func newEater(t testing.TB, c containerfs.Container) eater {
	t.Helper()
	e := eater{start(t, nil, nil, "eat")}
	must(t, c.AttachProc(e.pid))
	return e
}

// do sends a command, and returns what the eater says.
func (e eater) do(t testing.TB, format string, args ...any) string {
	t.Helper()
	e.say(t, fmt.Sprintf(format, args...))
	return e.line(t)
}

// area makes the eater map and fill an area of that many pages, and returns its address as numa_maps shows it.
func (e eater) area(t testing.TB, pages int) string {
	t.Helper()
	return e.do(t, "area %d", pages)
}

// eatHelper obeys commands on stdin, a line each, and answers each with a line:
//
//	area PAGES           maps anonymous memory and fills it; says the address
//	file PATH            maps a file and reads all of it; says the address
//	write PATH PAGES     makes a file
//	tables MEGABYTES     takes so much memory for page tables
//	policy MODE NODE     sets the policy of the task; says the errno
//	bind ADDRESS NODE    binds an area to a node; says the errno
//	names COUNT          looks for so many more files that are not there
func eatHelper([]string) {
	asked := 0
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		number := func(i int) uintptr {
			n, err := strconv.ParseUint(words[i], 0, 64)
			if err != nil {
				panic(err)
			}
			return uintptr(n)
		}
		switch words[0] {
		case "area":
			// With a page around it that nobody may touch, so that it stays a mapping of its own.
			around := mustMap(-1, (number(1)+2)*pageSize, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
			area := around[pageSize : len(around)-pageSize]
			if err := unix.Mprotect(area, unix.PROT_READ|unix.PROT_WRITE); err != nil {
				panic(err)
			}
			for i := 0; i < len(area); i += pageSize {
				area[i] = 1
			}
			fmt.Printf("%x\n", unsafe.Pointer(&area[0]))
		case "file":
			f, err := os.Open(words[1])
			if err != nil {
				panic(err)
			}
			info, err := f.Stat()
			if err != nil {
				panic(err)
			}
			area := mustMap(int(f.Fd()), uintptr(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
			for i := 0; i < len(area); i += pageSize {
				seen += int(area[i])
			}
			fmt.Printf("%x\n", unsafe.Pointer(&area[0]))
		case "write":
			err := os.WriteFile(words[1], make([]byte, number(2)*pageSize), 0o600)
			report(err)
		case "tables":
			// A page table each, for a part of the address space that shows nothing but the page of zeros.
			const covered = 2 << 20
			tables := number(1) << 20 / pageSize
			area := mustMap(-1, tables*covered, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
			for i := 0; i < len(area); i += covered {
				seen += int(area[i])
			}
			fmt.Println(seen)
		case "policy":
			nodes := uint64(1) << number(2)
			_, _, errno := syscall.RawSyscall(unix.SYS_SET_MEMPOLICY, number(1), uintptr(unsafe.Pointer(&nodes)), 64)
			fmt.Println(int(errno))
		case "bind":
			address, err := strconv.ParseUint(words[1], 16, 64)
			if err != nil {
				panic(err)
			}
			nodes := uint64(1) << number(2)
			_, _, errno := syscall.RawSyscall6(unix.SYS_MBIND, uintptr(address), pageSize, policyBind,
				uintptr(unsafe.Pointer(&nodes)), 64, 0)
			fmt.Println(int(errno))
		case "names":
			for range number(1) {
				var st unix.Stat_t
				unix.Stat(fmt.Sprintf("/sys/no-such-file-%0220d", asked), &st)
				asked++
			}
			fmt.Println("done")
		default:
			panic(lines.Text())
		}
	}
}

const pageSize = 4096

// seen is what was read, so that it is read.
var seen int

func mustMap(fd int, size uintptr, prot, flags int) []byte {
	area, err := unix.Mmap(fd, 0, int(size), prot, flags)
	if err != nil {
		panic(err)
	}
	return area
}

// mapping is what numa_maps tells of one mapping of a process: its policy, and its pages by node.
type mapping struct {
	policy string
	pages  [2]int
}

func mappingOf(t testing.TB, pid int, address string) mapping {
	t.Helper()
	for line := range strings.Lines(string(got(os.ReadFile(fmt.Sprintf("/proc/%d/numa_maps", pid)))(t))) {
		words := strings.Fields(line)
		if words[0] != address {
			continue
		}
		m := mapping{policy: words[1]}
		for _, word := range words[2:] {
			for node := range m.pages {
				if n, found := strings.CutPrefix(word, fmt.Sprintf("N%d=", node)); found {
					m.pages[node] = got(strconv.Atoi(n))(t)
				}
			}
		}
		return m
	}
	t.Fatalf("process %d has no mapping at %s", pid, address)
	return mapping{}
}

func wantMapping(t testing.TB, e eater, address string, want mapping) {
	t.Helper()
	if m := mappingOf(t, e.pid, address); m != want {
		t.Errorf("the mapping at %s: got %+v, want %+v", address, m, want)
	}
}

func TestCpusetMemory(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", allCPUs, "1")
	e := newEater(t, a)
	first := e.area(t, 50)
	wantMapping(t, e, first, mapping{"default", [2]int{0, 50}})
	set(t, a, "mems", "0")
	wantAllowed(t, e.pid, allCPUs, "0")
	// What is there stays.
	wantMapping(t, e, first, mapping{"default", [2]int{0, 50}})
	second := e.area(t, 60)
	wantMapping(t, e, second, mapping{"default", [2]int{60, 0}})
	must(t, h.Root().AttachProc(e.pid))
	wantAllowed(t, e.pid, allCPUs, allNodes)
}

func TestCpusetMigrate(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", allCPUs, "1")
	b := cpuset(t, h.Root(), "b", allCPUs, "1")
	e := newEater(t, a)
	area := e.area(t, 50)
	set(t, a, "memory_migrate", "1")
	// With the change of mems.
	set(t, a, "mems", "0")
	wantMapping(t, e, area, mapping{"default", [2]int{50, 0}})
	set(t, a, "mems", allNodes)
	wantMapping(t, e, area, mapping{"default", [2]int{50, 0}})
	set(t, a, "mems", "1")
	wantMapping(t, e, area, mapping{"default", [2]int{0, 50}})
	set(t, a, "mems", "0")
	wantMapping(t, e, area, mapping{"default", [2]int{50, 0}})
	// A task that comes leaves its pages behind, or brings them along: as the cpuset says that it comes to.
	must(t, b.AttachProc(e.pid))
	wantMapping(t, e, area, mapping{"default", [2]int{50, 0}})
	must(t, a.AttachProc(e.pid))
	set(t, b, "memory_migrate", "1")
	must(t, b.AttachProc(e.pid))
	wantMapping(t, e, area, mapping{"default", [2]int{0, 50}})
	must(t, a.Attach(e.pid)) // the leader alone stands for the process
	wantMapping(t, e, area, mapping{"default", [2]int{50, 0}})
	must(t, h.Root().AttachProc(e.pid))
}

// A file that all of its pages are mapped from several processes moves too.
func TestCpusetMigrateShared(t *testing.T) {
	begin(t)
	h := cpusets(t)
	dir := tempDir(t)
	must(t, unix.Mount("shared", dir, "tmpfs", 0, ""))
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	a := cpuset(t, h.Root(), "a", allCPUs, "1")
	set(t, a, "memory_migrate", "1")
	e, other := newEater(t, a), newEater(t, a)
	wantText(t, "0", e.do(t, "write %s/file 20", dir))
	area := e.do(t, "file %s/file", dir)
	other.do(t, "file %s/file", dir)
	set(t, a, "mems", "0")
	wantMapping(t, e, area, mapping{"default", [2]int{20, 0}})
	must(t, h.Root().AttachProc(e.pid))
	must(t, h.Root().AttachProc(other.pid))
}

func wantText(t testing.TB, want, text string) {
	t.Helper()
	if text != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

// Policies, of the task and of an area, go with the nodes.
func TestCpusetPolicies(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", allCPUs, "0")
	b := cpuset(t, h.Root(), "b", allCPUs, "1")
	e := newEater(t, a)
	area := e.area(t, 1)
	wantText(t, "22", e.do(t, "policy %d 1", policyBind)) // EINVAL: it has no such node
	wantText(t, "22", e.do(t, "bind %s 1", area))
	wantText(t, "0", e.do(t, "bind %s 0", area))
	wantText(t, "0", e.do(t, "policy %d 0", policyBind))
	wantMapping(t, e, area, mapping{"bind:0", [2]int{1, 0}})
	set(t, a, "mems", "1")
	wantMapping(t, e, area, mapping{"bind:1", [2]int{1, 0}})
	second := e.area(t, 10)
	wantMapping(t, e, second, mapping{"bind:1", [2]int{0, 10}})
	set(t, a, "mems", "0")
	wantMapping(t, e, area, mapping{"bind:0", [2]int{1, 0}})
	must(t, b.AttachProc(e.pid))
	wantMapping(t, e, area, mapping{"bind:1", [2]int{1, 0}})
	wantMapping(t, e, second, mapping{"bind:1", [2]int{0, 10}})
	must(t, h.Root().AttachProc(e.pid))
}

// The pages of files are spread over the nodes, one after the other; those of others are where they are used.
func TestCpusetSpreadPages(t *testing.T) {
	begin(t)
	h := cpusets(t)
	dir := tempDir(t)
	must(t, unix.Mount("spread", dir, "ramfs", 0, "")) // whose pages are like those of files on disk
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	a := cpuset(t, h.Root(), "a", "0", allNodes)
	e := newEater(t, a)
	written := func(name string) mapping {
		t.Helper()
		wantText(t, "0", e.do(t, "write %s/%s 64", dir, name))
		return mappingOf(t, e.pid, e.do(t, "file %s/%s", dir, name))
	}
	if m := written("before"); m.pages != [2]int{64, 0} {
		t.Errorf("not spread: %v", m.pages)
	}
	set(t, a, "memory_spread_page", "1")
	if m := written("spread"); m.pages != [2]int{32, 32} {
		t.Errorf("spread: %v", m.pages)
	}
	set(t, a, "memory_spread_page", "0")
	if m := written("after"); m.pages != [2]int{64, 0} {
		t.Errorf("not spread any more: %v", m.pages)
	}
	// A task that comes takes the flag of where it comes to.
	b := cpuset(t, h.Root(), "b", "0", allNodes)
	set(t, b, "memory_spread_page", "1")
	must(t, b.AttachProc(e.pid))
	if m := written("moved"); m.pages != [2]int{32, 32} {
		t.Errorf("spread after a move: %v", m.pages)
	}
	set(t, b, "mems", "1")
	if m := written("one"); m.pages != [2]int{0, 64} {
		t.Errorf("spread over one node: %v", m.pages)
	}
	set(t, h.Root(), "memory_spread_page", "1")
	must(t, h.Root().AttachProc(e.pid))
	if m := written("root"); m.pages != [2]int{32, 32} {
		t.Errorf("spread in the root: %v", m.pages)
	}
}
