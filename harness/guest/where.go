package guest

import (
	"fmt"
	"strings"

	"gpc/harness/kernel"
	"gpc/harness/qemu"
	"gpc/harness/symbols"
)

// mostCallers is how many places on a processor's stack are told.
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
	text, ok := functions.Place(p.PC)
	if !ok {
		return fmt.Sprintf("%#x, which is not the kernel", p.PC)
	}
	if p.Halted {
		text += ", waiting for an interrupt"
	}
	if callers := callers(p, functions); len(callers) > 0 {
		text += "\n    on its stack, some perhaps from earlier:\n    " + strings.Join(callers, "\n    ")
	}
	return text
}

// callers tells where a processor in the kernel may return to: the place in its link register, and those whose addresses lie on its stack, from the
// top.
func callers(p qemu.Processor, functions symbols.Table) []string {
	var places []string
	for _, address := range append([]uint64{p.Link}, p.Stack...) {
		if !functions.Inside(address) {
			continue
		}
		place, _ := functions.Place(address)
		if len(places) == 0 || places[len(places)-1] != place {
			places = append(places, place)
		}
		if len(places) == mostCallers {
			break
		}
	}
	return places
}
