//go:build guest && !nolockdep

package guesttest

// lockChecking tells whether the kernel of the debug flavor checks its locks.
const lockChecking = debugFlavor
