//go:build guest

package guesttest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestGpcKill(t *testing.T) {
	begin(t)
	h := mount(t, named("gpckill"))
	d := mkdir(t, h.Root(), "a", "a/b", "c").Dir()
	pid, bystander := sleeper(t), sleeper(t)
	must(t, h.Container("/c").Attach(bystander))
	wantSteps(t,
		step{fmt.Sprintf("attach :/a/b %d", pid), 0, ""},
		step{"kill :/", 1, "no signal is sent"},
		step{"kill -s TERM :/", 1, "no signal is sent"},
		step{"kill :/nowhere", 1, "there is no such container"},
		step{"rm --kill :/a", 1, d + " has containers below it, first b: -r removes them, too"},
		step{"kill -s CONT --wait :/c/none", 1, "there is no such container"},
		step{"kill --wait :/a", 0, ""},
		step{"watch --until-empty :/a", 0, "name=gpckill:/a empty\n"},
		step{"rm -r --kill :/a", 0, ""},
		step{"rm --kill :/a", 1, "there is no such container"},
		step{"rm -r --kill :/a", 1, "there is no such container"},
	)
	if exists(h.Container("/a")) || !exiting(pid, pid) || exiting(bystander, bystander) {
		t.Error("not that was killed and removed what was to be")
	}
}

// Another signal than KILL goes to each process, below as well, and to nobody else.
func TestGpcKillWithSignal(t *testing.T) {
	begin(t)
	h := mount(t, named("term"))
	mkdir(t, h.Root(), "a", "a/b", "c")
	var pids []int
	for _, path := range []string{"/a", "/a/b", "/c"} {
		cmd := exec.Command("/usr/bin/sleep", "1000")
		must(t, h.Container(path).Start(cmd))
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		pids = append(pids, cmd.Process.Pid)
	}
	wantSteps(t, step{"kill -s TERM --wait :/a", 0, ""})
	for i, want := range []bool{true, true, false} {
		if exiting(pids[i], pids[i]) != want {
			t.Errorf("process %d of %v: ended %v, want %v", i, pids, !want, want)
		}
	}
}

func TestGpcAutoDelete(t *testing.T) {
	begin(t)
	h := mount(t, named("auto"))
	wantSteps(t,
		step{"create --auto-delete :/once", 0, ""},
		step{"get -nv -r auto_delete :/once", 0, "1\n"},
		step{"exec -c :/once true", 0, ""},
	)
	eventually(t, "the container has deleted itself", func() bool { return !exists(h.Container("/once")) })
	// Who kills meets the kernel's own removal.
	for _, command := range []string{"rm -r --kill", "kill --wait"} {
		// The name is free a moment after nobody finds the container any more: kernfs hides a directory before it unlinks it.
		once := h.Container("/once")
		eventually(t, "the name is free", func() bool {
			err := once.Create()
			return err == nil || !errors.Is(err, fs.ErrExist)
		})
		must(t, once.SetAutoDelete(true))
		must(t, once.Attach(sleeper(t)))
		wantSteps(t, step{command + " :/once", 0, ""})
		eventually(t, "the container has gone", func() bool { return !exists(once) })
	}
}

// A process whose threads come and go all the time is killed to the last.
func TestGpcRemoveKillsForks(t *testing.T) {
	begin(t)
	h := mount(t, named("storm"))
	a := mkdir(t, h.Root(), "a")
	storm := start(t, nil, nil, "storm")
	storm.line(t)
	must(t, a.AttachProc(storm.pid))
	wantSteps(t, step{"rm -r --kill :/a", 0, ""})
	if exists(a) {
		t.Error("the container is still there")
	}
}

// startGpc starts gpc, and returns what it prints while it runs. It ends with the test.
func startGpc(t *testing.T, args ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command("/bin/gpc", args...)
	out := got(cmd.StdoutPipe())(t)
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, bufio.NewReader(out)
}

// watch says what happens, while it happens, and ends with the container.
func TestGpcWatch(t *testing.T) {
	begin(t)
	h := mount(t, named("gpcwatch"))
	a := mkdir(t, h.Root(), "a")
	cmd, out := startGpc(t, "watch", ":/a")
	next := func(want string) {
		t.Helper()
		if line, err := out.ReadString('\n'); line != "name=gpcwatch:/a "+want+"\n" {
			t.Fatalf("watch says %q (%v), want %q", line, err, want)
		}
	}
	next("empty")
	pid := sleeper(t)
	must(t, a.Attach(pid))
	next("populated")
	kill(pid)
	next("empty")
	must(t, a.Remove())
	next("removed")
	must(t, cmd.Wait())
	wantSteps(t,
		step{"watch :/", 1, "the root of a hierarchy has no such file"},
		step{"watch :/a", 1, "there is no such container"},
	)
}

// With --json the changes are one document, which is whole even if watch is interrupted.
func TestGpcWatchJSON(t *testing.T) {
	begin(t)
	h := mount(t, named("json"))
	mkdir(t, h.Root(), "a")
	cmd, out := startGpc(t, "watch", "--json", ":/a")
	first := got(out.ReadString('}'))(t)
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	rest := got(io.ReadAll(out))(t)
	var changes []struct{ Path, State string }
	err := json.Unmarshal([]byte(first+string(rest)), &changes)
	if err != nil || len(changes) != 1 || changes[0].Path != "/a" || changes[0].State != "empty" {
		t.Errorf("%v: %s%s is %+v", err, first, rest, changes)
	}
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != 128+int(syscall.SIGTERM) {
		t.Errorf("exit status %d after SIGTERM", status)
	}
}

// top's batches have headings each, in the order that is wanted, and end after as many as are wanted.
func TestGpcTopBatch(t *testing.T) {
	begin(t)
	h := mount(t, bound("cpuacct", "numtasks"))
	mkdir(t, h.Root(), "a", "b", "b/c")
	for _, path := range []string{"/b", "/b/c", "/a"} {
		must(t, h.Container(path).Attach(sleeper(t)))
	}
	for key, want := range map[string]string{"tasks": "/ /b /a /b/c", "path": "/ /a /b /b/c"} {
		out, complaint, status := gpc(t, "top", "-b", "-n", "2", "-d", "0.1", "-s", key, ":/")
		tables := strings.Split(out, "\n\n")
		if status != 0 || complaint != "" || len(tables) != 2 {
			t.Fatalf("top: status %d, complained %q, and printed %d tables:\n%s", status, complaint, len(tables), out)
		}
		for _, table := range tables {
			heading, rows, _ := strings.Cut(strings.TrimSpace(table), "\n")
			if words := strings.Join(strings.Fields(heading), " "); words != "%CPU TIME TASKS FILES PAGES REFUSED CONTAINER" {
				t.Errorf("the headings are %q", words)
			}
			var paths []string
			for row := range strings.Lines(rows) {
				fields := strings.Fields(row)
				paths = append(paths, fields[len(fields)-1])
			}
			if got := strings.Join(paths, " "); got != want {
				t.Errorf("sorted by %s: %s, want %s", key, got, want)
			}
		}
	}
	reversed, _, _ := gpc(t, "top", "-b", "-n", "1", "-d", "0.1", "-s", "tasks", "--reverse", ":/b")
	if lines := strings.Split(strings.TrimSpace(reversed), "\n"); len(lines) != 3 || !strings.HasSuffix(lines[1], "/b/c") || !strings.HasSuffix(lines[2], "/b") {
		t.Errorf("the smallest first:\n%s", reversed)
	}
}
