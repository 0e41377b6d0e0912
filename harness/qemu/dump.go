package qemu

import "time"

// dumpTime is how long it may take to write a guest's memory to a file.
const dumpTime = 5 * time.Minute

// Dump stops the guest for good and writes its memory and its processors' registers to a file, as an ELF core by physical addresses.
func (vm *VM) Dump(path string) error {
	if _, err := vm.ask("stop", nil); err != nil {
		return err
	}
	_, err := vm.askFor(dumpTime, "dump-guest-memory", map[string]any{"paging": false, "protocol": "file:" + path, "format": "elf"})
	return err
}
