//go:build guest && debug

package guesttest

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// moves are files whose content changes while nothing is wrong, by the end of their names. Those at the root tell of the whole machine.
var moves = []struct {
	end      string
	rootOnly bool
	why      string
}{
	{"cpuacct.usage", false, "time goes on"},
	{"cpuacct.usage_subtree", false, "time goes on"},
	{"cpuacct.usage_percpu", false, "time goes on"},
	{"cpuacct.stat", false, "time goes on"},
	{"cpuacct.load", false, "time goes on"},
	{"cpuset.memory_pressure", false, "reclaim is nobody's doing here"},
	{".callbacks", false, "calls are counted whether what they are for succeeds or not"},
	{".failcnt", false, "refusals are counted"},
	{".maxheld", false, "what fails late has held something"},
	{".minheld", false, "what is taken back is held less"},
	{"bc.resources", false, "shows maxheld, minheld and failcnt"},
	{"numtasks.stats", false, "counts what was tried"},
	{".held", true, "the kernel's and the runtime's tasks and files come and go"},
	{".counted", true, "the kernel's and the runtime's tasks come and go"},
	{".unreaped", true, "the kernel's and the runtime's tasks come and go"},
	{"tasks", true, "the kernel's and the runtime's tasks come and go"},
	{"procs", true, "the kernel's and the runtime's tasks come and go"},
}

// moving tells whether a file is one of those.
func moving(name string, root bool) bool {
	for _, m := range moves {
		if strings.HasSuffix(name, m.end) && (root || !m.rootOnly) {
			return true
		}
	}
	return false
}

// mountsFile is among what is compared.
const mountsFile = "/proc/self/mounts"

// taskCounts is what /proc/containers says of the number of tasks, which come and go.
var taskCounts = regexp.MustCompile(` tasks=\d+`)

// stateOf returns everything that can be seen of a hierarchy, which may be none, and of some processes: what is mounted, what
// /proc/containers says, each container with the mode, owner and content of its files, and where each thread of the processes is.
func stateOf(h *containerfs.Hierarchy, pids ...int) (map[string]string, error) {
	s := map[string]string{}
	for _, path := range []string{"/proc/containers", mountsFile} {
		text, err := textOf(path)
		if err != nil {
			return nil, err
		}
		lines := strings.Split(taskCounts.ReplaceAllString(text, ""), "\n")
		if path == mountsFile {
			slices.Sort(lines) // what is mounted again is listed last
			// By these the tests themselves let allocations fail.
			lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "debugfs ") })
		}
		s[path] = strings.Join(lines, "\n")
	}
	for _, pid := range pids {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		if err != nil {
			return nil, err
		}
		for _, task := range tasks {
			for _, name := range []string{"/container", "/cpuset"} {
				text, err := textOf(task + name)
				if err != nil {
					return nil, err
				}
				s[task+name] = text
			}
		}
	}
	if h == nil {
		return s, nil
	}
	return s, addContainers(s, h.Root())
}

// stateIn is stateOf with the files of a container and those below only: for what cannot change others, as it takes half the time.
func stateIn(c containerfs.Container, pids ...int) (map[string]string, error) {
	s, err := stateOf(nil, pids...)
	if err != nil {
		return nil, err
	}
	return s, addContainers(s, c)
}

// addContainers adds a container and those below to a state.
func addContainers(s map[string]string, c containerfs.Container) error {
	root := c.Hierarchy.Dir
	return filepath.WalkDir(c.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s[path+" mode"] = fmt.Sprint(info.Mode())
		s[path+" owner"] = fmt.Sprint(info.Sys().(*syscall.Stat_t).Uid)
		if d.IsDir() || info.Mode()&0o400 == 0 || moving(d.Name(), filepath.Dir(path) == root) {
			return nil
		}
		s[path], err = textOf(path)
		return err
	})
}

// textOf reads a file in as few system calls as there can be: of a state there are thousands of reads. os.ReadFile asks for the size, and
// has the runtime poll every file that can be polled.
func textOf(path string) (text string, err error) {
	err = onFD(path, unix.O_RDONLY, func(fd int) error {
		for buf := make([]byte, 4096); ; {
			n, err := unix.Read(fd, buf)
			if n <= 0 || err != nil {
				return err
			}
			text += string(buf[:n])
		}
	})
	if err != nil {
		err = &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return text, err
}

// difference tells in what two states differ.
func difference(before, after map[string]string) error {
	var lines []string
	for what, was := range before {
		if is, there := after[what]; !there {
			lines = append(lines, what+" is gone")
		} else if is != was {
			lines = append(lines, fmt.Sprintf("%s is %q, was %q", what, is, was))
		}
	}
	for what := range after {
		if _, there := before[what]; !there {
			lines = append(lines, what+" is new")
		}
	}
	if len(lines) == 0 {
		return nil
	}
	slices.Sort(lines)
	return fmt.Errorf("changed: %s", strings.Join(lines, "; "))
}
