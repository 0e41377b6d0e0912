package containerfs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Task is a thread, as /proc shows it.
type Task struct {
	// TID is the thread's id; the first thread of a process has the process's.
	TID int `json:"tid"`
	// Comm is its name, of up to 15 bytes.
	Comm string `json:"comm"`
	// State is a letter: R runs, S sleeps, D waits for a device, T is stopped, Z is dead.
	State string `json:"state"`
	// Kernel tells whether it is a thread of the kernel.
	Kernel bool `json:"kernel"`
	// Threads is how many threads its process has.
	Threads int `json:"threads"`
	// User and System are the CPU time of the process, or of the thread alone if it was asked for as a thread.
	User   time.Duration `json:"user_ns"`
	System time.Duration `json:"system_ns"`
}

// userHZ is the unit of times in /proc, the same on every architecture that there is Go for.
const userHZ = 100

// ReadTask reads what /proc says of a process, or of the process of a thread. The error is ErrNoTask where there is none of that id.
func ReadTask(id int) (Task, error) { return readTask(fmt.Sprintf("/proc/%d/stat", id)) }

// ReadThread reads what /proc says of a single thread.
func ReadThread(tid int) (Task, error) { return readTask(fmt.Sprintf("/proc/%d/task/%[1]d/stat", tid)) }

func readTask(path string) (Task, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Task{}, &Error{Op: "read", Path: path, Kind: ErrNoTask, Err: cause(err)}
	}
	t, err := parseTask(string(text))
	if err != nil {
		return Task{}, fail("parse", path, err)
	}
	return t, nil
}

// parseTask parses the text of /proc/PID/stat. The name may have blanks and brackets in it; the last bracket ends it.
func parseTask(text string) (Task, error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return Task{}, fmt.Errorf("%q has no name in brackets", text)
	}
	// The state is the third of the fields that proc(5) numbers, the first one here.
	const flags, utime, stime, threads = 9 - 3, 14 - 3, 15 - 3, 20 - 3
	fields := strings.Fields(text[end+1:])
	if len(fields) <= threads {
		return Task{}, fmt.Errorf("%q ends too early", text)
	}
	numbers := map[int]int{flags: 0, utime: 0, stime: 0, threads: 0}
	for i := range numbers {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return Task{}, err
		}
		numbers[i] = n
	}
	id, err := strconv.Atoi(strings.TrimSpace(text[:open]))
	if err != nil {
		return Task{}, err
	}
	const kernelThread = 0x00200000 // PF_KTHREAD
	return Task{TID: id, Comm: text[open+1 : end], State: fields[0], Kernel: numbers[flags]&kernelThread != 0, Threads: numbers[threads],
		User: ticks(numbers[utime]), System: ticks(numbers[stime])}, nil
}

// ticks is a time in the unit of /proc.
func ticks(n int) time.Duration { return time.Duration(n) * time.Second / userHZ }

// Processes returns what /proc says of the processes with a thread in the container. Those that have ended meanwhile are left out.
func (c Container) Processes() ([]Task, error) {
	ids, err := c.Procs()
	if err != nil {
		return nil, err
	}
	return readTasks(ids, ReadTask), nil
}

// Threads returns what /proc says of the threads in the container. Those that have ended meanwhile are left out.
func (c Container) Threads() ([]Task, error) {
	ids, err := c.Tasks()
	if err != nil {
		return nil, err
	}
	return readTasks(ids, ReadThread), nil
}

func readTasks(ids []int, read func(int) (Task, error)) []Task {
	tasks := make([]Task, 0, len(ids))
	for _, id := range ids {
		if t, err := read(id); err == nil {
			tasks = append(tasks, t)
		}
	}
	return tasks
}
