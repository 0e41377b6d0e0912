//go:build guest && debug

package guesttest

// debugFlavor tells whether the kernel has the debug pair of subsystems and failure injection.
const debugFlavor = true

// slowness is how much longer than elsewhere something takes on this kernel, for what is done as often as there is time for.
const slowness = 2
