package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// run runs gpc and returns what it printed, what it complained of, and its exit status.
func run(args ...string) (out, complaint string, status int) {
	var stdout, stderr bytes.Buffer
	status = Main(args, &stdout, &stderr)
	return stdout.String(), stderr.String(), status
}

func TestWrongUsage(t *testing.T) {
	for args, words := range map[string]string{
		"frobnicate":             `there is no command "frobnicate"`,
		"mont":                   "mount",
		"--nonsense":             "unknown flag",
		"mount a b":              "accepts at most 1 arg",
		"create":                 "needs a container",
		"create -r x :/a":        "is not NAME=VALUE",
		"mv :/a":                 "takes a container and its new name",
		"attach :/a":             "needs a container and process ids",
		"attach :/a 0":           "is not a process id",
		"attach :/a -1":          "unknown shorthand flag",
		"attach :/a 99999999999": "is not a process id",
		"kill -s NONE :/a":       `there is no signal "NONE"`,
		"exec true":              "needs -c CONTAINER",
		"exec -c :/a":            "needs a command",
		"get":                    "needs a container",
		"set :/a":                "nothing is to be set",
		"top -s nonsense":        "choose one of cpu, time",
		"top -n -1":              "greater than 0",
		"top -d 0":               "from 0.1 to 86400",
		"top -d NaN":             "from 0.1 to 86400",
		"top -d x":               "invalid argument",
		"bc -n 3":                "-n needs -w",
		"bc -w 0":                "from 0.1",
		"bc --store x":           "--store needs -r",
		"ls cpuset:a":            "begins with a slash",
		"where x":                "is not a process id",
		"completion tcsh":        `no completion for "tcsh"`,
	} {
		out, complaint, status := run(strings.Fields(args)...)
		if status != statusUsage || out != "" || !strings.Contains(complaint, words) || strings.Count(complaint, "\n") != 1 {
			t.Errorf("gpc %s: status %d, said %q and complained %q; want status 2 and %q", args, status, out, complaint, words)
		}
	}
}

