//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"gpc/userspace/containerfs"
)

// nodeMemory returns a line of what a node tells of its memory, in megabytes.
func nodeMemory(t testing.TB, node int, key string) int {
	t.Helper()
	for line := range strings.Lines(string(got(os.ReadFile(fmt.Sprintf("/sys/devices/system/node/node%d/meminfo", node)))(t))) {
		if words := strings.Fields(line); words[2] == key+":" {
			return got(strconv.Atoi(words[3]))(t) >> 10
		}
	}
	t.Fatalf("node %d says nothing of %s", node, key)
	return 0
}

// The page tables that fill a node leave it so many megabytes; what then comes needs more.
const (
	spareMemory   = 64
	neededMemory  = 100
	namesInMemory = 1500 // in a megabyte: the kernel's memory for a long name of a file that is not there
)

// fullNode returns an eater in a cpuset that has one node, which is almost full of what cannot be reclaimed. What the eater makes the
// kernel allocate further is names of files that are not there.
func fullNode(t *testing.T, c containerfs.Container) eater {
	t.Helper()
	e := newEater(t, c)
	free := nodeMemory(t, 1, "MemFree")
	e.do(t, "tables %d", free-spareMemory)
	return e
}

// The kernel's memory for the tasks of a cpuset with a wall comes from there, and if there is no more, tasks have to reclaim it: that is
// the pressure. Without the wall it comes from what is around.
func TestCpusetHardwall(t *testing.T) {
	for _, wall := range []string{"mem_hardwall", "mem_exclusive"} {
		t.Run(wall, func(t *testing.T) {
			begin(t)
			h := cpusets(t)
			set(t, h.Root(), "memory_pressure_enabled", "1")
			a := cpuset(t, h.Root(), "a", allCPUs, "1")
			below := cpuset(t, a, "below", allCPUs, "1")
			set(t, a, wall, "1")
			e := fullNode(t, below)
			before := nodeMemory(t, 0, "Slab")
			for range neededMemory / 4 {
				e.do(t, "names %d", 4*namesInMemory)
			}
			if grown := nodeMemory(t, 0, "Slab") - before; grown > neededMemory/4 {
				t.Errorf("%d MB of the kernel's memory are beyond the wall", grown)
			}
			if pressure := got(below.ReadUint("cpuset.memory_pressure"))(t); pressure == 0 {
				t.Error("nobody had to reclaim memory")
			}
			wantSet(t, a, "memory_pressure", "0")
			wantSet(t, h.Root(), "memory_pressure", "0")
			must(t, h.Root().AttachProc(e.pid))
			e.stop()
		})
	}
}

func TestCpusetNoHardwall(t *testing.T) {
	begin(t)
	h := cpusets(t)
	a := cpuset(t, h.Root(), "a", allCPUs, "1")
	e := fullNode(t, a)
	before := nodeMemory(t, 0, "Slab")
	e.do(t, "names %d", neededMemory*namesInMemory)
	if grown := nodeMemory(t, 0, "Slab") - before; grown < neededMemory/8 {
		t.Errorf("only %d MB of the kernel's memory came from the other node", grown)
	}
	// What was not enabled has not been counted.
	wantSet(t, a, "memory_pressure", "0")
	must(t, h.Root().AttachProc(e.pid))
	e.stop()
}
