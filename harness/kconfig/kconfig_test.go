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

// TestTrim reads what an editor of another system, or one that indents, has left.
func TestTrim(t *testing.T) {
	config := []byte("  CONFIG_A=y\r\n\t# CONFIG_B is not set \r\n\r\nCONFIG_TEXT=\"two words \"\r\n")
	const want = "CONFIG_A=y\n# CONFIG_B is not set\n\nCONFIG_TEXT=\"two words \"\n"
	if got := string(Trim(config)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := Verify(config, []byte(want)); err != nil {
		t.Errorf("the same but for what is around the lines: %v", err)
	}
}

func TestNonsense(t *testing.T) {
	for _, line := range []string{"", "  ", "# a remark", "CONFIG_A=y", " CONFIG_A=n\r", "CONFIG_A=m", "CONFIG_A=-1", "CONFIG_A=0x1F", `CONFIG_A="a # b"`, "CONFIG_A="} {
		if n := Nonsense([]byte("CONFIG_B=y\n" + line + "\n")); n != 0 {
			t.Errorf("%q: line %d is nonsense", line, n)
		}
	}
	for _, line := range []string{"A=y", "CONFIG_A", "CONFIG_A=yes", "CONFIG_A=Y", "CONFIG_A = y", "CONFIG_A=y # why", "CONFIG_A=1 2", "CONFIG_A=text", "// no"} {
		if n := Nonsense([]byte("CONFIG_B=y\n" + line + "\n")); n != 2 {
			t.Errorf("%q: line %d is nonsense", line, n)
		}
	}
}
