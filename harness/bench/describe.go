package bench

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	osexec "os/exec"
	"slices"
	"strings"
)

// describe returns a result that tells what will be measured with.
func (b *bench) describe(ctx context.Context) (Result, error) {
	result := Result{Machine: b.machine.Name, Linux: b.images[b.contest[0].Name].Release,
		Configs: map[string]string{}, Subsystems: map[string]map[string][]string{}}
	program, err := os.ReadFile(b.program)
	if err != nil {
		return result, err
	}
	inputs := []string{string(program)}
	if names := b.contest.names(); !slices.Equal(names, usualNames()) {
		result.Kernels = names
	}
	for _, c := range b.contest {
		if image := b.images[c.Name]; image.Config != "" {
			config, err := os.ReadFile(image.Config)
			if err != nil {
				return result, err
			}
			result.Configs[c.Name] = sum(string(config))
		}
		for _, s := range suites {
			inputs = append(inputs, s.plan(b.filesystems[c.Name], b.match, batches))
		}
	}
	result.Workload = sum(inputs...)
	if result.Compiler, err = version(ctx, b.machine.CrossCompile+"gcc"); err != nil {
		return result, err
	}
	result.QEMU, err = version(ctx, b.machine.QEMU)
	return result, err
}

// identity identifies the program that is counted, and what it is told to do.
func (c counter) identity() (string, error) {
	program, err := os.ReadFile(c.program)
	if err != nil {
		return "", err
	}
	inputs := []string{string(program)}
	for _, one := range c.contest {
		inputs = append(inputs, budgets.plan(c.filesystems[one.Name], c.match, budgetBatches))
	}
	return sum(inputs...), nil
}

// version is the first line of what a program says about itself.
func version(ctx context.Context, program string) (string, error) {
	out, err := osexec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", program, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line, nil
}

// sum identifies texts, with few enough digits to be read.
func sum(texts ...string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(texts, "\x00"))))[:16]
}

// add adds what was measured in a kernel.
func (r *Result) add(f string, m measurement) {
	r.Subsystems[f] = m.subsystems
	for i := range r.Scenarios {
		if cost, ok := m.costs[r.Scenarios[i].Name]; ok {
			r.Scenarios[i].Costs[f] = cost
		}
	}
}

// prune leaves out what the first of the compared kernels could not do: the subsystem may be missing.
func (r *Result) prune() {
	r.Scenarios = slices.DeleteFunc(r.Scenarios, func(s Scenario) bool {
		_, measured := s.Costs[r.compared()[0]]
		return !measured
	})
}
