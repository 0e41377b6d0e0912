package guest

import (
	"fmt"
	"strings"

	"gpc/harness/kernel"
	"gpc/harness/qemu"
	"gpc/harness/symbols"
)

// mostCallers is how many functions of a processor's stack are named.
const mostCallers = 16

// where tells what a guest's processors are at, and stops them for good. What it cannot find out it says.
func where(vm *qemu.VM, image *kernel.Image) string {
	processors, err := vm.Processors()
	if err != nil {
		return fmt.Sprintf("(unknown: %v)", err)
	}
	functions, err := symbols.Read(image)
	if err != nil {
		return fmt.Sprintf("(unknown: %v)", err)
	}
	var text strings.Builder
	for n, p := range processors {
		fmt.Fprintf(&text, "processor %d: %s\n", n, place(p, functions))
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// place tells what a processor is at.
func place(p qemu.Processor, functions symbols.Table) string {
	if p.User {
		return fmt.Sprintf("a program, at %#x", p.PC)
	}
	name, offset, ok := functions.At(p.PC)
	if !ok {
		return fmt.Sprintf("%#x, which is not the kernel", p.PC)
	}
	text := fmt.Sprintf("%s+%#x", name, offset)
	if p.Halted {
		text += ", waiting for an interrupt"
	}
	if callers := callers(p, functions); len(callers) > 0 {
		text += "\n    on its stack, some perhaps from earlier: " + strings.Join(callers, " ")
	}
	return text
}

// callers names the functions that a processor in the kernel may return to: the one in its link register, and those whose addresses lie on its
// stack, from the top.
func callers(p qemu.Processor, functions symbols.Table) []string {
	var names []string
	for _, address := range append([]uint64{p.Link}, p.Stack...) {
		name, _, ok := functions.Inside(address)
		if ok && (len(names) == 0 || names[len(names)-1] != name) {
			names = append(names, name)
		}
		if len(names) == mostCallers {
			break
		}
	}
	return names
}
