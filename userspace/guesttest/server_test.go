//go:build guest

package guesttest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

// server is a process that does on its first thread, whose id is the process's, what a virtual server does.
type server struct{ *process }

// startServer starts one, with further clone flags, and waits until it does nothing but listen.
func startServer(t testing.TB, flags uintptr) server {
	t.Helper()
	s := server{start(t, &syscall.SysProcAttr{Cloneflags: flags}, nil, "server")}
	if line := s.line(t); line != "ready" { // the runtime has the threads that it wants
		t.Fatalf("the server says %q", line)
	}
	return s
}

// unshare has the server make namespaces.
func (s server) unshare(t testing.TB, flags int) error {
	t.Helper()
	s.say(t, fmt.Sprint("unshare ", flags))
	return s.result(t)
}

// clone has the server make a child with namespaces of its own, which lives until the server ends.
func (s server) clone(t testing.TB, flags int) error {
	t.Helper()
	s.say(t, fmt.Sprint("clone ", flags))
	return s.result(t)
}

// keepThreads has the server's runtime make threads ahead: it ends a program when it cannot make the one that it wants, as at a limit of tasks.
func (s server) keepThreads(t testing.TB, count int) {
	t.Helper()
	s.say(t, fmt.Sprint("threads ", count))
	must(t, s.result(t))
}

// read has the server read a file.
func (s server) read(t testing.TB, file string) string {
	t.Helper()
	s.say(t, "read "+file)
	return got(strconv.Unquote(s.line(t)))(t)
}

// serverHelper is the server's main: it does what the lines of stdin say, and reports.
func serverHelper([]string) {
	var children []int
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		words := strings.Fields(in.Text())
		flags, _ := strconv.Atoi(words[1])
		switch words[0] {
		case "unshare":
			report(unix.Unshare(flags))
		case "clone":
			pid, err := bare.SpawnNew(uintptr(flags), bare.Sleeps)
			if err == nil {
				children = append(children, pid)
			}
			report(err)
		case "threads":
			keepThreads(flags)
			report(nil)
		case "read":
			text, err := os.ReadFile(words[1])
			if err != nil {
				text = []byte(err.Error())
			}
			fmt.Printf("%q\n", text)
		}
	}
	for _, pid := range children {
		kill(pid)
	}
}

// keepThreads lets as many goroutines at a time each have a thread. The runtime keeps the threads when the goroutines have ended.
func keepThreads(count int) {
	var arrived sync.WaitGroup
	leave := make(chan bool)
	for range count {
		arrived.Add(1)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			arrived.Done()
			<-leave
		}()
	}
	arrived.Wait()
	close(leave)
}

// namespaces returns the namespaces of a thread as the file ns.proxy shows them.
func namespaces(t testing.TB, pid, tid int) string {
	t.Helper()
	var text strings.Builder
	for _, kind := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/task/%d/ns/%s", pid, tid, kind))
		if errors.Is(err, os.ErrNotExist) {
			continue // this kernel has no namespaces of that kind
		}
		must(t, err)
		fmt.Fprintln(&text, link)
	}
	return text.String()
}

// own returns the container that a task with that id gets below c.
func own(c containerfs.Container, id int) containerfs.Container { return c.Child(strconv.Itoa(id)) }
