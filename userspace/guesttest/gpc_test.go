//go:build guest

package guesttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// gpc runs the tool and returns what it printed, what it complained of, and its exit status.
func gpc(t testing.TB, args ...string) (out, complaint string, status int) {
	t.Helper()
	cmd := exec.Command("/bin/gpc", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// step is a call of gpc and what is to come of it.
type step struct {
	args   string // with blanks between
	status int
	says   string // all of the output; of what fails, a part of the one line of complaint
}

// wantSteps runs gpc step by step.
func wantSteps(t *testing.T, steps ...step) {
	t.Helper()
	for _, s := range steps {
		out, complaint, status := gpc(t, strings.Fields(s.args)...)
		ok := status == s.status
		if status == 0 {
			ok = ok && out == s.says && complaint == ""
		} else {
			ok = ok && out == "" && strings.Contains(complaint, s.says) && strings.Count(complaint, "\n") == 1
		}
		if !ok {
			t.Errorf("gpc %s: status %d, said %q and complained %q; want status %d and %q", s.args, status, out, complaint, s.status, s.says)
		}
	}
}

func TestGpcContainers(t *testing.T) {
	begin(t)
	h := mount(t, named("gpc"))
	pid := sleeper(t)
	comm := strings.TrimSpace(string(got(os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)))(t)))
	d, width := h.Dir, max(len("PID"), len(fmt.Sprint(pid)))
	wantSteps(t,
		step{"create --notify name=gpc:/jobs " + d + "/jobs/night", 0, ""},
		step{"create " + d + "/jobs", 1, "cannot make " + d + "/jobs: it exists already"},
		step{"create -p " + d + "/jobs/a/b", 0, ""},
		step{"create " + d + "/x/y", 1, "cannot make " + d + "/x/y: there is no container " + d + "/x"},
		step{"create /tmp/elsewhere", 1, "cannot use /tmp/elsewhere: it is not a container, but outside of all hierarchies"},
		step{"create name=gpc:/../../tmp/elsewhere", 1, "leads out of the hierarchy"},
		step{"create name=gpc:/../x", 1, "leads out of the hierarchy"},
		step{"create " + d + "/../elsewhere", 1, "outside of all hierarchies"},
		step{"create name=none:/a", 1, "there is none of that name"},
		step{"create nosuch:/a", 1, "this kernel has no such subsystem"},
		step{"create name=gpc:a", 2, "begins with a slash"},
		step{"get -nv -r notify_on_release :/jobs/night", 0, "1\n"},
		step{"ls :/", 0, "name=gpc:/\nname=gpc:/jobs\nname=gpc:/jobs/a\nname=gpc:/jobs/a/b\nname=gpc:/jobs/night\n"},
		step{fmt.Sprintf("attach :/jobs/night %d", pid), 0, ""},
		step{"attach :/jobs x", 2, `"x" is not a process id`},
		step{"attach :/jobs 4194305", 1, "cannot move 4194305 into " + d + "/jobs: there is no such task, or it is exiting"},
		step{"attach :/nowhere 1", 1, "there is no such container"},
		step{fmt.Sprintf("where %d", pid), 0, fmt.Sprintf("%*s  HIERARCHY  CONTAINER\n%*d  name=gpc   /jobs/night\n", width, "PID", width, pid)},
		step{"where 4194305", 1, "there is no such task"},
		step{"tree :/jobs", 0, "name=gpc:/jobs  0 tasks\n|- a  0 tasks\n|  `- b  0 tasks\n`- night  1 task\n"},
		step{"rm :/jobs/night", 1, fmt.Sprintf("%s/jobs/night is busy: 1 task, first %d %s", d, pid, comm)},
		step{"rm :/jobs", 1, d + "/jobs is busy: 2 containers below it, first a"},
		step{"rm -r :/jobs", 1, fmt.Sprintf("%s/jobs/night is busy: 1 task, first %d", d, pid)},
		step{"rm :/", 1, "it is the root of its hierarchy"},
		step{"mv :/jobs/night day", 0, ""},
		step{"mv :/jobs/day a", 1, "exists already"},
		step{"mv :/jobs/day :/day", 1, "can only be renamed in its place"},
		step{"mv :/ top", 1, "it is the root of its hierarchy"},
		step{"mv :/jobs/night day", 1, "there is no such container"},
		step{fmt.Sprintf("attach -t :/ %d", pid), 0, ""},
		step{"rm -r :/jobs", 0, ""},
		step{"get :/jobs", 1, "there is no such container"},
		step{"frobnicate", 2, "there is no command"},
		step{"create", 2, "needs a container"},
		step{"create --nonsense :/a", 2, "unknown flag"},
		step{"umount /tmp", 1, "outside of all hierarchies"},
	)
	must(t, unix.Kill(pid, 0))
}

