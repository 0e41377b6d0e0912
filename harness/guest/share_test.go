package guest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseShare(t *testing.T) {
	here, err := filepath.Abs("a")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]Share{
		"/a/b":          {"/a/b", "/mnt/b", false},
		"a":             {here, "/mnt/a", false},
		"/a:ro":         {"/a", "/mnt/a", true},
		"/a:/results":   {"/a", "/results", false},
		"/a:/x y/it:ro": {"/a", "/x y/it", true},
		"/a:b,c":        {"/a:b,c", "/mnt/a:b,c", false},
		"/a:b:/x":       {"/a:b", "/x", false},
		"/a:/b:/x:ro":   {"/a:/b", "/x", true},
		"/a:ro:/x":      {"/a:ro", "/x", false},
	} {
		if got, err := ParseShare(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", ":/x", ":ro", "/a:/", "/a:/x/.."} {
		if got, err := ParseShare(text); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

func TestSharesThatAreNot(t *testing.T) {
	for dir, want := range map[string]string{
		"/nonexistent":   "/nonexistent: no such file or directory",
		"/nonexistent:x": "PATH begins with a slash",
		"/etc/passwd":    "not a directory",
	} {
		c := testConfig(t)
		c.Shares = []Share{{Dir: dir, Path: "/x"}}
		if err := c.CheckFiles(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", dir, err, want)
		}
	}
}

// TestSharesWithoutTheRight looks at directories as somebody does who is not root.
func TestSharesWithoutTheRight(t *testing.T) {
	dir, err := os.MkdirTemp("", "share-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, tt := range []struct {
		mode     fs.FileMode
		readOnly bool
		want     string
	}{
		{0o777, false, ""},
		{0o555, true, ""},
		{0o555, false, "share it with :ro"},
		{0o333, false, "cannot be read"},
		{0o444, true, "cannot be read"},
	} {
		if err := os.Chmod(dir, tt.mode); err != nil {
			t.Fatal(err)
		}
		err := asNobody(t, func() error { return Share{Dir: dir, ReadOnly: tt.readOnly}.check() })
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("mode %o, read-only %v: %v, want %q", tt.mode, tt.readOnly, err, tt.want)
		}
	}
}

// asNobody calls f without the rights of root. Those are a thread's own, and the thread ends with the goroutine that has it locked.
func asNobody(t *testing.T, f func() error) error {
	t.Helper()
	ended := make(chan error)
	go func() {
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			const nobody = 65534
			if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); e != 0 {
				ended <- e
				return
			}
		}
		ended <- f()
	}()
	return <-ended
}

// TestMounting lets a shell do what the guest's will, with mkdir and mount that only tell what they were asked for.
func TestMounting(t *testing.T) {
	if got := mounting(nil, []string{"true"}); len(got) != 1 {
		t.Errorf("without a share: %q", got)
	}
	shares := []Share{{"/a", "/x y", false}, {"/b", "/it's", true}}
	for ok, want := range map[string]string{
		"true":  "mkdir -p /x y\nmount -t 9p -o rw,trans=virtio,version=9p2000.L,msize=262144 share0 /x y\nmkdir -p /it's\nmount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144 share1 /it's\na b\n",
		"false": "mkdir -p /x y\n",
	} {
		argv := mounting(shares, []string{"echo", "a b"})
		argv[2] = `mkdir() { echo mkdir "$@"; ` + ok + `; }; mount() { echo mount "$@"; }; ` + argv[2]
		out, err := exec.Command(argv[0], argv[1:]...).Output()
		if string(out) != want || (err == nil) != (ok == "true") {
			t.Errorf("where mkdir is %s: %v, it does\n%s\nwant\n%s", ok, err, out, want)
		}
	}
}
