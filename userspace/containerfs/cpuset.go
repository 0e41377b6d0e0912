package containerfs

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/utils/cpuset"
)

// CPUSet is a set of CPUs or of memory nodes.
type CPUSet = cpuset.CPUSet

// maxCPU is more than any machine's last CPU or memory node.
const maxCPU = 1<<16 - 1

// ParseCPUs returns the set that a list such as "0-3,7" describes.
func ParseCPUs(list string) (CPUSet, error) {
	// The set is kept number by number: what is too large for any machine has to be found before.
	for number := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == '-' }) {
		if n, err := strconv.Atoi(number); err == nil && n > maxCPU {
			return CPUSet{}, fmt.Errorf("%d is too large a number", n)
		}
	}
	return cpuset.Parse(list)
}

// Cpuset is what subsystem cpuset keeps for a container: on which CPUs its tasks run, and where their memory comes from.
type Cpuset struct{ subsystem }

// Cpuset returns the container's settings in subsystem cpuset.
func (c Container) Cpuset() Cpuset { return Cpuset{subsystem{c, "cpuset"}} }

// CPUs returns the CPUs that have been configured.
func (s Cpuset) CPUs() (CPUSet, error) { return s.set("cpus") }

// SetCPUs configures the CPUs that the tasks may run on. All tasks in the container move at once.
func (s Cpuset) SetCPUs(cpus CPUSet) error { return s.write("cpus", cpus.String()) }

// Mems returns the memory nodes that have been configured.
func (s Cpuset) Mems() (CPUSet, error) { return s.set("mems") }

// SetMems configures the memory nodes that the tasks' memory comes from.
func (s Cpuset) SetMems(nodes CPUSet) error { return s.write("mems", nodes.String()) }

// EffectiveCPUs returns the CPUs that the tasks run on now: those configured that are online, or what there is instead.
func (s Cpuset) EffectiveCPUs() (CPUSet, error) { return s.set("effective_cpus") }

// EffectiveMems returns the memory nodes that are used now.
func (s Cpuset) EffectiveMems() (CPUSet, error) { return s.set("effective_mems") }

func (s Cpuset) set(file string) (CPUSet, error) { return parsed(s.subsystem, file, ParseCPUs) }

// CpusetFlag is a setting of a cpuset that is on or off, by the name of its file.
type CpusetFlag string

// The flags of a cpuset.
const (
	// CPUExclusive: no sibling shares CPUs with it.
	CPUExclusive CpusetFlag = "cpu_exclusive"
	// MemExclusive: no sibling shares memory nodes with it, and it is MemHardwall.
	MemExclusive CpusetFlag = "mem_exclusive"
	// MemHardwall: memory that the kernel needs for the tasks comes from here or below.
	MemHardwall CpusetFlag = "mem_hardwall"
	// MemoryMigrate: pages follow where the memory nodes change.
	MemoryMigrate CpusetFlag = "memory_migrate"
	// MemoryPressureEnabled, in the root: memory pressure is measured in all cpusets.
	MemoryPressureEnabled CpusetFlag = "memory_pressure_enabled"
	// MemorySpreadPage: the page cache is spread over the memory nodes.
	MemorySpreadPage CpusetFlag = "memory_spread_page"
	// MemorySpreadSlab is kept, and does nothing: Linux has no such policy any more.
	MemorySpreadSlab CpusetFlag = "memory_spread_slab"
	// SchedLoadBalance: the scheduler balances load over the CPUs.
	SchedLoadBalance CpusetFlag = "sched_load_balance"
)

// CpusetFlags returns the flags that every cpuset has.
func CpusetFlags() []CpusetFlag {
	return []CpusetFlag{CPUExclusive, MemExclusive, MemHardwall, MemoryMigrate, MemorySpreadPage, MemorySpreadSlab, SchedLoadBalance}
}

// Flag tells whether a flag is on.
func (s Cpuset) Flag(f CpusetFlag) (bool, error) {
	n, err := s.readUint(string(f))
	return n != 0, err
}

// SetFlag turns a flag on or off.
func (s Cpuset) SetFlag(f CpusetFlag, on bool) error {
	if on {
		return s.write(string(f), "1")
	}
	return s.write(string(f), "0")
}

// RelaxDomainLevel returns how far the scheduler looks for an idle CPU when a task wakes up: -1, the system's default, to 5.
func (s Cpuset) RelaxDomainLevel() (int, error) {
	return parsed(s.subsystem, "sched_relax_domain_level", strconv.Atoi)
}

// SetRelaxDomainLevel says how far the scheduler looks for an idle CPU when a task wakes up.
func (s Cpuset) SetRelaxDomainLevel(level int) error {
	return s.write("sched_relax_domain_level", strconv.Itoa(level))
}

// MemoryPressure returns how often tasks have had to free memory themselves, a thousand times a second, as a decaying average.
func (s Cpuset) MemoryPressure() (uint64, error) { return s.readUint("memory_pressure") }
