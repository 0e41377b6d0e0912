package bench

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"

	"gpc/harness/command"
	"gpc/harness/kernel"
	"gpc/harness/machine"
)

// The workload's source, what it is called in the guest, and the file that tells it what to do.
const (
	workloadDir = "userspace/workload"
	countedDir  = "userspace/workload/counted"
	initName    = "init"
	planName    = "plan"
)

// program is a build of the workload.
type program struct {
	name string   // of the file
	dirs []string // of its sources
	args []string // of the compiler
}

// The program whose time is taken, and the one that the plugin counts: the scenarios' figures shall not depend on what is added for the latter.
var (
	timed   = program{name: "workload", dirs: []string{workloadDir}}
	counted = program{name: "workload-counted", dirs: []string{workloadDir, countedDir}, args: []string{"-DCOUNTED"}}
)

// build compiles the workload for a machine with the compiler of its kernels, and the kernel's own small library. It returns the path of the
// program.
func (p program) build(ctx context.Context, lab *kernel.Lab, m *machine.Machine) (string, error) {
	library, err := lab.Library(ctx, m)
	if err != nil {
		return "", err
	}
	var sources []string
	for _, dir := range p.dirs {
		files, err := filepath.Glob(filepath.Join(lab.Root(), dir, "*.c"))
		if err != nil {
			return "", err
		}
		sources = append(sources, files...)
	}
	dir := filepath.Join(lab.BuildDir(), "bench", m.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	program := filepath.Join(dir, p.name)
	args := append([]string{"-O2", "-Wall", "-Wextra", "-Werror", "-static", "-nostdlib", "-no-pie", "-fno-pic",
		"-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-Wl,--build-id=none", "-s",
		"-isystem", library.Headers, "-include", library.Nolibc, "-o", program},
		append(append(p.args, sources...), "-lgcc")...)
	compiler := m.CrossCompile + "gcc"
	cmd := osexec.CommandContext(ctx, compiler, args...)
	cmd.Env = command.Environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("compiling the workload with %s: %w\n%s", compiler, err, out)
	}
	return program, nil
}

// overlay makes a directory to be laid over a guest's root: the workload in place of the first process, and its plan. The caller
// removes it.
func overlay(program, plan string) (string, error) {
	dir, err := os.MkdirTemp("", "gpc-bench-")
	if err != nil {
		return "", err
	}
	if err = os.WriteFile(filepath.Join(dir, planName), []byte(plan), 0o644); err == nil {
		var content []byte
		if content, err = os.ReadFile(program); err == nil {
			err = os.WriteFile(filepath.Join(dir, initName), content, 0o755)
		}
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	return dir, nil
}
