//go:build !amd64

package qemu

import "errors"

// probeKVM refuses: nobody has tried KVM on this architecture yet.
func probeKVM(string) error { return errors.New("KVM is used on x86_64 only") }
