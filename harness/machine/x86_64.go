package machine

import (
	"encoding/binary"
	"errors"
	"io"
)

var x86_64 = Machine{
	Name:       "x86_64",
	GOARCH:     "amd64",
	KernelArch: "x86",
	Target:     "bzImage",
	Image:      "arch/x86/boot/bzImage",
	Debian:     []string{"qemu-system-x86"},

	Recognize:      recognizeBzImage,
	DebugKASAN:     true,
	TickAccounting: true,

	QEMU: "qemu-system-x86_64",
	// pvpanic turns a kernel panic into the QMP event GUEST_PANICKED.
	Args:      []string{"-M", "q35", "-device", "pvpanic-pci"},
	Dump:      []string{"-device", "vmcoreinfo"},
	LinearMap: 0xffff888000000000,
	KernelMap: 0xffffffff80000000,
	Exact:     []string{"-cpu", "qemu64,+x2apic"},
	LineBits:  6,
	// The kernel lets the timer tick a few times to see that its interrupts come. On a busy host they come too late.
	CommandLine: []string{"no_timer_check"},
	TSC:         true,
	// Before 8.1 QEMU could keep translated code that another processor had changed meanwhile. x86 kernels patch their
	// code through a breakpoint, and one boot in ten met a stale breakpoint and died of it.
	ParallelSince: [2]int{8, 1},
	Console:       "ttyS0",
	ConsoleOption: "CONFIG_SERIAL_8250_CONSOLE",
	Memory:        "512M",
}

// Where a bzImage has its setup header, and in it what we look at.
const (
	setupMagic   = 0x202 // "HdrS"
	setupVersion = 0x20e // where the kernel's version stands, from 0x200 on
	setupFlags   = 0x236
	longMode     = 1 // the flag of a kernel that 64-bit code may enter
	longestWord  = 128
)

// recognizeBzImage recognizes a compressed kernel with the header that boot loaders know.
func recognizeBzImage(file io.ReaderAt) (string, error) {
	header := make([]byte, 0x240)
	if _, err := file.ReadAt(header, 0); err != nil || string(header[setupMagic:setupMagic+4]) != "HdrS" {
		return "", errOther
	}
	if header[setupFlags]&longMode == 0 {
		return "", errors.New("it is a 32-bit kernel")
	}
	version := make([]byte, longestWord)
	n, err := file.ReadAt(version, 0x200+int64(binary.LittleEndian.Uint16(header[setupVersion:])))
	if err != nil && err != io.EOF {
		return "", err
	}
	return firstWord(version[:n]), nil
}
