package fuzz

import (
	"slices"
	"syscall"
	"testing"
)

// The models must say what the examples in the documentation say: the steps that are listed fail so, all others succeed.
func TestExamplesOfTheDocumentation(t *testing.T) {
	tests := []struct {
		name, steps string
		fail        map[string]Errno
		see         View
	}{
		{"a first walk", `mount 0 none,name=jobs; mkdir 0/Charlie; fork me shell; move 0/Charlie/tasks shell; fork shell sh; rmdir 0/Charlie/;
			end sh; reap sh; move 0/tasks shell; mkdir 0/b; rmdir 0/Charlie`,
			map[string]Errno{"rmdir 0/Charlie/": syscall.EBUSY},
			View{"task shell name=jobs": "/", "hierarchy name=jobs": "containers=2 subsystems= name=jobs"}},
		{"two halves of a machine", `mount 1 cpuset,noprefix,clone_children=0; mkdir 1/batch; mkdir 1/desk; write 1/batch/cpus 0-1; write 1/batch/mems 0;
			write 1/desk/cpus 2-3; write 1/desk/mems 1; write 1/batch/cpu_exclusive 1; write 1/batch/mem_exclusive 1; write 1/desk/cpu_exclusive 1;
			write 1/desk/mem_exclusive 1; write 1/desk/cpus 1-3; mkdir 1/batch/night; write 1/batch/night/cpus 2; fork me t1; move 1/batch/tasks t1`,
			map[string]Errno{"write 1/desk/cpus 1-3": syscall.EINVAL, "write 1/batch/night/cpus 2": syscall.EACCES},
			View{"1/desk/cpus": "2-3\n", "status t1": "cpus 0-1 mems 0", "1/batch/night/effective_cpus": "\n"}},
		{"release", `mount 0 none,name=r,release_agent=` + Agents[0] + `; mkdir 0/a; write 0/a/notify_on_release 1; mkdir 0/a/b; write 0/a/b/auto_delete 1;
			fork me t1; move 0/a/b/tasks t1; end t1`,
			nil,
			View{"released": List([]string{Agents[0] + " /a/b", Agents[0] + " /a"}), "task t1 name=r": "/a/b (deleted)"}},
		{"a limit of descendants", `mount 0 none,name=m; mkdir 0/a; write 0/a/max_descendants 1; mkdir 0/a/b; mkdir 0/a/b/c`,
			map[string]Errno{"mkdir 0/a/b/c": syscall.EAGAIN},
			View{"hierarchy name=m": "containers=3 subsystems= name=m"}},
		{"a job of two tasks", `mount 0 bc; mkdir 0/job; write 0/job/bc.numtasks.limit 1; fork me t1; move 0/job/tasks t1; fork t1 t2`,
			map[string]Errno{"write 0/job/bc.numtasks.limit 1": syscall.EINVAL}, // the barrier is above it
			View{"0/job/bc.numtasks.held": "2\n"}},
		{"a barrier", `mount 0 bc; mkdir 0/job; write 0/job/bc.numtasks.barrier 1:2; fork me t1; move 0/job/tasks t1; fork t1 t2; fork t1 t3; end t2; reap t2;
			drop t1; fork t1 t4`,
			map[string]Errno{"fork t1 t3": syscall.EAGAIN, "fork t1 t4": syscall.EAGAIN},
			View{"0/job/bc.numtasks.failcnt": "2\n", "0/job/bc.numtasks.maxheld": "2\n"}},
		{"a delegated subtree", `mount 0 none,name=d; mkdir 0/a; own 0/a user; user mkdir 0/a/b; user mkdir 0/c; fork me t1; drop t1; move 0/a/tasks t1;
			user move 0/a/b/tasks t1; fork me t2; user move 0/a/b/tasks t2; user rmdir 0/a; mode 0/a/b 000; user mkdir 0/a/b/c; user umount 0`,
			map[string]Errno{"user mkdir 0/c": syscall.EACCES, "user move 0/a/b/tasks t2": syscall.EACCES, "user rmdir 0/a": syscall.EACCES,
				"user mkdir 0/a/b/c": syscall.EACCES, "user umount 0": syscall.EPERM},
			View{"task t1 name=d": "/a/b", "access 0/a": "755 user", "access 0/a/b": "000 user"}},
		{"a virtual server", `mount 0 ns,numtasks; mkdir 0/a; fork me t1; move 0/a/tasks t1; unshare t1; fork t1 t2; enter 0/a/tasks t2; clone t2 t3;
			end t3; fork me t4; drop t4; unshare t4`,
			map[string]Errno{"enter 0/a/tasks t2": syscall.EPERM, "unshare t4": syscall.EPERM},
			View{"task t1 ns,numtasks": "/a/=1", "task t2 ns,numtasks": "/a/=1", "task t3 ns,numtasks": "/a/=1/=3 (deleted)", "0/a/=1/auto_delete": "1\n"}},
		{"a rate of forks", `mount 0 numtasks; set forkrate 2; mkdir 0/a; fork me t1; move 0/a/tasks t1; fork t1 t2; end t2; reap t2; fork t1 t2; fork t1 t3;
			set forkrate 0`,
			map[string]Errno{"fork t1 t3": syscall.EAGAIN, "set forkrate 0": syscall.EINVAL},
			View{"0/a/numtasks.stats": "numtasks: Current usage 2\nnumtasks: Number of successes 2\nnumtasks: Number of failures 0\n" +
				"numtasks: Number of forkrate failures 1\n"}},
		{"what a task asks for", `mount 0 cpuset; mkdir 0/a; write 0/a/cpuset.cpus 2-3; write 0/a/cpuset.mems 0; fork me t1; ask t1 0-2; move 0/a/tasks t1; ask t1 1;
			fork t1 t2; ask t2 1-3; cpu 2 off`,
			map[string]Errno{"ask t1 1": syscall.EINVAL},
			View{"status t1": "cpus 3 mems 0", "status t2": "cpus 3 mems 0", "0/a/cpuset.cpus": "2-3\n", "0/a/cpuset.effective_cpus": "3\n", "online": "0-1,3\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := NewModel(pretend())
			ops, err := Parse(tt.steps)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range ops {
				if !m.Enabled(o) {
					t.Fatalf("%s makes no sense", o)
				}
				want := tt.fail[o.String()]
				if got := m.Apply(o); got != want {
					t.Errorf("%s %s, but must: %s", o, describe(got), describe(want))
				}
			}
			seen := m.View()
			for key, want := range tt.see {
				if seen[key] != want {
					t.Errorf("%s: got %q, want %q", key, seen[key], want)
				}
			}
		})
	}
}

// The groups of the example in resource-groups.rst, in thousands.
func TestSharesOfTheDocumentation(t *testing.T) {
	m := NewModel(pretend())
	ops, err := Parse(`mount 0 numtasks; mkdir 0/staff; mkdir 0/students; write 0/staff/numtasks.shares min_shares=60,max_shares=-3;
		write 0/students/numtasks.shares min_shares=20,max_shares=50,child_shares_divisor=10; mkdir 0/students/alice; mkdir 0/students/bob;
		write 0/students/alice/numtasks.shares min_shares=5,max_shares=8`)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range ops {
		if err := m.Apply(o); err != 0 {
			t.Fatalf("%s: %v", o, err)
		}
	}
	deals := &numtasks{total: TotalTasks}
	for path, want := range map[string][]int64{"0/staff": {600, 1000}, "0/students": {200, 500}, "0/students/alice": {100, 400}, "0/students/bob": {0, 500}} {
		least, most := deals.quantities(m.find(path).dir)
		if got := []int64{least / 1000, most / 1000}; !slices.Equal(got, want) {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
}
