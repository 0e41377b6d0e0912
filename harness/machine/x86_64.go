package machine

var x86_64 = Machine{
	Name:       "x86_64",
	GOARCH:     "amd64",
	KernelArch: "x86",
	Target:     "bzImage",
	Image:      "arch/x86/boot/bzImage",
	Debian:     []string{"qemu-system-x86"},

	QEMU: "qemu-system-x86_64",
	// pvpanic turns a kernel panic into the QMP event GUEST_PANICKED.
	Args:    []string{"-M", "q35", "-device", "pvpanic-pci"},
	Console: "ttyS0",
	Memory:  "512M",
}
