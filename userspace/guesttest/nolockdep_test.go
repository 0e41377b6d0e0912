//go:build guest && nolockdep

package guesttest

// lockChecking tells whether the kernel of the debug flavor checks its locks. A flavor that watches something else does not.
const lockChecking = false
