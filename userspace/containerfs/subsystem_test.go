package containerfs

import (
	"os"
	"reflect"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// parser is a function that is tried on good and bad texts.
type parser[T any] struct {
	parse func(string) (T, error)
	good  map[string]T
	bad   []string
}

func (p parser[T]) try(t *testing.T) {
	t.Helper()
	for text, want := range p.good {
		if got, err := p.parse(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range p.bad {
		if got, err := p.parse(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

func TestParseTask(t *testing.T) {
	const rest = " S 1 412 412 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 3 0 5000 0 0"
	parser[Task]{parseTask, map[string]Task{
		"412 (sh)" + rest + "\n": {TID: 412, Comm: "sh", State: "S", Threads: 3, User: 1500 * time.Millisecond, System: 250 * time.Millisecond},
		"7 (a) b (c)" + rest:     {TID: 7, Comm: "a) b (c", State: "S", Threads: 3, User: 1500 * time.Millisecond, System: 250 * time.Millisecond},
		"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0": {TID: 2, Comm: "kthreadd", State: "S", Kernel: true, Threads: 1},
	}, []string{"", "412 sh S", "412 (sh) S 1", "x (sh)" + rest, ") S (" + rest}}.try(t)
}

func TestParsePopulated(t *testing.T) {
	parser[bool]{parsePopulated, map[string]bool{"populated 1\n": true, "populated 0": false, "frozen 1\npopulated 0\n": false},
		[]string{"", "populated\n", "populated x\n", "frozen 1\n"}}.try(t)
}

func TestParseDurations(t *testing.T) {
	parser[[]time.Duration]{parseDurations, map[string][]time.Duration{"1 20 300": {1, 20, 300}, "": nil}, []string{"1 x"}}.try(t)
}

func TestParseCPUTimes(t *testing.T) {
	parser[CPUTimes]{parseCPUTimes, map[string]CPUTimes{"user 150\nsystem 1": {1500 * time.Millisecond, 10 * time.Millisecond}},
		[]string{"", "user 1", "user x\nsystem 1", "user 1\nsystem"}}.try(t)
}

func TestParseCPULoad(t *testing.T) {
	parser[CPULoad]{parseCPULoad, map[string]CPULoad{
		"time 500\naccumulated 1500\ninterval 1000\nload 50": {500 * time.Millisecond, 1500 * time.Millisecond, time.Second, 50},
	}, []string{"time 500\naccumulated 1500\ninterval 1000"}}.try(t)
}

func TestParseShares(t *testing.T) {
	parser[Shares]{parseShares, map[string]Shares{
		"res=numtasks,min_shares=-3,max_shares=50,child_shares_divisor=100": {DontCare, 50, 100},
		"max_shares=5": {Unchanged, 5, Unchanged},
	}, []string{"max_shares", "max_shares=x", "shares=5", ""}}.try(t)
	s := Shares{DontCare, 50, 100}
	if got, err := parseShares(s.String()); err != nil || got != s {
		t.Errorf("%v becomes %v, %v", s, got, err)
	}
}

func TestParseTaskStats(t *testing.T) {
	parser[TaskStats]{parseTaskStats, map[string]TaskStats{
		"numtasks: Current usage 31\nnumtasks: Number of successes 120\nnumtasks: Number of failures 4\nnumtasks: Number of forkrate failures 0\n": {31, 120, 4, 0},
	}, []string{"", "numtasks: Current usage 31\n", "\n \n",
		"numtasks: Current usage x\nnumtasks: Number of successes 1\nnumtasks: Number of failures 4\nnumtasks: Number of forkrate failures 0\n"}}.try(t)
}

func TestParseResources(t *testing.T) {
	const row = "          numfiles                                   3                   7                 256                 512                   1\n"
	want := []Resource{{"numfiles", 3, 7, 256, 512, 1}}
	parser[[]Resource]{parseResources, map[string][]Resource{
		row: want,
		"       resource held maxheld barrier limit failcnt\n" + row: want,
	}, []string{"", "numfiles 1 2 3 4 x\n", "numfiles 1 2 3 4 5 6\n"}}.try(t)
}

func TestParseProxy(t *testing.T) {
	parser[map[string]uint64]{parseProxy, map[string]map[string]uint64{
		"uts:[4026531838]\nipc:[1]": {"uts": 4026531838, "ipc": 1}, "": {},
	}, []string{"uts", "uts:4026531838", "uts:[4026531838", "uts:[x]", "uts:[1]\n\n"}}.try(t)
}

// A list that no machine can have is refused before it fills the memory.
func TestParseCPUs(t *testing.T) {
	for list, want := range map[string]string{"": "", "0-3,7": "0-3,7", "65535": "65535"} {
		if got, err := ParseCPUs(list); err != nil || got.String() != want {
			t.Errorf("%q: got %v, %v", list, got, err)
		}
	}
	for _, list := range []string{"0-2000000000", "99999999999999999999", "3-1", "x", "0-", "65536"} {
		if got, err := ParseCPUs(list); err == nil {
			t.Errorf("%q: got %v, want an error", list, got)
		}
	}
}

// The time of a thread is its own, that of a process is all threads'.
func TestTaskTimes(t *testing.T) {
	tid, done := make(chan int), make(chan bool)
	go func() {
		runtime.LockOSThread()
		tid <- unix.Gettid()
		<-done
	}()
	defer close(done)
	idle := <-tid
	for {
		process, err := ReadTask(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		thread, err := ReadThread(idle)
		if err != nil || thread.TID != idle {
			t.Fatalf("got %+v, %v", thread, err)
		}
		if total := process.User + process.System; total >= 100*time.Millisecond {
			if own := thread.User + thread.System; own >= total {
				t.Errorf("a thread that sleeps has used %v, its process %v", own, total)
			}
			return
		}
	}
}
