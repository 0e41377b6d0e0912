//go:build guest

package guesttest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// helperEnv tells the test binary, started once more, which helper to be.
const helperEnv = "GUESTTEST_HELPER"

// helpers are the programs that tests start where a bare forked process is not enough. Each ends when its stdin does.
var helpers = map[string]func(args []string){
	"storm":      stormHelper,
	"deadleader": deadLeaderHelper,
	"mount":      mountHelper,
	"read":       readHelper,
	"write":      writeHelper,
	"writefd":    writeFDHelper,
	"threadexec": threadExecHelper,
	"ready":      readyHelper,
	"burn":       burnHelper,
	"crowd":      crowdHelper,
	"forks":      forksHelper,
	"reads":      readsHelper,
	"fsopen":     fsopenHelper,
	"fspick":     fspickHelper,
	"fsconfig":   fsconfigHelper,
	"killself":   killSelfHelper,
	"killin":     killInHelper,
	"server":     serverHelper,
	"spin":       spinHelper,
	"eat":        eatHelper,
	"gcov":       gcovHelper,
	"nothing":    func([]string) {},
}

// Main stays on the process's first thread: some helpers need to know it, and onThread must not get it, as the Go runtime never lets it end.
func init() { runtime.LockOSThread() }

// runHelper does the work of a helper or of the release agent, and tells whether the process was one.
func runHelper() bool {
	if filepath.Base(os.Args[0]) == agentName {
		recordRelease()
		return true
	}
	name := os.Getenv(helperEnv)
	if name == "" {
		return false
	}
	helpers[name](os.Args[1:])
	return true
}

// process is a running helper.
type process struct {
	cmd   *exec.Cmd
	pid   int
	stdin io.Closer
	lines *bufio.Scanner
}

// start starts a helper, which ends with the test. attr may be nil.
func start(t testing.TB, attr *syscall.SysProcAttr, extra []*os.File, name string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(got(os.Executable())(t), args...)
	cmd.Env = append(os.Environ(), helperEnv+"="+name)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = attr
	cmd.ExtraFiles = extra
	stdin := got(cmd.StdinPipe())(t)
	stdout := got(cmd.StdoutPipe())(t)
	must(t, cmd.Start())
	p := &process{cmd: cmd, pid: cmd.Process.Pid, stdin: stdin, lines: bufio.NewScanner(stdout)}
	t.Cleanup(p.stop)
	return p
}

// line returns the next line that the helper says.
func (p *process) line(t testing.TB) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatalf("helper %d said nothing more: %v", p.pid, p.lines.Err())
	}
	return p.lines.Text()
}

// result returns the errno that the helper reports as its next line.
func (p *process) result(t testing.TB) error {
	t.Helper()
	n := got(strconv.Atoi(p.line(t)))(t)
	if n == 0 {
		return nil
	}
	return unix.Errno(n)
}

// stop ends the helper and waits for it.
func (p *process) stop() {
	p.stdin.Close()
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// awaitStop is how a helper waits for the test to be done with it.
func awaitStop() { io.Copy(io.Discard, os.Stdin) }

// report prints err's errno for result.
func report(err error) {
	var errno unix.Errno
	if err != nil && !errors.As(err, &errno) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(int(errno))
}

// stormHelper makes threads that end at once, four at a time, for ever.
func stormHelper([]string) {
	for range 4 {
		go func() {
			ended := make(chan bool)
			for {
				go func() {
					runtime.LockOSThread()
					ended <- true
				}()
				<-ended
			}
		}()
	}
	fmt.Println("ready")
	awaitStop()
}

// deadLeaderHelper says "ready" when the first thread of the process is dead, and others live. With an argument that one died as root, and the
// others are an ordinary user's.
func deadLeaderHelper(args []string) {
	if len(args) > 0 {
		if err := syscall.Setresuid(ordinary, ordinary, 0); err != nil {
			panic(err)
		}
	}
	go func() {
		runtime.LockOSThread()
		within(patience, func() bool { return !alive(os.Getpid(), os.Getpid()) })
		fmt.Println("ready")
		awaitStop()
		os.Exit(0)
	}()
	if len(args) > 0 {
		syscall.RawSyscall(syscall.SYS_SETRESUID, 0, 0, 0) // this thread alone
	}
	syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0)
}

// threadExecHelper says the id of a thread that is not the first one, and has that thread execute another helper on the next line of stdin.
func threadExecHelper([]string) {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	go func() {
		runtime.LockOSThread()
		fmt.Println(unix.Gettid())
		syscall.Read(0, make([]byte, 100))
		os.Setenv(helperEnv, "ready")
		panic(syscall.Exec(self, []string{self}, os.Environ()))
	}()
	select {}
}

// readyHelper says "ready".
func readyHelper([]string) {
	fmt.Println("ready")
	awaitStop()
}

// mountHelper mounts a hierarchy at a directory with options, and reports.
func mountHelper(args []string) {
	report(unix.Mount("guesttest", args[0], "container", 0, args[1]))
	awaitStop()
}

// fsopenHelper opens a context for a new mount, and reports.
func fsopenHelper([]string) {
	_, err := unix.Fsopen("container", 0)
	report(err)
	awaitStop()
}

// fspickHelper opens a context for the mount at a directory, and reports.
func fspickHelper(args []string) {
	_, err := unix.Fspick(unix.AT_FDCWD, args[0], 0)
	report(err)
	awaitStop()
}

// fsconfigHelper sets an option of the context that it was started with, KEY or KEY=VALUE, and reports.
func fsconfigHelper(args []string) {
	key, value, isString := strings.Cut(args[0], "=")
	if isString {
		report(unix.FsconfigSetString(3, key, value))
	} else {
		report(unix.FsconfigSetFlag(3, key))
	}
	awaitStop()
}

// readHelper waits for a line on stdin, then prints a file on one line, quoted.
func readHelper(args []string) {
	bufio.NewReader(os.Stdin).ReadString('\n')
	text, err := os.ReadFile(args[0])
	if err != nil {
		panic(err)
	}
	fmt.Printf("%q\n", text)
	awaitStop()
}

// writeHelper opens a file, writes a text and reports.
func writeHelper(args []string) {
	report(writeFile(args[0], args[1]))
	awaitStop()
}

// writeFDHelper writes a text to the file that it was started with, and reports.
func writeFDHelper(args []string) {
	_, err := unix.Write(3, []byte(args[0]))
	report(err)
	awaitStop()
}

// writeFile writes text to an existing file in one write(2).
func writeFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// say writes a line to the helper's stdin.
func (p *process) say(t testing.TB, line string) {
	t.Helper()
	_, err := io.WriteString(p.stdin.(io.Writer), strings.TrimSuffix(line, "\n")+"\n")
	must(t, err)
}
