package fuzz

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// syzlang is the description for syzkaller, without its comments.
func syzlang(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../kernel-patches/syzlang/containers.txt")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile("(?m)^#.*$").ReplaceAllString(string(text), "")
}

// What syzkaller is told of the interface is all of it: the files that the models have, which a guest has compared with the kernel's, and the options.
func TestSyzlangIsComplete(t *testing.T) {
	text := syzlang(t)
	want := func(what, name string) {
		if !strings.Contains(text, `"`+name+`"`) {
			t.Errorf("containers.txt knows no %s %q", what, name)
		}
	}
	machine := pretend()
	for _, point := range []string{"mount 0 none,name=x", "mount 0 cpuset,noprefix", "mount 0 " + strings.Join(machine.Subsystems, ",")} {
		m := NewModel(machine)
		for _, step := range []string{point, "mkdir 0/a"} {
			ops, err := Parse(step)
			if err != nil || m.Apply(ops[0]) != 0 {
				t.Fatalf("%s: %v", step, err)
			}
		}
		for _, c := range m.points["0"].root.all() {
			for name := range m.files(c) {
				want("file", name)
			}
		}
	}
	for _, option := range append([]string{"all", "none", "noprefix", "name", "release_agent", "clone_children"}, machine.Subsystems...) {
		want("option", option)
	}
	for parameter := range parameters {
		if !strings.Contains(text, "parameters/"+parameter) {
			t.Errorf("containers.txt does not say why it leaves %s alone", parameter)
		}
	}
}

// What it names of its own is there, and is used.
func TestSyzlangHangsTogether(t *testing.T) {
	text := syzlang(t)
	defined := map[string]bool{}
	for _, d := range regexp.MustCompile(`(?m)^(?:resource )?((?:fd_)?container_\w+|fd_container)(?: =|\[| \{| \[)`).FindAllStringSubmatch(text, -1) {
		if defined[d[1]] {
			t.Errorf("%s is defined twice", d[1])
		}
		defined[d[1]] = true
	}
	used := map[string]int{}
	for _, name := range regexp.MustCompile(`\b(?:fd_)?container(?:_\w+)?\b`).FindAllString(regexp.MustCompile(`"[^"]*"|\$\w+`).ReplaceAllString(text, ""), -1) {
		used[name]++
		if !defined[name] {
			t.Errorf("%s is used and not defined", name)
		}
	}
	for name := range defined {
		if used[name] < 2 {
			t.Errorf("%s is not used", name)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.Count(line, "[") != strings.Count(line, "]") && !strings.HasSuffix(line, "[") && !strings.HasPrefix(line, "]") ||
			strings.Count(line, "(") != strings.Count(line, ")") {
			t.Errorf("brackets: %s", line)
		}
	}
}
