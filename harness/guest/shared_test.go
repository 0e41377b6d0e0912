package guest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/harness/guest"
	"gpc/harness/machine"
)

// TestSharedDirectories lets guests read and write directories of the host's, whose names are not easy on those who pass them on.
func TestSharedDirectories(t *testing.T) {
	for _, m := range machine.All() {
		t.Run(m.Name, func(t *testing.T) {
			c := specified(t, m, generous)
			top := t.TempDir()
			rw, ro := filepath.Join(top, "to write, it's: here"), filepath.Join(top, "ro,readonly=off")
			for _, dir := range []string{rw, ro} {
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			writeFile(t, filepath.Join(rw, "in"), "from the host\n")
			writeFile(t, filepath.Join(ro, "suite"), "#!/bin/sh\necho \"a suite in $(pwd)\"\n")
			c.Shares = []guest.Share{{Dir: rw, Path: "/mnt/its own: name, in the guest"}, {Dir: ro, Path: "/etc", ReadOnly: true}}

			result, stdout, stderr := run(t, c, script(`set -e
				cat /mnt/*guest/in
				cd /etc; ls; sh ./suite
				if touch new || echo x >>suite; then echo written; fi
				cd "/mnt/its own: name, in the guest"; mkdir sub; echo result >sub/out; ln -s sub/out link; mv in moved; chmod 640 moved`))
			if want := "from the host\nsuite\na suite in /etc\n"; stdout != want || result.ExitStatus != 0 {
				t.Errorf("status %d, output %q, want %q; error output %q", result.ExitStatus, stdout, want, stderr)
			}
			if n := strings.Count(strings.ToLower(stderr), "read-only file system"); n != 2 {
				t.Errorf("of two attempts to write where only reading is allowed %d failed for that: %q", n, stderr)
			}
			for name, want := range map[string]string{"sub/out": "result\n", "link": "result\n", "moved": "from the host\n"} {
				text, err := os.ReadFile(filepath.Join(rw, name))
				if err != nil || string(text) != want {
					t.Errorf("%s holds %q (%v), want %q", name, text, err, want)
				}
			}
			if owner := ownerOf(t, filepath.Join(rw, "sub/out")); owner != os.Geteuid() {
				t.Errorf("what the guest's root has written belongs to user %d", owner)
			}
			if info, err := os.Stat(filepath.Join(rw, "moved")); err != nil || info.Mode() != 0o640 {
				t.Errorf("moved: %v (%v), want mode 640", info.Mode(), err)
			}
			if entries, err := os.ReadDir(ro); err != nil || len(entries) != 1 {
				t.Errorf("the directory that was to be read has %v (%v)", entries, err)
			}
		})
	}
}

// TestShareThatCannotBeMounted gives a guest a share where it has a file: the command is not run.
func TestShareThatCannotBeMounted(t *testing.T) {
	c := specified(t, machine.All()[0], generous)
	c.Shares = []guest.Share{{Dir: t.TempDir(), Path: "/etc/passwd"}}
	result, stdout, stderr := run(t, c, script("echo ran"))
	if result.ExitStatus != 125 || stdout != "" || !strings.Contains(stderr, "/etc/passwd") {
		t.Errorf("status %d, output %q, error output %q", result.ExitStatus, stdout, stderr)
	}
}

// TestShareNeedsItsOptions asks for a share in a kernel without 9p.
func TestShareNeedsItsOptions(t *testing.T) {
	c := config(t, machine.All()[0])
	c.Shares = []guest.Share{{Dir: t.TempDir(), Path: "/mnt/x"}}
	if _, err := guest.Run(t.Context(), c, script("true")); err == nil || !strings.Contains(err.Error(), "CONFIG_9P_FS=y") {
		t.Errorf("error %v, want one that names the options", err)
	}
}

// ownerOf returns the user to whom a file belongs.
func ownerOf(t *testing.T, path string) int {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		t.Fatal(err)
	}
	return int(s.Uid)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
