//go:build guest

package guesttest

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// agentName is the name under which the test binary acts as a release agent.
const agentName = "record-release"

// agent is a release agent that tells the test about each run, through a pipe beside the program.
type agent struct {
	program string
	pipe    *os.File
	runs    chan string
}

// recordRelease is the agent's main: it sends how it was called.
func recordRelease() {
	pipe, err := os.OpenFile(filepath.Join(filepath.Dir(os.Args[0]), "runs"), os.O_WRONLY, 0)
	if err != nil {
		os.Exit(1) // the test is over
	}
	fmt.Fprint(pipe, formatRun(os.Args[1:], os.Environ()))
}

// noMoreRuns is what the test itself sends when no agent is running any more.
const noMoreRuns = "no more runs\n"

// formatRun is a run of the agent in words.
func formatRun(args, env []string) string { return fmt.Sprintf("%q %q\n", args, env) }

// runFor is what a correct run for the container at path looks like.
func runFor(path string) string {
	return formatRun([]string{path}, []string{"HOME=/", "PATH=/sbin:/bin:/usr/sbin:/usr/bin"})
}

// newAgent makes a release agent that lasts until the end of the test. Its runs wait until listen is called.
func newAgent(t *testing.T) *agent {
	t.Helper()
	dir := tempDir(t)
	a := &agent{program: filepath.Join(dir, agentName), runs: make(chan string, 1000)}
	must(t, os.Symlink(got(os.Executable())(t), a.program))
	must(t, unix.Mkfifo(filepath.Join(dir, "runs"), 0o600))
	return a
}

// listen starts receiving the agent's runs.
func (a *agent) listen(t *testing.T) {
	t.Helper()
	// Read and write, so that the pipe has no end while no agent runs.
	a.pipe = got(os.OpenFile(filepath.Join(filepath.Dir(a.program), "runs"), os.O_RDWR, 0))(t)
	t.Cleanup(func() { a.pipe.Close() })
	go func() {
		for in := bufio.NewReader(a.pipe); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			a.runs <- line
		}
	}()
}

// next waits for the next run.
func (a *agent) next(t testing.TB) string {
	t.Helper()
	select {
	case run := <-a.runs:
		return run
	case <-time.After(patience):
		t.Fatal("the release agent was not run")
		return ""
	}
}

// rest returns the runs not yet received, once all releases so far have been handled. To know that, it releases another container
// of h, whose run comes after those of earlier releases have at least started, and waits until no agent is running.
func (a *agent) rest(t testing.TB, h containerfs.Hierarchy) []string {
	t.Helper()
	last := h.Container(fmt.Sprintf("/last-%d", time.Now().UnixNano()))
	must(t, last.Create())
	must(t, last.SetNotifyOnRelease(true))
	pid, err := bare.Spawn(bare.Sleeps)
	must(t, err)
	must(t, last.Attach(pid))
	kill(pid)
	var runs []string
	for run := a.next(t); run != runFor(last.Path); run = a.next(t) {
		runs = append(runs, run)
	}
	must(t, last.Remove())
	eventually(t, "no release agent is running", func() bool { return !running(agentName) })
	// What they wrote before they ended comes before this, wherever the goroutine that receives it has got to.
	got(a.pipe.WriteString(noMoreRuns))(t)
	for run := a.next(t); run != noMoreRuns; run = a.next(t) {
		runs = append(runs, run)
	}
	return runs
}

// running tells whether a process with that name exists.
func running(name string) bool {
	comms, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, path := range comms {
		if comm, err := os.ReadFile(path); err == nil && string(comm) == name+"\n" {
			return true
		}
	}
	return false
}

// released makes a container with notify_on_release, puts a process into it, and ends the process.
func released(t testing.TB, c containerfs.Container) {
	t.Helper()
	must(t, c.Create())
	must(t, c.SetNotifyOnRelease(true))
	pid, err := bare.Spawn(bare.Sleeps)
	must(t, err)
	must(t, c.Attach(pid))
	kill(pid)
}
