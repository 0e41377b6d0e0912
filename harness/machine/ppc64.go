package machine

// ppc64 is big-endian, as the machine that panicked in January 2007 was.
var ppc64 = Machine{
	Name:         "ppc64",
	GOARCH:       "ppc64",
	KernelArch:   "powerpc",
	CrossCompile: "powerpc64-linux-gnu-",
	Target:       "vmlinux",
	Image:        "vmlinux",
	Debian:       []string{"qemu-system-ppc", "gcc-powerpc64-linux-gnu", "libc6-dev-ppc64-cross"},

	QEMU: "qemu-system-ppc64",
	// x-vof replaces a firmware that takes seven seconds to start; the capabilities switched off are those that
	// an emulated POWER9 cannot offer and QEMU would otherwise warn about. A panic reaches the host through the
	// hypervisor call os-term, without a device.
	Args: []string{"-M", "pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off",
		"-cpu", "power9"},
	// With a variable for the firmware to keep, the emulator formats the NVRAM, of which the kernel would complain else.
	RealTime: []string{"-prom-env", "auto-boot?=false"},
	Console:  "hvc0",
	Memory:   "1G",
}