// The host's kernel has no containers: every command says so, and does nothing.
func TestKernelWithoutContainers(t *testing.T) {
	if containerfs.Supported() {
		t.Skip("this kernel has containers")
	}
	dir := t.TempDir()
	x := filepath.Join(dir, "x")
	for _, args := range []string{
		"mount", "mount " + dir, "mount -p " + x, "umount " + dir, "subsystems", "create " + x, "create :/x", "rm " + x, "rm -r --kill " + dir, "mv " + dir + " y",
		"ls", "ls cpuset:/", "tree", "exec -c :/x true", "exec -c " + dir + " true", "attach " + dir + " 1", "ps " + dir, "where", "where 1", "kill " + dir,
		"watch " + dir, "get " + dir, "set -r tasks=1 " + dir, "stat", "stat " + dir, "bc", "top -b -n 1", "mount --json", "top --json",
	} {
		out, complaint, status := run(strings.Fields(args)...)
		if status != statusFailed || out != "" || complaint != "gpc: this kernel has no process containers\n" {
			t.Errorf("gpc %s: status %d, said %q and complained %q", args, status, out, complaint)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("something was made: %v, %v", entries, err)
	}
}

// Each command says what it is for, with an example.
func TestHelp(t *testing.T) {
	for _, cmd := range New().Commands() {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		out, _, status := run(cmd.Name(), "--help")
		if status != 0 || !strings.Contains(out, "Examples:\n  gpc "+cmd.Name()) {
			t.Errorf("gpc %s --help: status %d, and no example in\n%s", cmd.Name(), status, out)
		}
		for line := range strings.Lines(cmd.Long + "\n" + cmd.Example) {
			if len(line) > 150 {
				t.Errorf("gpc %s --help: a long line: %q", cmd.Name(), line)
			}
		}
	}
}

// Scripts that complete are there for the three shells, and know the commands.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if out, complaint, status := run("completion", shell); status != 0 || complaint != "" || !strings.Contains(out, "gpc") {
			t.Errorf("completion for %s: status %d, complained %q", shell, status, complaint)
		}
	}
	if out, _, _ := run("__complete", "um"); !strings.HasPrefix(out, "umount\t") {
		t.Errorf("um is completed to %q", out)
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain name": "plain name", "ümläut": "ümläut", "esc\x1b[2J": `esc\x1b[2J`, "tab\there": `tab\x09here`,
		"bad\xff": `bad\xff`, "rtl\u202eabc": `rtl\u202eabc`, "del\x7f": `del\x7f`,
	} {
		if got := visible(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	table := table{columns: columns(">N", "NAME", "LAST")}
	table.add("1", "ä", "x")
	table.add("200", "longer", "")
	want := "  N  NAME    LAST\n  1  ä       x\n200  longer\n"
	var out bytes.Buffer
	if err := table.print(&out); err != nil || out.String() != want {
		t.Errorf("got %q, %v; want %q", out.String(), err, want)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.000s", 1204 * time.Millisecond: "1.204s", 123*time.Second + 99*time.Millisecond: "2m03.0s", 5*time.Hour + 12*time.Minute: "5h12m",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestJSONArrayIsOneDocument(t *testing.T) {
	for n := range 3 {
		var out bytes.Buffer
		a := jsonArray{out: &out}
		for i := range n {
			if err := a.add(i); err != nil {
				t.Fatal(err)
			}
		}
		var got []int
		if err := errors.Join(a.end(), json.Unmarshal(out.Bytes(), &got)); err != nil || len(got) != n {
			t.Errorf("%d elements: %q, %v", n, out.String(), err)
		}
	}
}

func TestParseSignal(t *testing.T) {
	for name, want := range map[string]unix.Signal{"TERM": unix.SIGTERM, "sigusr1": unix.SIGUSR1, "9": unix.SIGKILL} {
		if got, err := parseSignal(name); err != nil || got != want {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "0", "-9", "65", "NONE"} {
		if got, err := parseSignal(name); err == nil {
			t.Errorf("%q: got %v", name, got)
		}
	}
}

func TestNear(t *testing.T) {
	for _, tt := range []struct {
		r    containerfs.Resource
		near bool
	}{
		{containerfs.Resource{Held: 80, Barrier: 100, Limit: 100}, false},
		{containerfs.Resource{Held: 81, Barrier: 100, Limit: 100}, true},
		{containerfs.Resource{Held: 1, MaxHeld: 100, Barrier: 100, Limit: 200}, true},
		{containerfs.Resource{Held: 1 << 62, Barrier: containerfs.Unlimited, Limit: containerfs.Unlimited}, false},
		{containerfs.Resource{Held: 0, Barrier: 0, Limit: 0}, false},
		{containerfs.Resource{Held: 4, Barrier: 4, Limit: 4}, true},
	} {
		if got := near(tt.r); got != tt.near {
			t.Errorf("%+v: got %v", tt.r, got)
		}
	}
}

func TestCountsOfLastTime(t *testing.T) {
	how := counters{relative: true, store: filepath.Join(t.TempDir(), "a", "counts")}
	seen, err := how.load()
	if err != nil || len(seen) != 0 {
		t.Fatalf("before the first time: %v, %v", seen, err)
	}
	seen["bc:/a"] = map[string]uint64{"numfiles": 3}
	if err := how.save(seen); err != nil {
		t.Fatal(err)
	}
	if seen, err = how.load(); err != nil || seen["bc:/a"]["numfiles"] != 3 {
		t.Errorf("got %v, %v", seen, err)
	}
	if err := os.WriteFile(how.store, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := how.load(); err == nil || !strings.Contains(err.Error(), how.store) {
		t.Errorf("nonsense was read: %v", err)
	}
}

func TestSampleCompare(t *testing.T) {
	row := func(path string, cpu time.Duration) sampleRow {
		return sampleRow{identity: identity{Path: path}, Figures: containerfs.Figures{CPU: &cpu}}
	}
	begin := time.Unix(100, 0)
	before := &sample{begin, []sampleRow{row("/a", time.Second), row("/again", time.Minute)}}
	after := &sample{begin.Add(2 * time.Second), []sampleRow{row("/a", 2*time.Second), row("/again", 0), row("/new", time.Second)}}
	after.compare(before)
	if p := after.rows[0].Percent; p == nil || *p != 50 {
		t.Errorf("half of a CPU is %v", p)
	}
	if after.rows[1].Percent != nil || after.rows[2].Percent != nil {
		t.Error("a rate without an earlier figure")
	}
	after.sortBy("time", false)
	if after.rows[0].Path != "/a" || after.rows[2].Path != "/again" {
		t.Errorf("sorted %+v", after.rows)
	}
	after.sortBy("path", true)
	if after.rows[0].Path != "/new" {
		t.Errorf("sorted %+v", after.rows)
	}
}

func TestSortPutsUnknownLast(t *testing.T) {
	one := uint64(1)
	s := &sample{rows: []sampleRow{{identity: identity{Path: "/a"}}, {identity: identity{Path: "/b"}, Figures: containerfs.Figures{Files: &one}}}}
	for _, k := range sortKeys {
		s.sortBy(k.name, false)
		if k.name == "files" && s.rows[0].Path != "/b" {
			t.Error("a container whose files are not counted comes first")
		}
	}
}

func TestTreeDrawing(t *testing.T) {
	b := branch{identity: identity{Path: "/"}, Processes: []containerfs.Task{{TID: 1, Comm: "init\x1b"}}, Children: []branch{
		{identity: identity{Path: "/a"}, Children: []branch{{identity: identity{Path: "/a/b"}}}}, {identity: identity{Path: "/c"}}}}
	b.Children[0].Tasks = 1
	var out bytes.Buffer
	b.draw(&out, "top", "", art{"|- ", "`- ", "|  ", "   "})
	want := "top  0 tasks\n|- 1 init\\x1b\n|- a  1 task\n|  `- b  0 tasks\n`- c  0 tasks\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestOutputThatFails(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	var stderr bytes.Buffer
	if status := Main([]string{"--help"}, full, &stderr); status != statusFailed || !strings.Contains(stderr.String(), "the output cannot be written") {
		t.Errorf("status %d, complained %q", status, stderr.String())
	}
}
