package doctest

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseMarkdown(t *testing.T) {
	text := "# Title\n\n```console\n/ # ls\na  b\n/ # cd a\n/a # true\n```\n\n```sh\nnot me\n```\n" +
		"<!-- varies: 70 1.5s -->\n<!-- before: mkdir /x -->\n<!-- after: rmdir /x -->\n\n```console\n# cat tasks\n70\n...\n```\n" +
		"<!-- not run: it ends the guest -->\n```console\n# poweroff\n```\n```console\n$ make boot-ppc\nanything\n```\n"
	want := []Step{
		{Line: 4, Dir: "/", Command: "ls", Output: []string{"a  b"}},
		{Line: 6, Dir: "/", Command: "cd a"},
		{Line: 7, Dir: "/a", Command: "true"},
		{Line: 18, Command: "mkdir /x", Hidden: true},
		{Line: 18, Command: "cat tasks", Output: []string{"70", "..."}, Varies: []string{"70", "1.5s"}},
		{Line: 18, Command: "rmdir /x", Hidden: true},
	}
	if got, err := Parse("a.md", text); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestParseLiteralBlocks(t *testing.T) {
	text := "Walk\n====\n\n.. varies: 61\n\n::\n\n  # cat /proc/containers\n  1: tasks=61\n\n  # true\n\nThe file says::\n\n  1: no=prompt\n\nend::\n\n    # false\n"
	want := []Step{
		{Line: 8, Command: "cat /proc/containers", Output: []string{"1: tasks=61"}, Varies: []string{"61"}},
		{Line: 11, Command: "true", Varies: []string{"61"}},
		{Line: 19, Command: "false"},
	}
	if got, err := Parse("a.rst", text); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestParseErrors(t *testing.T) {
	for text, words := range map[string]string{
		"```console\noutput\n```\n":              `a.md:2: a block of language console begins with "output"`,
		"```console\n$ make\n# ls\n```\n":        "a.md:3: a block has commands for the host and for the guest",
		"<!-- before: x -->\n```console\ny\n```": "begins with",
	} {
		if steps, err := Parse("a.md", text); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: got %+v, %v", text, steps, err)
		}
	}
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		shown, varies, printed string
		same                   bool
	}{
		{"", "", "", true},
		{"a", "", "a", true},
		{"a", "", "", false},
		{"", "", "a", false},
		{"a.c", "", "abc", false},
		{"1: tasks=70 n=7", "70", "1: tasks=1234 n=7", true},
		{"1: tasks=70 n=7", "7", "1: tasks=71 n=7", false},
		{"1: tasks=70 n=7", "70", "1: tasks= n=7", false},
		{"PID  NAME", "412", "PID   NAME", false},
		{"412  sh", "412", "51  sh", true},
		{"  7  sh", "7", "51  sh", true},
		{"0.120s  x", "0.120s", "12.700s  x", true},
		{"0.120s  x", "0.120s", "12.700s  y", false},
		{"a|...|c", "", "a|b|b|c", true},
		{"a|...|c", "", "a|c", true},
		{"a|...|c", "", "a|b", false},
		{"...", "", "", true},
	} {
		lines := func(s string) []string {
			if s == "" {
				return nil
			}
			return strings.Split(s, "|")
		}
		s := Step{Output: lines(tt.shown), Varies: strings.Fields(tt.varies)}
		if err := s.Compare(lines(tt.printed)); (err == nil) != tt.same {
			t.Errorf("shown %q (%q varies), printed %q: %v", tt.shown, tt.varies, tt.printed, err)
		}
	}
}

// script is a terminal whose shell answers each line that is typed.
type script struct {
	answers []string
	out     strings.Builder
	pending *strings.Reader
}

func (s *script) Write(p []byte) (int, error) {
	s.out.WriteString(s.answers[0])
	s.pending = strings.NewReader(s.answers[0])
	s.answers = s.answers[1:]
	return len(p), nil
}

func (s *script) Read(p []byte) (int, error) {
	if len(p) > 3 {
		p = p[:3] // in pieces
	}
	return s.pending.Read(p)
}

func TestConsole(t *testing.T) {
	s := &script{pending: strings.NewReader("Welcome\r\n/ # "), answers: []string{
		"echo '/x # '\r\n/x # \r\n/ # ", "\x1b[Jcat a\r\none\r\n[    1.234567] kernel: says\r\ntwo\r\n/a # ", "true\r\n/ # "}}
	c, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		command, next string
		want          []string
	}{{"echo '/x # '", "/", []string{"/x # "}}, {"cat a", "", []string{"one", "two"}}, {"true", "", nil}} {
		if got, err := c.Type(tt.command, tt.next); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %q, %v; want %q", tt.command, got, err, tt.want)
		}
	}
	s.answers = []string{"something else\r\n/ # "}
	if got, err := c.Type("true", ""); err == nil {
		t.Errorf("got %q for a command that was not typed", got)
	}
	s.answers = []string{"true\r\nthe guest is gone\r\n"}
	if got, err := c.Type("true", ""); err == nil {
		t.Errorf("got %q from a guest that ended", got)
	}
}
