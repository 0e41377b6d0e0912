package qemu

import "testing"

func TestVersion(t *testing.T) {
	for _, tt := range []struct {
		text   string
		since  [2]int
		before bool
	}{
		{"QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright", [2]int{8, 1}, true},
		{"QEMU emulator version 8.0.5", [2]int{8, 1}, true},
		{"QEMU emulator version 8.1.0", [2]int{8, 1}, false},
		{"QEMU emulator version 10.0.2", [2]int{8, 1}, false},
		{"something else", [2]int{8, 1}, true},
		{"something else", [2]int{}, false},
	} {
		if got := parseVersion(tt.text).before(tt.since); got != tt.before {
			t.Errorf("%q before %v: %v, want %v", tt.text, tt.since, got, tt.before)
		}
	}
}
