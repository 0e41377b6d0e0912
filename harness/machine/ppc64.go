package machine

import (
	"debug/elf"
	"errors"
	"io"
)

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
	// Emulated processors may go on with a translation for a moment after another has invalidated it for all of them and waited, as the
	// architecture has it (QEMU 7.2 flushes the others' when they come to it): writes went to the page that a fork had left to the child.
	// With radix page tables the kernel can do without, by interrupts: the tests have it do that where they need it (guesttest/bare/fork.go).
	// disable_tlbie has it always do that, and a storm of forks take ten times as long.
	CommandLine: []string{"disable_radix=no"},
	LineBits:    7,
	LinearMap:   0xc000000000000000,
	Console:     "hvc0",
	Memory:      "1G",

	ConsoleOption: "CONFIG_HVC_CONSOLE",
	Recognize:     recognizePPC64,
}

// recognizePPC64 recognizes a linked kernel.
func recognizePPC64(file io.ReaderAt) (string, error) {
	f, err := elf.NewFile(file)
	if err != nil || f.Machine != elf.EM_PPC64 || f.Type == elf.ET_REL {
		return "", errOther
	}
	if f.ByteOrder.String() != "BigEndian" {
		return "", errors.New("it is a little-endian kernel, and the programs of the guests are big-endian")
	}
	return banner(f)
}