func TestGpcExec(t *testing.T) {
	begin(t)
	h := mount(t, named("exec"))
	beside := mount(t, named("beside"))
	mkdir(t, h.Root(), "a", "b")
	mkdir(t, beside.Root(), "c")
	wantSteps(t,
		step{"exec -c name=exec:/a -- /bin/cat /proc/self/container", 0, "name=exec:/a\nname=beside:/\n"},
		step{"exec -c name=exec:/a -c name=beside:/c cat /proc/self/container", 0, "name=exec:/a\nname=beside:/c\n"},
		step{"exec -c name=exec:/a -c name=exec:/b true", 2, "same hierarchy"},
		step{"exec true", 2, "needs -c CONTAINER"},
		step{"exec -c name=exec:/a", 2, "needs a command"},
		step{"exec -c name=exec:/a no-such-program", 127, "cannot run no-such-program: executable file not found"},
		step{"exec -c name=exec:/a /proc/version", 126, "cannot run /proc/version: permission denied"},
		step{"exec -c name=exec:/nowhere true", 1, "there is no such container"},
	)
	for _, args := range [][]string{{"sh", "-c", "exit 7"}, {"sh", "-c", "kill -9 $$"}} {
		direct, inside := exec.Command(args[0], args[1:]...), exec.Command("/bin/gpc", append([]string{"exec", "-c", "name=exec:/a"}, args...)...)
		_, _ = direct.Run(), inside.Run()
		want, is := direct.ProcessState.Sys().(syscall.WaitStatus), inside.ProcessState.Sys().(syscall.WaitStatus)
		if is != want {
			t.Errorf("%q: wait status %#x in a container, %#x outside", args, is, want)
		}
	}
	// What the shell has started may end a little later than it.
	eventually(t, "the container is empty", func() bool { tasks, err := h.Container("/a").Tasks(); return err == nil && len(tasks) == 0 })
}

func TestGpcSettings(t *testing.T) {
	begin(t)
	h := mount(t, named("set"))
	mkdir(t, h.Root(), "a", "b", "b/c")
	wantSteps(t,
		step{"set -r notify_on_release=1 :/a", 0, ""},
		step{"get -r notify_on_release :/a :/b", 0, "name=set:/a:\nnotify_on_release: 1\n\nname=set:/b:\nnotify_on_release: 0\n"},
		step{"get -n -r notify_on_release :/a", 0, "notify_on_release: 1\n"},
		step{"set -R --copy-from :/a :/b", 0, ""},
		step{"get -nvR -r notify_on_release :/b", 0, "1\n1\n"},
		step{"set -r notify_on_release=2 :/a", 1, `cannot write "2" to ` + h.Dir + "/a/notify_on_release: "},
		step{"set -r nonsense=2 :/a", 1, "the container has no such file"},
		step{"set -r cpuset.cpus=2 :/a", 1, "subsystem cpuset is not bound to this hierarchy"},
		step{"set -r ../b/notify_on_release=0 :/a", 1, "leads out of the hierarchy"},
		step{"set -r release_agent=/x :/a", 1, "only the root of a hierarchy has that file"},
		step{"set -r nonsense :/a", 2, "is not NAME=VALUE"},
		step{"set :/a", 2, "nothing is to be set"},
		step{"get -g cpuset :/a", 1, "not bound"},
		step{"create -r notify_on_release=7 :/d", 1, "notify_on_release"},
	)
	if exists(h.Container("/d")) {
		t.Error("a container whose settings were not taken is left")
	}
}

func TestGpcHierarchies(t *testing.T) {
	begin(t)
	dir := filepath.Join(tempDir(t), "made")
	wantSteps(t,
		step{"ls", 1, "no hierarchy of containers is mounted"},
		step{"create :/a", 1, "no hierarchy of containers is mounted"},
		step{"mount", 0, "ID  NAME  SUBSYSTEMS  CONTAINERS  TASKS  MOUNTED AT\n"},
		step{"mount -o none,name=x " + dir, 1, "cannot mount at " + dir + ": no such file or directory"},
		step{"mount -o none -p " + dir, 1, "'none' needs a name="},
		step{"mount -o nosuch " + dir, 1, "there is no option or subsystem 'nosuch'"},
		step{"mount -o none,name=a/b " + dir, 1, "a name has letters"},
		step{"mount -o none,name=x,release_agent=/bin/x " + dir, 0, ""},
		step{"get -nv -r release_agent :/", 0, "/bin/x\n"},
		step{"mount -o all,name=x " + dir, 1, "the hierarchy of that name has other subsystems"},
		step{"umount " + dir + "/nowhere", 1, "is not where a hierarchy is mounted"},
		step{"umount " + dir, 0, ""},
		step{"umount " + dir, 1, "no hierarchy of containers is mounted there"},
	)
}

// gpcJSON runs gpc and parses the one document that it prints.
func gpcJSON(t testing.TB, v any, args string) {
	t.Helper()
	out, complaint, status := gpc(t, append(strings.Fields(args), "--json")...)
	dec := json.NewDecoder(strings.NewReader(out))
	if err := dec.Decode(v); status != 0 || err != nil || dec.More() {
		t.Errorf("gpc %s --json: status %d, %v, said %q and complained %q", args, status, err, out, complaint)
	}
	if strings.Contains(out, "null") {
		t.Errorf("gpc %s --json: a null in %s", args, out)
	}
}

