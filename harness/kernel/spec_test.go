package kernel

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gpc/harness/machine"
	"gpc/harness/series"
)

// write makes files below a directory, by their names.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// bzImage is what is looked at of a kernel of x86_64: the magic, the offset of the version, the flag of 64 bits, the version.
var bzImage = strings.Repeat("\x00", 0x202) + "HdrS" + strings.Repeat("\x00", 8) + "\x80\x00" + strings.Repeat("\x00", 0x26) + "\x01" +
	strings.Repeat("\x00", 0x49) + "6.12.1-mine (me@here) #1" + strings.Repeat("\x00", 0x100)

// enough is a configuration with all that a guest needs.
func enough(m *machine.Machine) string {
	return strings.Join(neededBy(m), "=y\n") + "=y\n"
}

func TestGiven(t *testing.T) {
	m, err := machine.ByName("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"tree/" + m.Image:         bzImage,
		"tree/.config":            enough(m),
		"tree/System.map":         "",
		"boot/vmlinuz":            bzImage,
		"boot/config-6.12.1-mine": enough(m),
		"alone/bzImage":           bzImage,
		"modular/" + m.Image:      bzImage,
		"modular/.config":         strings.Replace(enough(m), "VIRTIO_CONSOLE=y", "VIRTIO_CONSOLE=m", 1),
		"empty/Makefile":          "",
		"other/vmlinux":           "",
	})
	for _, tt := range []struct{ given, path, config, symbols, want string }{
		{"tree", "tree/" + m.Image, "tree/.config", "tree/System.map", ""},
		{"tree/" + m.Image, "tree/" + m.Image, "tree/.config", "tree/System.map", ""},
		{"boot/vmlinuz", "boot/vmlinuz", "boot/config-6.12.1-mine", "", ""},
		{"alone/bzImage", "alone/bzImage", "", "", ""},
		{"modular", "", "", "", "a guest needs a kernel with CONFIG_VIRTIO_CONSOLE=y, which "},
		{"empty", "", "", "", "has no arch/x86/boot/bzImage"},
		{"other", "", "", "", "use --arch ppc64"},
		{"nothing", "", "", "", "no such file"},
	} {
		image, err := lab(t).Kernel(t.Context(), m, Spec{Flavor: Release, Given: filepath.Join(dir, tt.given)})
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want an error with %q", tt.given, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.given, err)
			continue
		}
		within := func(path string) string { return strings.TrimPrefix(path, dir+"/") }
		if within(image.Path) != tt.path || within(image.Config) != tt.config || within(image.Symbols) != tt.symbols || image.Release != "6.12.1-mine" {
			t.Errorf("%s: got %+v", tt.given, image)
		}
		if hz, err := image.HZ(); tt.config == "" && (hz != 0 || err != nil) {
			t.Errorf("%s: %d jiffies a second, %v", tt.given, hz, err)
		}
	}
}

func TestTreeOf(t *testing.T) {
	l := lab(t)
	mine := filepath.Join(t.TempDir(), "mine")
	write(t, mine, map[string]string{"series": "# no step yet\n"})
	for _, tt := range []struct {
		spec Spec
		dir  string // of the tree, below build; none for an error
	}{
		{Spec{Flavor: Release}, "src/patched"},
		{Spec{Flavor: Vanilla}, "src/pristine"},
		{Spec{Flavor: Vanilla, Series: mine}, ofSeries + identify(mine) + "/src/patched"},
		{Spec{Flavor: Release, Series: mine + "/."}, ofSeries + identify(mine) + "/src/patched"},
		{Spec{Flavor: Release, Series: filepath.Dir(mine)}, ""},
	} {
		tree, err := l.treeOf(tt.spec)
		if tt.dir == "" {
			if err == nil || !strings.Contains(err.Error(), "has no series") {
				t.Errorf("%+v: %v", tt.spec, err)
			}
			continue
		}
		if err != nil || l.tree(tree.Name) != filepath.Join(l.BuildDir(), tt.dir) {
			t.Errorf("%+v: %s, %v, want %s", tt.spec, l.tree(tree.Name), err, tt.dir)
		}
	}
}

