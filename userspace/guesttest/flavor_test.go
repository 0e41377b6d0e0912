//go:build guest && !debug

package guesttest

// debugFlavor tells whether the kernel has the debug pair of subsystems and failure injection.
const debugFlavor = false

// slowness is how much longer than elsewhere something takes on this kernel.
const slowness = 1
