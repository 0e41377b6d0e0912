package lines

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gpc/harness/kernel"
	"gpc/harness/machine"
)

// source has a function that another one is inlined into, and one by a name that there is twice.
const source = `static int volatile sink;
static inline __attribute__((always_inline)) void store(int x)
{
	sink = x;
}
int outer(int x)
{
	store(x + 1);
	return x;
}
static __attribute__((noinline, used)) void twice(void)
{
	sink = 7;
}
`

// flags are a compiler's. With descriptors as the kernel has them, on ppc64, code has symbols of its own.
func flags(m *machine.Machine) string {
	if m.Name == "ppc64" {
		return "-O2 -fno-pie -mcall-aixdesc"
	}
	return "-O2 -fno-pie"
}

// built makes what the build of a kernel leaves behind: objects, how they were made, and an archive of them; and vmlinux, which has no debug
// information.
func built(t *testing.T, m *machine.Machine) *kernel.Image {
	t.Helper()
	dir := t.TempDir()
	src := filepath.Join(dir, "src", "kernel")
	for _, d := range []string{src, filepath.Join(dir, "o", "kernel")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	image := &kernel.Image{Machine: m, Dir: filepath.Join(dir, "o"), Source: filepath.Join(dir, "src")}
	write(t, filepath.Join(src, "one.c"), source)
	write(t, filepath.Join(src, "two.c"), "\n\n"+strings.ReplaceAll(source, "outer", "other"))
	for _, name := range []string{"one", "two"} {
		object := "kernel/" + name + ".o"
		line := m.CrossCompile + "gcc -Wp,-MMD,kernel/." + name + ".o.d " + flags(m) + " -DNAME='\"" + name + "\"' -c -o " + object + " " + src + "/" + name + ".c"
		sh(t, image.Dir, line)
		write(t, filepath.Join(image.Dir, "kernel", "."+name+".o.cmd"), "savedcmd_"+object+" := "+line+" ; false\n\nsource_"+object+" := x\n")
	}
	sh(t, image.Dir, m.CrossCompile+"ar rcsT vmlinux.a kernel/one.o kernel/two.o && cp kernel/one.o vmlinux")
	return image
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func sh(t *testing.T, dir, line string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// everywhere asks for all places in a function, as those of processors, and returns all answers.
func everywhere(t *testing.T, image *kernel.Image, name string) string {
	t.Helper()
	functions, err := functionsOf(filepath.Join(image.Dir, "kernel/one.o"))
	if err != nil || len(functions[name]) != 1 {
		t.Fatalf("%s: %v, %v", name, functions[name], err)
	}
	size := functions[name][0].size
	var text strings.Builder
	for offset := range size {
		fmt.Fprintf(&text, "RIP: %s+%#x/%#x\n", name, offset, size)
	}
	return Annotate(t.Context(), image, text.String())
}

func eachMachine(t *testing.T, test func(*testing.T, *machine.Machine)) {
	for _, m := range machine.All() {
		t.Run(m.Name, func(t *testing.T) { test(t, m) })
	}
}

// TestAnnotate asks for the lines of objects that have none, and of a kernel that was built with them.
func TestAnnotate(t *testing.T) {
	eachMachine(t, func(t *testing.T, m *machine.Machine) {
		image := built(t, m)
		for range 2 {
			all := everywhere(t, image, "outer")
			for _, want := range []string{"[kernel/one.c:8 > store kernel/one.c:4]", "[kernel/one.c:10]"} {
				if !strings.Contains(all, want) {
					t.Errorf("no place has %q:\n%s", want, all)
				}
			}
			sh(t, image.Dir, m.CrossCompile+"gcc -g "+flags(m)+" -c -o vmlinux "+image.Source+"/kernel/one.c && rm -f vmlinux.a")
		}
	})
}

// TestAnnotateTwins asks for a function of which there are two, alike.
func TestAnnotateTwins(t *testing.T) {
	eachMachine(t, func(t *testing.T, m *machine.Machine) {
		image := built(t, m)
		if all := everywhere(t, image, "twice"); !strings.Contains(all, "[kernel/one.c:13 or kernel/two.c:15]") {
			t.Errorf("of two functions these lines are told:\n%s", all)
		}
	})
}

// TestAnnotateAfterEdit asks for lines after the source was edited, when they would mislead.
func TestAnnotateAfterEdit(t *testing.T) {
	eachMachine(t, func(t *testing.T, m *machine.Machine) {
		image := built(t, m)
		write(t, filepath.Join(image.Source, "kernel/one.c"), strings.Replace(source, "sink = 7", "sink = 7; sink = 8", 1))
		if all := everywhere(t, image, "outer"); strings.Contains(all, "[") {
			t.Errorf("these lines are told:\n%s", all)
		}
	})
}

func TestPlaces(t *testing.T) {
	for text, want := range map[string]string{
		"[    3.7] NIP [c0000000000f1c44] .charge+0x34/0xb0\n":                                                           "charge+34/b0 ",
		"[    3.7] LR [c0000000000f1c20] charge.isra.0+0x10/0xb0\nprocessor 2: spin+0x4/0x100, waiting for an interrupt": "charge.isra.0+f/b0 spin+4/100 ",
		" ? ret_from_fork+0x0/0x50 (container_mutex){+.+.}-{4:4}, at: container_mkdir+0x44/0x2a0":                        "ret_from_fork+0/50 container_mkdir+43/2a0 ",
		"BUG: KASAN: x in f+0x8a/0x120\n":                                                                                "f+89/120 ",
		"RIP: 0010:f+0x8a/0x120":                                                                                         "f+8a/120 ",
		"nothing+0x1 +0x1/0x2 0x1/0x2 a+b\n":                                                                             "",
	} {
		var got strings.Builder
		again := eachPlace(text, func(f function, offset uint64) string {
			fmt.Fprintf(&got, "%s+%x/%x ", f.name, offset, f.size)
			return ""
		})
		if got.String() != want || again != text {
			t.Errorf("%q has the places %q, want %q; it was made to be %q", text, &got, want, again)
		}
	}
}

func TestDescribe(t *testing.T) {
	deep := []frame{{"a", "/s/a.h", "1"}, {"b", "/s/x/../b.h", "2"}, {"c", "/other/c.h", "3"}, {"d", "/s/d.h", "4"}, {"e", "/s/e.c", "5"}}
	for n, want := range map[int]string{4: "e.c:5", 3: "e.c:5 > d d.h:4", 1: "e.c:5 > d d.h:4 > c /other/c.h:3 > b b.h:2",
		0: "e.c:5 > d d.h:4 > c /other/c.h:3 > ... > a a.h:1"} {
		if got := describe(deep[n:], "/s"); got != want {
			t.Errorf("%v: %q, want %q", deep[n:], got, want)
		}
	}
	if got := describe([]frame{{"a", "/s/a.h", "1"}, {"b", "/s/b.c", "9"}, {"b", "/s/b.c", "2"}}, "/s"); got != "b.c:9 > a a.h:1" {
		t.Errorf("a function in itself: %q", got)
	}
}

// TestWithDebugInfo reads what builds of kernels have saved.
func TestWithDebugInfo(t *testing.T) {
	for saved, want := range map[string]string{
		"savedcmd_a/b.o := ccache gcc -Wp,-MMD,a/.b.o.d -DX='\"b\"' -D'Y(x)=\\#x' -c -o a/b.o ../b.c  ; ./tools/objtool a/b.o\n\nsource_a/b.o := x\n": `ccache gcc -DX='"b"' -D'Y(x)=#x' -g -c -o '/t/1.o' ../b.c `,
		"cmd_a/b.o := gcc -c -o a/b.o b.S\n":         "gcc -g -c -o '/t/1.o' b.S",
		"savedcmd_a/b.o := ld -r -o a/b.o c.o d.o\n": "",
		"": "",
	} {
		got, err := withDebugInfo(saved, "a/b.o", "/t/1.o")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", saved, got, err, want)
		}
	}
}
