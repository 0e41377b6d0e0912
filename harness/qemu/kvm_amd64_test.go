package qemu

import "testing"

func TestProbeKVMWithoutDevice(t *testing.T) {
	for _, device := range []string{"/nonexistent", "/dev/null"} {
		if err := probeKVM(device); err == nil {
			t.Errorf("%s passed for a working KVM", device)
		}
	}
	// With a device the answer depends on the host, but it must come.
	t.Logf("/dev/kvm: %v", probeKVM("/dev/kvm"))
}
