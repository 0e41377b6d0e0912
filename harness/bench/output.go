package bench

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"syscall"
)

// measurement is what the workload has found out in one guest.
type measurement struct {
	// order is the labels as they were measured.
	order []string
	costs map[string]Cost
	// subsystems are what was mounted in each state, a word for each hierarchy.
	subsystems map[string][]string
}

func newMeasurement() measurement {
	return measurement{costs: map[string]Cost{}, subsystems: map[string][]string{}}
}

// add adds what another guest has found out about other states.
func (m *measurement) add(other measurement) {
	m.order = append(m.order, other.order...)
	maps.Copy(m.costs, other.costs)
	maps.Copy(m.subsystems, other.subsystems)
}

// parse reads the workload's results; userspace/workload/plan.c tells what the lines mean. What is cut off or in error is an
// error.
func parse(text string) (measurement, error) {
	m := newMeasurement()
	var failed string
	ended := false
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		var err error
		switch {
		case words[0] == "state" && len(words) >= 2:
			m.subsystems[words[1]] = words[2:]
		case words[0] == "run" && len(words) >= 5:
			err = m.addRun(words[1], words[2:])
		case words[0] == "failed" && len(words) >= 3:
			failed = fmt.Sprintf("%s: %s", words[1], strings.Join(words[2:], " "))
		case words[0] == "error" && len(words) == 4:
			return m, planError(words[1], words[2], words[3], failed)
		case words[0] == "end" && len(words) == 1:
			ended = true
		default:
			err = fmt.Errorf("the workload said %q: is the guest's /init the workload?", strings.TrimSpace(line))
		}
		if err != nil {
			return m, err
		}
	}
	if !ended {
		return m, fmt.Errorf("the workload's results are cut off after %d lines", strings.Count(text, "\n"))
	}
	return m, nil
}

// addRun adds a result: the number of operations in a batch, the time that all took, and what each cost.
func (m *measurement) addRun(label string, numbers []string) error {
	var values []int64
	for _, number := range numbers {
		value, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return fmt.Errorf("the workload's result of %s: %w", label, err)
		}
		values = append(values, value)
	}
	if values[0] < 1 {
		return fmt.Errorf("the workload's result of %s is for %d operations", label, values[0])
	}
	if _, twice := m.costs[label]; twice {
		return fmt.Errorf("the workload has measured %s twice", label)
	}
	m.order = append(m.order, label)
	m.costs[label] = Cost{Operations: values[0], Elapsed: values[1], Batches: values[2:]}
	return nil
}

// planError tells which line of the plan did not work, and why.
func planError(line, command, number, failed string) error {
	errno, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	if failed != "" {
		command += " " + failed
	}
	return fmt.Errorf("line %s of the workload's plan failed: %s: %w", line, command, syscall.Errno(errno))
}
