package qemu

import (
	"fmt"
	"os/exec"
	"runtime"
	"sync"

	"gpc/harness/machine"
)

// Accelerators lets the machine run on the host's own processors where KVM works and fits, and else on an emulation
// with a thread for each processor, or one for all where the kernel patches its own code while it runs and the emulator is too old for that.
func Accelerators(m *machine.Machine, patchesItself bool) Option {
	return func(s *spec) error {
		thread := "multi"
		if patchesItself && emulatorVersion(m.QEMU).before(m.ParallelSince) {
			thread = "single"
		}
		// Emulation still is the second choice: KVM can fail later than a probe can see.
		if m.GOARCH == runtime.GOARCH && kvmWorks() {
			s.add("-accel", "kvm")
		}
		s.add("-accel", "tcg,thread="+thread)
		return nil
	}
}

// kvmWorks tells, once for all machines of this process, whether the host has a KVM that is worth using.
var kvmWorks = sync.OnceValue(func() bool { return probeKVM("/dev/kvm") == nil })

// version is a version of QEMU.
type version [2]int

// before tells whether v is older than the version since.
func (v version) before(since [2]int) bool {
	return v[0] < since[0] || v[0] == since[0] && v[1] < since[1]
}

// emulatorVersion asks an emulator for its version. One that does not tell counts as the oldest.
func emulatorVersion(program string) version {
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return version{}
	}
	return parseVersion(string(out))
}

func parseVersion(text string) version {
	var v version
	if _, err := fmt.Sscanf(text, "QEMU emulator version %d.%d", &v[0], &v[1]); err != nil {
		return version{}
	}
	return v
}
