//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// A pipe of pipeSize bytes has a ring of an entry of 40 bytes for each page, for which the kernel takes ringSize of its own memory, in one piece. If
// there is none, it looks for some that can be reclaimed, once, and then says so instead of killing anybody.
const (
	pipeSize = 128 << 20
	ringSize = 2 << 20
)

// takeKernelMemory makes the kernel allocate memory for the calling thread until it is more than limit bytes, or there is no more. It
// returns how much it was, and why there is no more. Then all is given back.
func takeKernelMemory(limit int) (taken int, err error) {
	var fds []int
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	for taken <= limit {
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
			return taken, os.NewSyscallError("pipe2", err)
		}
		fds = append(fds, ends[:]...)
		if _, err := unix.FcntlInt(uintptr(ends[0]), unix.F_SETPIPE_SZ, pipeSize); err != nil {
			return taken, os.NewSyscallError("F_SETPIPE_SZ", err)
		}
		taken += ringSize
	}
	return taken, nil
}

// takeKernelMemoryIn is takeKernelMemory for a thread of a cpuset.
func takeKernelMemoryIn(t testing.TB, c containerfs.Container, limit int) (taken int, err error) {
	t.Helper()
	onThread(t, func(int) {
		if err = c.Attach(0); err == nil {
			taken, err = takeKernelMemory(limit)
		}
	})
	return taken, err
}

// nodeMemory returns what a node says of its memory under a key, in bytes.
func nodeMemory(t testing.TB, node int, key string) int {
	t.Helper()
	for line := range strings.Lines(string(got(os.ReadFile(fmt.Sprintf("/sys/devices/system/node/node%d/meminfo", node)))(t))) {
		if words := strings.Fields(line); words[2] == key+":" {
			return got(strconv.Atoi(words[3]))(t) << 10
		}
	}
	t.Fatalf("node %d says nothing of %s", node, key)
	return 0
}

// What the kernel needs for the tasks of a cpuset without a wall comes from elsewhere when the cpuset's nodes have no more.
func TestCpusetNoWall(t *testing.T) {
	begin(t)
	h := cpusets(t)
	set(t, h.Root(), "memory_pressure_enabled", "1")
	a := cpuset(t, h.Root(), "a", allCPUs, "1")
	all := nodeMemory(t, 1, "MemTotal")
	if taken, err := takeKernelMemoryIn(t, a, all); err != nil {
		t.Errorf("there was no more after %d of %d MB: %v", taken>>20, all>>20, err)
	}
	// Nobody had to reclaim any.
	time.Sleep(aSecond)
	wantSet(t, a, "memory_pressure", "0")
}

// Where there is a wall it comes from within, for those in cpusets below, too; and if there is no more, tasks have to reclaim: that is the
// pressure on the cpuset that they are in, if anybody has asked for it.
func TestCpusetWall(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", allCPUs, "1")
	below := cpuset(t, a, "below", allCPUs, "1")
	hitWall := func(kind string) {
		t.Helper()
		free, all := nodeMemory(t, 1, "MemFree"), nodeMemory(t, 1, "MemTotal")
		taken, err := takeKernelMemoryIn(t, below, all)
		wantError(t, err, unix.ENOMEM, "%s: %d of %d MB are behind the wall", kind, taken>>20, all>>20)
		if taken < free/2 {
			t.Errorf("%s: there was no more after %d MB, with %d MB free", kind, taken>>20, free>>20)
		}
	}
	set(t, a, "mem_hardwall", "1")
	hitWall("mem_hardwall")
	time.Sleep(aSecond)
	wantSet(t, below, "memory_pressure", "0")

	set(t, a, "mem_hardwall", "0")
	set(t, a, "mem_exclusive", "1")
	set(t, h.Root(), "memory_pressure_enabled", "1")
	hitWall("mem_exclusive")
	eventually(t, "there was pressure", func() bool {
		return got(below.ReadUint("cpuset.memory_pressure"))(t) > 0
	})
	wantSet(t, a, "memory_pressure", "0")
	wantSet(t, h.Root(), "memory_pressure", "0")

	// Nothing happens any more: it falls, and those seconds count in which nobody has looked.
	time.Sleep(aSecond)
	before := got(below.ReadUint("cpuset.memory_pressure"))(t)
	time.Sleep(3 * aSecond)
	if after := got(below.ReadUint("cpuset.memory_pressure"))(t); after >= before {
		t.Errorf("the pressure was %d, and is %d", before, after)
	}
}

// aSecond is more than the time after which an event shows in memory_pressure.
const aSecond = 1100 * time.Millisecond
