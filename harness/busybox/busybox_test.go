package busybox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	const none = "# a comment\n# CONFIG_AWK is not set\n# CONFIG_WGET is not set\n# CONFIG_FEATURE_AWK_LIBM is not set\n# CONFIG_ASH_ALIAS is not set\n" +
		"# CONFIG_STATIC is not set\nCONFIG_MAX=0\n"
	const fragment = "# the commands\nCONFIG_STATIC=y\nCONFIG_AWK=y\n# CONFIG_FEATURE_CIFS is not set\n"
	const want = "# CONFIG_WGET is not set\n" + fragment
	if got := string(merge([]byte(none), []byte(fragment))); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestSourceList(t *testing.T) {
	const debian = "http://a/debian/ bookworm main Debian\nhttp://a/debian/ bookworm main Debian\nhttp://a/debian/ bookworm contrib Debian\n"
	for _, tt := range []struct {
		name, indexes string
		signed        bool
		want          string
	}{
		{"nothing", "", true, ""},
		{"Debian's", debian + "http://b/cloud/ sdk main Others\n", false, "deb-src http://a/debian/ bookworm main\n"},
		{"signed", debian, true, "deb-src [signed-by=" + keyring + "] http://a/debian/ bookworm main\n"},
		{"nothing known of their origin", "http://b/ x main $(ORIGIN)\nhttp://a/ y main $(ORIGIN)\nhttp://c/ z main\n", false,
			"deb-src http://a/ y main\ndeb-src http://b/ x main\ndeb-src http://c/ z main\n"},
	} {
		if got := sourceList(tt.indexes, tt.signed); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestSource gives a tree, then another; what was unpacked serves until another is given.
func TestSource(t *testing.T) {
	dir, logs := t.TempDir(), t.TempDir()
	give := func(content string) string {
		tree := t.TempDir()
		if err := os.WriteFile(filepath.Join(tree, "Makefile"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Setenv("BUSYBOX_SRC", tree)
		src, err := source(t.Context(), dir, logs)
		if err != nil {
			t.Fatal(err)
		}
		again, err := source(t.Context(), dir, logs)
		if err != nil || again != src {
			t.Errorf("the same source a second time is %v (%v), want %v", again, err, src)
		}
		unpacked, err := os.ReadFile(filepath.Join(src.tree, "Makefile"))
		if err != nil || string(unpacked) != content {
			t.Errorf("unpacked %q (%v), want %q", unpacked, err, content)
		}
		return src.id
	}
	if first, second := give("one"), give("two"); first == second {
		t.Error("two sources have one key")
	}
	t.Setenv("BUSYBOX_SRC", filepath.Join(t.TempDir(), "missing"))
	if _, err := source(t.Context(), dir, logs); err == nil || !strings.Contains(err.Error(), "BUSYBOX_SRC") {
		t.Errorf("a source that is not there: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.partial")); left != nil {
		t.Errorf("%v is left", left)
	}
}
