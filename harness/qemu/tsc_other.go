//go:build !amd64

package qemu

// TSCFrequency returns the frequency in kHz at which an x86 guest's time stamp counter runs: 0, which says that nobody knows.
func TSCFrequency() int { return 0 }
