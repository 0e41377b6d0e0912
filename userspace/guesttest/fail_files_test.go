//go:build guest && debug

package guesttest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// harmful are files of the debugging subsystems that make others wait; whoever looks would.
func harmful(name string) bool { return strings.Contains(name, ".hold") }

// others are what can be written to files that do not take the numbers tried below.
var others = map[string][]string{
	"tasks": nil, "procs": nil, "kill": nil, // have tests of their own
	"cpuset.memory_pressure":         nil, // refuses every write
	"release_agent":                  {"/bin/after"},
	"numtasks.shares":                {"max_shares=50"},
	"cpuset.memory_pressure_enabled": {"1"},
}

// resetting returns what lets that begin anew which the file counts, and which is among what moves; empty if there is no such thing.
func resetting(name string) string {
	switch {
	case name == "numtasks.stats":
		return "res=numtasks"
	case name == "cpuacct.usage", strings.HasSuffix(name, "held"), strings.HasSuffix(name, ".failcnt"):
		return "0"
	}
	return ""
}

// otherValue finds a value that the file takes and that changes it, and leaves it as it was. back is what was there.
func otherValue(path string) (value, back string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	back = strings.TrimSuffix(string(text), "\n")
	values, known := others[filepath.Base(path)]
	if !known {
		values = []string{"0", "1", "2", "1000", "2000"}
	}
	for _, value := range values {
		if writeOnce(path, value) != nil {
			continue
		}
		after, err := os.ReadFile(path)
		if err != nil {
			return "", "", err
		}
		if err := writeOnce(path, back); err != nil {
			return "", "", fmt.Errorf("%s does not take back what it has shown, %q: %w", path, back, err)
		}
		if string(after) != string(text) {
			return value, back, nil
		}
	}
	return "", "", fmt.Errorf("nobody knows what to write to %s, which has %q", path, back)
}

// Every file that there is: those of a container, and those that only the root has. To look at everything takes long: it is done when all have been read, and
// after each write that has failed and each last attempt. Until then a read, or an open, has nothing to take back.
func TestFailFiles(t *testing.T) {
	begin(t)
	h, a, pid := everything(t)
	for _, resource := range []string{"numtasks", "privvmpages"} {
		must(t, a.Write(bcFile(resource, "limit"), "1000:2000")) // beside an unlimited barrier a limit cannot be set
	}
	unchanged := unchangedLater(t, &h, pid)
	paths := filesOfEachKind(t, a, h.Root())
	for _, path := range paths {
		if modeOf(t, path)&0o400 != 0 {
			t.Run("read/"+filepath.Base(path), func(t *testing.T) {
				failEach(t, outOfMemory, func() error { return readAndPoll(path) }, nothing, nothing)
			})
		}
	}
	must(t, unchanged())
	for _, path := range paths {
		name := filepath.Base(path)
		if values, known := others[name]; modeOf(t, path)&0o200 == 0 || known && values == nil {
			continue
		}
		t.Run("write/"+name, func(t *testing.T) { failWrites(t, path, unchanged) })
	}
}

// filesOfEachKind returns the paths of the containers' files, one of those that have the same name, in order.
func filesOfEachKind(t *testing.T, containers ...containerfs.Container) (paths []string) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range containers {
		names := got(c.Files())(t)
		slices.Sort(names)
		for _, name := range names {
			if !seen[name] && !harmful(name) {
				paths = append(paths, c.File(name))
			}
			seen[name] = true
		}
	}
	return paths
}

// modeOf returns the mode of a file.
func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	return got(os.Stat(path))(t).Mode()
}

// failWrites writes another value to a file, with each allocation failing in turn.
func failWrites(t *testing.T, path string, unchanged func() error) {
	t.Helper()
	value, undo := resetting(filepath.Base(path)), nothing
	if value == "" {
		other, back, err := otherValue(path)
		must(t, err)
		value, undo = other, func() error { return writeOnce(path, back) }
	}
	failed, failures := false, 0
	failEach(t, outOfMemory,
		func() error {
			failed = false
			return onFD(path, unix.O_WRONLY, func(fd int) error {
				_, err := unix.Write(fd, []byte(value))
				if failed = err != nil; failed {
					failures++
				}
				return err
			})
		},
		undo,
		func() error {
			if !failed {
				return nil
			}
			return unchanged()
		})
	must(t, unchanged())
	if failures == 0 {
		t.Error("only the open has failed")
	}
}

// readAndPoll opens a file, reads it to its end, as far as a page holds it, and asks whether anything has happened to it.
func readAndPoll(path string) error {
	return onFD(path, unix.O_RDONLY, func(fd int) error {
		if _, err := unix.Read(fd, make([]byte, 4096)); err != nil {
			return err
		}
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}, 0)
		return err
	})
}
