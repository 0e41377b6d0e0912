// Package guesttest is the regression suite of the container kernel: ordinary Go tests that run inside the guest, as root.
//
// They are built with the tag guest only, because they mount filesystems, unplug processors and move every task of the machine
// about. harness/regress builds them for each architecture, boots a guest, and runs them there; on a machine without the
// filesystem type "container" they refuse to start.
//
// The tag debug, for the debug flavor of the kernel, adds the tests that need what only that flavor has: the two subsystems debug_a and
// debug_b (subsys_test.go), and the injection of failing allocations (fail_test.go). The tag nolockdep goes with it for the flavors that have
// those, and not the checking of locks.
//
// Every test leaves the machine as it was: begin checks at a test's end that no hierarchy is left and that the kernel has not
// complained, and TestMain checks the whole run.
package guesttest
