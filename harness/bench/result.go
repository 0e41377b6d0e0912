package bench

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"

	"gpc/harness/machine"
)

// Report is the raw result of a benchmark. It says nothing of the day and the host it was made on: the same inputs give the same
// bytes.
type Report struct {
	// Machines are the results, one for each architecture.
	Machines []Result `json:"machines"`
}

// Result is what was measured on one architecture.
type Result struct {
	// Machine is the architecture's name.
	Machine string `json:"machine"`
	// Linux, Compiler and QEMU are versions.
	Linux    string `json:"linux"`
	Compiler string `json:"compiler"`
	QEMU     string `json:"qemu"`
	// Workload identifies the program and what it was told to do.
	Workload string `json:"workload"`
	// Kernels are the names of the kernels, the first that which the others are compared with; none for the usual ones.
	Kernels []string `json:"kernels,omitempty"`
	// Configs identify the configuration of each kernel.
	Configs map[string]string `json:"configs"`
	// Subsystems are what each kernel had mounted in each state, a word for each hierarchy.
	Subsystems map[string]map[string][]string `json:"subsystems"`
	// Scenarios are in the order in which they were measured.
	Scenarios []Scenario `json:"scenarios"`
	// Counted identifies the program that was counted by function, and what it was told to do.
	Counted string `json:"counted,omitempty"`
	// Budgets are what the series adds by function.
	Budgets []Budget `json:"budgets,omitempty"`
	// Growth are scenarios in which there is more and more of what an operation does not touch.
	Growth []Scenario `json:"growth,omitempty"`
	// Sharing tells of the lines of memory that several processors write.
	Sharing []Sharing `json:"sharing,omitempty"`
}

// Scenario is the cost of one operation in one state, in each kernel that can do it.
type Scenario struct {
	// Name is the operation and, after an @, the state.
	Name string `json:"name"`
	// Costs are by kernel.
	Costs map[string]Cost `json:"costs"`
}

// Cost is what was measured of a scenario in one kernel.
type Cost struct {
	// Operations is how many there were in each batch.
	Operations int64 `json:"operations"`
	// Batches are the batches' costs in instructions, those included that the kernel puts off until later.
	Batches []int64 `json:"batches"`
	// Elapsed is how many nanoseconds all batches took, time that the processor was idle included, later work not.
	Elapsed int64 `json:"elapsed"`
}

// Mean is the cost of one operation.
func (c Cost) Mean() float64 {
	var sum int64
	for _, batch := range c.Batches {
		sum += batch
	}
	return float64(sum) / float64(c.Operations*int64(len(c.Batches)))
}

// Spread is half the distance between the cheapest and the dearest batch, for one operation.
func (c Cost) Spread() float64 {
	return float64(slices.Max(c.Batches)-slices.Min(c.Batches)) / 2 / float64(c.Operations)
}

// Wait is how many nanoseconds one operation waited while the processor was idle, at least.
func (c Cost) Wait() float64 {
	return max(0, float64(c.Elapsed)/float64(c.Operations*int64(len(c.Batches)))-c.Mean())
}

// kernels are the names of all kernels, base is the one that the others, those compared, are compared with.
func (r Result) kernels() []string {
	if len(r.Kernels) == 0 {
		return usualNames()
	}
	return r.Kernels
}

func (r Result) base() string       { return r.kernels()[0] }
func (r Result) compared() []string { return r.kernels()[1:] }

// Over is how much dearer an operation is in one kernel than in another. ok is false where one of them cannot do it.
func (s Scenario) Over(f, other string) (difference float64, ok bool) {
	cost, measured := s.Costs[f]
	base, comparable := s.Costs[other]
	if !measured || !comparable {
		return 0, false
	}
	return cost.Mean() - base.Mean(), true
}

// Load reads a report that Save has written.
func Load(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	report := new(Report)
	if err := json.Unmarshal(text, report); err != nil {
		return nil, fmt.Errorf("%s is no result of 'gpclab bench --json': %w", path, err)
	}
	return report, nil
}

// Keep takes from an earlier report what this one lacks: machines, and of each machine the kinds that were not measured.
func (r *Report) Keep(earlier *Report, measured []string) {
	for _, old := range earlier.Machines {
		i := slices.IndexFunc(r.Machines, func(now Result) bool { return now.Machine == old.Machine })
		if i < 0 {
			r.Machines = append(r.Machines, old)
			continue
		}
		r.Machines[i].keep(old, measured)
	}
	slices.SortStableFunc(r.Machines, func(a, b Result) int { return cmp.Compare(rankOf(a.Machine), rankOf(b.Machine)) })
}

// rankOf is the place of a machine among all.
func rankOf(name string) int { return slices.Index(machine.Names(), name) }

func (r *Result) keep(old Result, measured []string) {
	if !slices.Contains(measured, Scenarios) {
		r.Workload, r.Subsystems, r.Scenarios = old.Workload, old.Subsystems, old.Scenarios
	}
	if !slices.Contains(measured, Functions) {
		r.Counted, r.Budgets = old.Counted, old.Budgets
	}
	if !slices.Contains(measured, Growing) {
		r.Growth = old.Growth
	}
	if !slices.Contains(measured, Shared) {
		r.Sharing = old.Sharing
	}
}

// Save writes a report as JSON.
func (r *Report) Save(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(onOneLine(text), '\n'), 0o644)
}

var numbers = regexp.MustCompile(`\[[\s\d,-]+\]`)

// onOneLine puts each list of numbers on one line.
func onOneLine(text []byte) []byte {
	return numbers.ReplaceAllFunc(text, func(list []byte) []byte {
		return bytes.ReplaceAll(bytes.Join(bytes.Fields(list), nil), []byte(","), []byte(", "))
	})
}
