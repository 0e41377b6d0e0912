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

	"gpc/userspace/cli"
	"gpc/userspace/containerfs"
)

// gpc runs the tool and returns what it printed, what it complained of, and its exit status. It is run as a program where it becomes another
// one; elsewhere the test does what the program's main function does, as a process takes far longer to start than all the rest.
func gpc(t testing.TB, args ...string) (out, complaint string, status int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if args[0] != "exec" {
		status = cli.Main(args, &stdout, &stderr)
		return stdout.String(), stderr.String(), status
	}
	cmd := exec.Command("/bin/gpc", args...)
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
	dir, again := filepath.Join(tempDir(t), "made"), tempDir(t)
	wantSteps(t,
		step{"ls", 1, "no hierarchy of containers is mounted"},
		step{"create :/a", 1, "no hierarchy of containers is mounted"},
		step{"mount", 0, "ID  NAME  SUBSYSTEMS  CONTAINERS  TASKS  MOUNTED AT\n"},
		step{"mount -o none,name=x " + dir, 1, "cannot mount at " + dir + ": no such file or directory"},
		step{"mount -o none -p " + dir, 1, "'none' needs a name="},
		step{"mount -o none,name=x " + dir, 1, "no such file or directory"}, // it was not left behind
		step{"mount -o nosuch -p " + dir, 1, "there is no option or subsystem 'nosuch'"},
		step{"mount -o none,name=a/b -p " + dir, 1, "a name has letters"},
		step{"mount -o none,name=x,release_agent=/bin/x -p " + dir, 0, ""},
		step{"get -nv -r release_agent :/", 0, "/bin/x\n"},
		step{"mount -o all,name=x " + dir, 1, "the hierarchy of that name has other subsystems"},
		step{"mount -o none,name=x " + again, 0, ""},
		step{"umount " + again, 0, ""},
		step{"umount " + dir + "/nowhere", 1, "is not where a hierarchy is mounted"},
		step{"umount " + dir, 0, ""},
		step{"umount " + dir, 1, "no hierarchy of containers is mounted there"},
	)
}

// What a cpuset cannot have is told of with the reason, never as a full disk, and nothing changes.
func TestGpcCpusets(t *testing.T) {
	begin(t)
	h := cpusets(t)
	d := mkdir(t, h.Root(), "a", "a/c", "b").Hierarchy.Dir
	pid := sleeper(t)
	wantSteps(t,
		step{"set -r cpuset.cpus=2-3 -r cpuset.mems=0 :/a", 0, ""},
		step{"set -r cpuset.cpus=2-3 :/b", 0, ""},
		step{"set -r cpuset.cpu_exclusive=1 :/a", 1, `cannot write "1" to ` + d + "/a/cpuset.cpu_exclusive: CPUs 2-3 are also " + d + "/b's"},
		step{"get -nv -r cpuset.cpu_exclusive :/a", 0, "0\n"},
		step{fmt.Sprintf("attach :/a/c %d", pid), 1, fmt.Sprintf("cannot move %d into %s/a/c: its cpus are empty", pid, d)},
		step{fmt.Sprintf("attach :/b %d", pid), 1, fmt.Sprintf("cannot move %d into %s/b: its mems are empty", pid, d)},
		step{"exec -c :/b true", 1, "cannot move the caller into " + d + "/b: its mems are empty"},
		step{fmt.Sprintf("attach :/a %d", pid), 0, ""},
		step{"set -r cpuset.cpus= :/a", 1, "they cannot be empty while the container is in use: 1 task, first " + fmt.Sprint(pid)},
		step{"set -r cpuset.cpus=x :/a", 1, `"x" is no list of CPUs`},
		step{"create -p -r cpuset.cpus=0 :/a/new/er", 1, "are not among its parent's"},
		step{"ls :/a", 0, "cpuset:/a\ncpuset:/a/c\n"},
		step{"set --copy-from :/a :/a/c", 0, ""},
		step{"get -nv -r cpuset.cpus -r cpuset.mems :/a/c", 0, "2-3\n0\n"},
	)
}

// bc tells where BeanCounters are missing: in the kernel, or in what is mounted.
func TestGpcBeanCountersMissing(t *testing.T) {
	begin(t)
	mount(t, named("none"))
	reason := "this kernel has no such subsystem, only "
	for _, s := range got(containerfs.ReadStatus())(t).Subsystems {
		if s.Name == "bc" {
			reason = "no hierarchy has bound it"
		}
	}
	wantSteps(t,
		step{"bc", 1, "cannot find the hierarchy of bc: " + reason},
		step{"bc :/", 1, "subsystem bc is not bound to this hierarchy"},
		step{"create bc:/a", 1, "cannot find the hierarchy of bc: " + reason},
	)
}

// To mount a hierarchy once more does not change its release agent, which is said.
func TestGpcMountKeepsAgent(t *testing.T) {
	begin(t)
	o := named("agent")
	o.ReleaseAgent = "/bin/x"
	h := mount(t, o)
	dir := tempDir(t)
	for agent, note := range map[string]string{"/bin/x": "", "/bin/y": "gpc: note: the hierarchy was active already, and its release agent is still /bin/x\n"} {
		out, complaint, status := gpc(t, "mount", "-o", "none,name=agent,release_agent="+agent, dir)
		if status != 0 || out != "" || complaint != note {
			t.Errorf("mounted with agent %s: status %d, said %q and complained %q", agent, status, out, complaint)
		}
		must(t, unix.Unmount(dir, 0))
	}
	wantAgent(t, h, "/bin/x")
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

// A pipe that nobody reads and a full disk are told of. A program that gpc has become meets the pipe as every program does.
func TestGpcOutputThatFails(t *testing.T) {
	begin(t)
	h := mount(t, named("out"))
	mkdir(t, h.Root(), "a")
	r, broken, err := os.Pipe()
	must(t, err)
	r.Close()
	defer broken.Close()
	full := got(os.OpenFile("/dev/full", os.O_WRONLY, 0))(t)
	defer full.Close()
	for what, out := range map[string]*os.File{"broken pipe": broken, "no space left on device": full} {
		for _, args := range []string{"ls", "tree --json", "top -b -d 0.1", "watch :/a"} {
			cmd := exec.Command("/bin/gpc", strings.Fields(args)...)
			var stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = out, &stderr
			_ = cmd.Run()
			if status := cmd.ProcessState.ExitCode(); status != 1 || stderr.String() != "gpc: the output cannot be written: "+what+"\n" {
				t.Errorf("gpc %s: status %d, complained %q", args, status, stderr.String())
			}
		}
	}
	cmd := exec.Command("/bin/gpc", "exec", "-c", ":/a", "sh", "-c", "while echo y; do :; done")
	cmd.Stdout = broken
	_ = cmd.Run()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != unix.SIGPIPE {
		t.Errorf("a program that writes to a closed pipe ended with %#x", status)
	}
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