func TestGpcJSON(t *testing.T) {
	begin(t)
	h := mount(t, named("json"))
	mkdir(t, h.Root(), "a")
	pid := sleeper(t)
	must(t, h.Container("/a").Attach(pid))
	var ls struct {
		Containers []struct{ Hierarchy, Path, Dir string }
	}
	gpcJSON(t, &ls, "ls :/a")
	if len(ls.Containers) != 1 || ls.Containers[0].Path != "/a" || ls.Containers[0].Dir != h.Dir+"/a" || ls.Containers[0].Hierarchy != "name=json" {
		t.Errorf("ls: %+v", ls)
	}
	var ps struct {
		Containers []struct{ Tasks []struct{ TID int } }
	}
	gpcJSON(t, &ps, "ps :/a")
	if len(ps.Containers) != 1 || len(ps.Containers[0].Tasks) != 1 || ps.Containers[0].Tasks[0].TID != pid {
		t.Errorf("ps: %+v", ps)
	}
	for _, args := range []string{"mount", "subsystems", "tree", "where", "get :/a", "stat :/a", "top -n 2 -d 0.1"} {
		var v any
		gpcJSON(t, &v, args)
	}
}

// A pipe that nobody reads ends gpc as it ends any program; a full disk is told of.
func TestGpcOutputThatFails(t *testing.T) {
	begin(t)
	mount(t, named("out"))
	r, w := got2(os.Pipe())(t)
	r.Close()
	cmd := exec.Command("/bin/gpc", "ls")
	cmd.Stdout = w
	if err := cmd.Run(); err == nil {
		t.Error("output to a closed pipe is taken for success")
	}
	w.Close()
	full := got(os.OpenFile("/dev/full", os.O_WRONLY, 0))(t)
	defer full.Close()
	cmd = exec.Command("/bin/gpc", "ls")
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = full, &stderr
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), "the output cannot be written") {
		t.Errorf("output to a full disk: %v, complained %q", err, stderr.String())
	}
}

// got2 is got for two values.
func got2[A, B any](a A, b B, err error) func(testing.TB) (A, B) {
	return func(t testing.TB) (A, B) { t.Helper(); must(t, err); return a, b }
}

// Somebody who may not do it is told so, and nothing changes.
func TestGpcWithoutPrivilege(t *testing.T) {
	begin(t)
	h := mount(t, named("user"))
	a := mkdir(t, h.Root(), "a")
	pid := sleeper(t)
	for _, s := range []step{
		{"create :/b", 1, "permission denied"},
		{"rm :/a", 1, "permission denied"},
		{"set -r notify_on_release=1 :/a", 1, "permission denied: the file belongs to user 0"},
		{fmt.Sprintf("attach :/a %d", pid), 1, "permission denied: the file belongs to user 0"},
		{"mount -o none,name=mine /tmp", 1, "may mount"},
	} {
		cmd := exec.Command("/bin/gpc", strings.Fields(s.args)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != s.status || !strings.Contains(string(out), s.says) {
			t.Errorf("gpc %s as another user: %v, said %q; want status %d and %q", s.args, err, out, s.status, s.says)
		}
	}
	wantTasks(t, a)
	if exists(h.Container("/b")) || !exists(a) {
		t.Error("something has changed")
	}
}

// Each command says what it is for, with an example.
func TestGpcHelp(t *testing.T) {
	out, _, _ := gpc(t, "--help")
	commands := 0
	for line := range strings.Lines(out) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "   ") || strings.ContainsAny(name, ":/-") || name == "gpc" || name == "help" || name == "completion" {
			continue
		}
		commands++
		help, _, status := gpc(t, name, "--help")
		if status != 0 || !strings.Contains(help, "Examples:\n  gpc "+name) {
			t.Errorf("gpc %s --help: status %d, no example in\n%s", name, status, help)
		}
	}
	if commands < 17 {
		t.Errorf("%d commands in\n%s", commands, out)
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if script, _, status := gpc(t, "completion", shell); status != 0 || !strings.Contains(script, "gpc") {
			t.Errorf("completion for %s: status %d", shell, status)
		}
	}
}
// The agent is there under the name that legacy mounts of cpusets use, too.
func TestProgramCpusetReleaseAgent(t *testing.T) {
	begin(t)
	o := named("legacy")
	o.ReleaseAgent = "/sbin/cpuset_release_agent"
	h := mount(t, o)
	mkdir(t, h.Root(), "a")
	released(t, h.Container("/a/b"))
	eventually(t, "the released container is gone", func() bool { return !exists(h.Container("/a/b")) })
	if !exists(h.Container("/a")) {
		t.Error("the agent has removed a container that has not asked for it")
	}
}
