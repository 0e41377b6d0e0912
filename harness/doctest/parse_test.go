package doctest

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseMarkdown(t *testing.T) {
	text := "# Title\n\n```console\n/ # ls\na  b\n/ # cd a\n/a # true\n```\n\n```\nnot me\n```\n" +
		"<!-- varies: 70 1.5s -->\nText.\n\n<!-- soon: ls /x -->\n```console\n# cat tasks\n70\n...\n# ls /x\n```\n" +
		"```console\n$ make boot-ppc\nanything\n```\n"
	want := []Step{
		{Line: 4, Dir: "/", Command: "ls", Output: []string{"a  b"}},
		{Line: 6, Dir: "/", Command: "cd a"},
		{Line: 7, Dir: "/a", Command: "true"},
		{Line: 18, Command: "cat tasks", Output: []string{"70", "..."}, Varies: []string{"70", "1.5s"}},
		{Line: 21, Command: "ls /x", Varies: []string{"70", "1.5s"}, Soon: true},
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
		"<!-- varies: x -->\n```console\ny\n```": "begins with",
		"\n```sh\nls\n```\n":                     "a.md:2: a block of language sh is never run",
		"<!-- soon: x -->\n```console\n# y\n```": `a.md:3: the block has no command "x"`,
		"<!-- varies: 1 -->\n":                   `"varies: 1" is said of a block, and none follows`,
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
		{" PID  NAME|1412  sh", "1412", "PID  NAME|412  sh", true},
		{"  7  sh", "7", "51  sh", true},
		{"0.120s  x", "0.120s", "12.700s  x", true},
		{"0.120s  x", "0.120s", "12.700s  y", false},
		{"0.120s  x", "0.120s", "2m07.5s  x", true},
		{"0.120s  x", "0.120s", "1h12m  x", true},
		{"0.120s  x", "0.120s", "late  x", false},
		{"sleep", "sleep", "sh", false},
		{"a       b", "", "a\tb", true},
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
	typed   []string
	pending strings.Reader
}

func (s *script) Write(p []byte) (int, error) {
	s.typed = append(s.typed, string(p))
	s.pending.Reset(s.answers[0])
	s.answers = s.answers[1:]
	return len(p), nil
}

func (s *script) SetReadDeadline(time.Time) error { return nil }

// Read reads in pieces.
func (s *script) Read(p []byte) (int, error) { return s.pending.Read(p[:min(3, len(p))]) }

// opened returns a console at whose terminal the shell has just begun.
func opened(t *testing.T, answers ...string) (*Console, *script) {
	t.Helper()
	s := &script{answers: answers}
	s.pending.Reset("firmware[    1.234567] kernel: says\r\n/ # ")
	c, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func TestConsole(t *testing.T) {
	c, s := opened(t, "echo '/x # '\r\n/x # \r\n/ # ", "\x1b[Jcat a\r\none\r\n[    1.234567] kernel: says\r\ntwo\r\n/a # ", "true\r\n[1]+  Killed                     sleep 1000\r\n/ # ")
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

// What comes true soon is asked for until it has, and everything else once.
func TestRun(t *testing.T) {
	c, s := opened(t, "cat a\r\n1\r\n/ # ", "cat a\r\n0\r\n/ # ", "cat b\r\n1\r\n/ # ")
	var wrong []string
	err := c.Run([]Step{{Command: "cat a", Output: []string{"0"}, Soon: true}, {Line: 7, Command: "cat b", Output: []string{"0"}}}, func(s Step, err error) {
		if err != nil {
			wrong = append(wrong, s.Command+" "+err.Error())
		}
	})
	if err != nil || len(s.typed) != 3 || len(wrong) != 1 || !strings.HasPrefix(wrong[0], `cat b line 7: "cat b" printed`) {
		t.Errorf("%v, typed %q, wrong %q", err, s.typed, wrong)
	}
}
