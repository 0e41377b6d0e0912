package kconfig

import (
	"strings"
	"testing"
)

func TestVerify(t *testing.T) {
	fragment := []byte("# a comment\nCONFIG_A=y\nCONFIG_N=4\n# CONFIG_OFF is not set\n")
	for _, tt := range []struct{ name, config, want string }{
		{"as asked", "CONFIG_A=y\nCONFIG_N=4\n# CONFIG_OFF is not set\n", ""},
		{"off and unknown", "CONFIG_A=y\nCONFIG_N=4\n", ""},
		{"dropped", "CONFIG_N=4\n", "CONFIG_A is n, not y"},
		{"other value", "CONFIG_A=y\nCONFIG_N=8\n", "CONFIG_N is 8, not 4"},
		{"on", "CONFIG_A=y\nCONFIG_N=4\nCONFIG_OFF=y\n", "CONFIG_OFF is y, not n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Verify(fragment, []byte(tt.config))
			if tt.want == "" && err != nil {
				t.Errorf("Verify: %v", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Verify: %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestValue(t *testing.T) {
	config := []byte("CONFIG_HZ=250\n# CONFIG_OFF is not set\n")
	for name, want := range map[string]string{"CONFIG_HZ": "250", "CONFIG_OFF": "n", "CONFIG_NONE": "n"} {
		if got := Value(config, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
