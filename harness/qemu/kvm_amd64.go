package qemu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of KVM's interface, for x86_64.
const (
	kvmCreateVM      = 0xAE01
	kvmRunSize       = 0xAE04
	kvmCreateCPU     = 0xAE41
	kvmRun           = 0xAE80
	kvmSetMemory     = 0x4020AE46
	kvmSetRegisters  = 0x4090AE82
	kvmGetSRegisters = 0x8138AE83
	kvmSetSRegisters = 0x4138AE84
)

// The program of the probe counts down and halts. Processors do a turn in about a nanosecond; a KVM that has to
// emulate every instruction, as some nested ones do, needs hundreds. A turn must not take longer than turnTime.
const (
	turns    = 20000
	turnTime = 50 * time.Nanosecond
	attempts = 3 // the host may have been busy
)

// countDown is `mov ecx, turns; again: dec ecx; jnz again; hlt`, for a processor as it is after a reset.
var countDown = append(binary.LittleEndian.AppendUint32([]byte{0x66, 0xB9}, turns), 0x66, 0x49, 0x75, 0xFC, 0xF4)

// probeKVM makes a small virtual machine with device and runs a program in it. The device may be there and refuse,
// or work and be slower than emulation: both are errors.
func probeKVM(device string) error {
	kvm, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer kvm.Close()
	fastest := time.Hour
	for range attempts {
		took, err := timeKVM(int(kvm.Fd()))
		if err != nil {
			return err
		}
		fastest = min(fastest, took)
	}
	if fastest > turns*turnTime {
		return fmt.Errorf("KVM is slow: %d turns of a loop took %v", turns, fastest)
	}
	return nil
}

// timeKVM runs countDown in a new virtual machine and returns the time that took.
func timeKVM(kvm int) (time.Duration, error) {
	vm, err := unix.IoctlRetInt(kvm, kvmCreateVM)
	if err != nil {
		return 0, fmt.Errorf("make a virtual machine: %w", err)
	}
	defer unix.Close(vm)
	memory, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return 0, err
	}
	defer unix.Munmap(memory)
	copy(memory, countDown)
	if err := setMemory(vm, memory); err != nil {
		return 0, fmt.Errorf("give it memory: %w", err)
	}
	cpu, err := unix.IoctlRetInt(vm, kvmCreateCPU)
	if err != nil {
		return 0, fmt.Errorf("give it a processor: %w", err)
	}
	defer unix.Close(cpu)
	if err := jumpToZero(cpu); err != nil {
		return 0, fmt.Errorf("set its registers: %w", err)
	}
	size, err := unix.IoctlRetInt(kvm, kvmRunSize)
	if err != nil {
		return 0, err
	}
	state, err := unix.Mmap(cpu, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return 0, err
	}
	defer unix.Munmap(state)
	return timeRun(cpu, state)
}

// timeRun runs a processor until it halts. state is what it shares with the kernel.
func timeRun(cpu int, state []byte) (time.Duration, error) {
	const exitReason, halted = 8, 5
	start := time.Now()
	for {
		_, err := unix.IoctlRetInt(cpu, kvmRun)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return 0, fmt.Errorf("run: %w", err)
		}
	}
	if reason := binary.LittleEndian.Uint32(state[exitReason:]); reason != halted {
		return 0, fmt.Errorf("run: it stopped for reason %d instead of halting", reason)
	}
	return time.Since(start), nil
}

// setMemory makes memory the virtual machine's, from address 0 on.
func setMemory(vm int, memory []byte) error {
	region := struct {
		slot, flags         uint32
		address, size, host uint64
	}{size: uint64(len(memory)), host: uint64(uintptr(unsafe.Pointer(&memory[0])))}
	return ioctl(vm, kvmSetMemory, unsafe.Pointer(&region))
}

// jumpToZero makes address 0 the next instruction of a processor in the mode it has after a reset.
func jumpToZero(cpu int) error {
	var segments [0x138]byte
	if err := ioctl(cpu, kvmGetSRegisters, unsafe.Pointer(&segments)); err != nil {
		return err
	}
	// The code segment is the first: its base, then its limit, then its selector.
	clear(segments[:8])
	clear(segments[12:14])
	if err := ioctl(cpu, kvmSetSRegisters, unsafe.Pointer(&segments)); err != nil {
		return err
	}
	// All are zero, the instruction pointer among them, but for the last, the flags, of which one bit is always set.
	registers := [0x90 / 8]uint64{0x90/8 - 1: 2}
	return ioctl(cpu, kvmSetRegisters, unsafe.Pointer(&registers))
}

// ioctl makes a request with an argument.
func ioctl(fd int, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}