// TestVerify asks for options that a kernel does not have, or not so.
func TestVerify(t *testing.T) {
	l := lab(t)
	write(t, l.root, map[string]string{
		"build/src/pristine/Kconfig":              "config A\nmenuconfig B\n",
		"build/src/pristine/arch/x86/Kconfig":     "config E\n",
		"build/src/pristine/arch/powerpc/Kconfig": "config F\n",
		"build/src/pristine/fs/Kconfig.debug":     "\n\tconfig C\n",
		"images/config/common.config":             "CONFIG_A=y\nCONFIG_B=y\n",
		"one.config":                              "CONFIG_C=y\r\nCONFIG_D=y",
		"two.config":                              "# CONFIG_A is not set\n  CONFIG_E=y\nCONFIG_F=y\n",
	})
	files := []string{filepath.Join(l.root, "one.config"), filepath.Join(l.root, "two.config")}
	fragment, err := l.fragment([]string{"common", "debug-x86_64"}, "x86_64", files)
	if err != nil {
		t.Fatal(err)
	}
	m, err := machine.ByName("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	b := &build{lab: l, tree: Tree{Name: "pristine", Series: &series.Series{}}, machine: m, spec: Spec{Config: files},
		fragments: []string{"common", "debug-x86_64"}, fragment: fragment}
	asked := "CONFIG_B=y\nCONFIG_C=y\nCONFIG_D=y\nCONFIG_E=y\nCONFIG_F=y\n" + enough(m)
	if err := b.verify([]byte(asked)); err != nil {
		t.Errorf("a configuration as it was asked for: %v", err)
	}
	const lost = "CONFIG_TMPFS"
	if err := b.verify([]byte(strings.Replace(asked, lost+"=y", "# "+lost+" is not set", 1))); err == nil || !strings.Contains(err.Error(), "without "+lost+"=y, and") {
		t.Errorf("a configuration without what guests need: %v", err)
	}
	err = b.verify([]byte("CONFIG_A=y\n"))
	if err == nil {
		t.Fatal("no option was missed")
	}
	for _, want := range []string{
		"CONFIG_A is y, not n, as " + files[1] + " asks: see Kconfig:1\n",
		"CONFIG_B is n, not y, as images/config/common.config asks: see Kconfig:2\n",
		"CONFIG_C is n, not y, as " + files[0] + " asks: see fs/Kconfig.debug:2\n",
		"CONFIG_D, of which " + files[0] + " speaks, is no option of this kernel source on x86_64\n",
		"CONFIG_E is n, not y, as " + files[1] + " asks: see arch/x86/Kconfig:1\n",
		"CONFIG_F, of which " + files[1] + " speaks, is no option of this kernel source on x86_64\n",
	} {
		if !strings.Contains(err.Error()+"\n", want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

// TestWhatIsNoOptions names files that cannot be merged.
func TestWhatIsNoOptions(t *testing.T) {
	l := lab(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{"words": "CONFIG_A=y\nA please\n", "value": "CONFIG_A=yes\n", "remark": "\n\nCONFIG_A=y # please\n"})
	t.Chdir(dir)
	for file, want := range map[string]string{
		"words":         "words:2: this gives no option a value",
		"value":         "value:1: this gives no option a value",
		"remark":        "remark:3: this gives no option a value",
		"none":          "there is no file none with options, nor has images/config any of that name",
		"./none":        "there is no file ./none with options",
		dir:             "is a directory, and not a file with options",
		"words/nothing": "words/nothing: not a directory",
	} {
		if text, err := l.fragment(nil, "x86_64", []string{file}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v, want an error with %q", file, text, err, want)
		}
	}
}

func TestSplitConfig(t *testing.T) {
	l := lab(t)
	write(t, l.root, map[string]string{"images/config/suite.config": "", "images/config/mine.config": ""})
	dir := t.TempDir()
	write(t, dir, map[string]string{"mine": "", "suite/run": ""})
	t.Chdir(dir)
	fragments, files := l.SplitConfig([]string{"suite", "mine", "./suite", "other"})
	if !slices.Equal(fragments, []string{"suite"}) || !slices.Equal(files, []string{"mine", "./suite", "other"}) {
		t.Errorf("got the fragments %q and the files %q", fragments, files)
	}
	if got := distinct([]string{"suite", "share", "suite"}); !slices.Equal(got, []string{"suite", "share"}) {
		t.Errorf("got %q", got)
	}
}

func TestNames(t *testing.T) {
	for want, spec := range map[string]Spec{
		"debug":                {Flavor: Debug},
		"vanilla+mine":         {Flavor: Vanilla, Series: "../mine/"},
		"release+a+b.fragment": {Flavor: Release, Config: []string{"/x/a.config", "b.fragment"}},
		"/boot/vmlinuz":        {Flavor: Release, Given: "/boot/vmlinuz"},
	} {
		if got := spec.Name(); got != want {
			t.Errorf("%+v is called %q, want %q", spec, got, want)
		}
	}
}
