package machine

var x86_64 = Machine{
	Name:       "x86_64",
	GOARCH:     "amd64",
	KernelArch: "x86",
	Target:     "bzImage",
	Image:      "arch/x86/boot/bzImage",
	Debian:     []string{"qemu-system-x86"},

	TickAccounting: true,

	QEMU: "qemu-system-x86_64",
	// pvpanic turns a kernel panic into the QMP event GUEST_PANICKED.
	Args:  []string{"-M", "q35", "-device", "pvpanic-pci"},
	Exact: []string{"-cpu", "qemu64,+x2apic"},
	// The kernel lets the timer tick a few times to see that its interrupts come. On a busy host they come too late.
	CommandLine: []string{"no_timer_check"},
	TSC:         true,
	// Before 8.1 QEMU could keep translated code that another processor had changed meanwhile. x86 kernels patch their
	// code through a breakpoint, and one boot in ten met a stale breakpoint and died of it.
	ParallelSince: [2]int{8, 1},
	Console:       "ttyS0",
	Memory:        "512M",
}
