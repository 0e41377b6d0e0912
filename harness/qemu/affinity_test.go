package qemu

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

func TestYielding(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	s := newSpec()
	if err := Yielding()(s); err != nil {
		t.Fatal(err)
	}
	if err := s.prepare[0](cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	// The system call returns 20 less the nice value.
	if n, err := unix.Getpriority(unix.PRIO_PROCESS, cmd.Process.Pid); err != nil || 20-n < yielding {
		t.Errorf("the process is %d nice, %v", 20-n, err)
	}
}

func TestKeepOnOneProcessor(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if err := keepOnOneProcessor(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	var ours, its unix.CPUSet
	if err := unix.SchedGetaffinity(cmd.Process.Pid, &its); err != nil {
		t.Fatal(err)
	}
	if err := unix.SchedGetaffinity(os.Getpid(), &ours); err != nil {
		t.Fatal(err)
	}
	if its.Count() != 1 {
		t.Errorf("the process may use %d processors", its.Count())
	}
	for cpu := range len(its) * 64 {
		if its.IsSet(cpu) && !ours.IsSet(cpu) {
			t.Errorf("the process may use processor %d, which was not allowed", cpu)
		}
	}
}
