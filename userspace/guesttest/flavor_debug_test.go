//go:build guest && debug

package guesttest

// debugFlavor tells whether the kernel has the debug pair of subsystems and failure injection.
const debugFlavor = true
