package containerfs

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Cpuacct is what subsystem cpuacct keeps for a container: the CPU time of its tasks while they were in it.
type Cpuacct struct{ subsystem }

// Cpuacct returns the container's account of CPU time.
func (c Container) Cpuacct() Cpuacct { return Cpuacct{subsystem{c, "cpuacct"}} }

// Usage returns the CPU time used in the container itself, since it was made or since Reset.
func (a Cpuacct) Usage() (time.Duration, error) { return a.nanoseconds("usage") }

// UsageSubtree returns the CPU time used in the container and in all below it, removed ones included. It never runs backwards.
func (a Cpuacct) UsageSubtree() (time.Duration, error) { return a.nanoseconds("usage_subtree") }

func (a Cpuacct) nanoseconds(file string) (time.Duration, error) {
	n, err := a.readUint(file)
	return time.Duration(n), err
}

// Reset has the account begin anew: all but UsageSubtree is zero then.
func (a Cpuacct) Reset() error { return a.write("usage", "0") }

// UsagePerCPU returns Usage for each possible CPU, by its number.
func (a Cpuacct) UsagePerCPU() ([]time.Duration, error) {
	return parsed(a.subsystem, "usage_percpu", parseDurations)
}

func parseDurations(text string) ([]time.Duration, error) {
	var all []time.Duration
	for word := range strings.FieldsSeq(text) {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return nil, err
		}
		all = append(all, time.Duration(n))
	}
	return all, nil
}

// CPUTimes is CPU time by what it was used for.
type CPUTimes struct {
	User   time.Duration `json:"user_ns"`
	System time.Duration `json:"system_ns"`
}

// Stat returns Usage split into user and system time, with the kernel's resolution of 10 ms.
func (a Cpuacct) Stat() (CPUTimes, error) { return parsed(a.subsystem, "stat", parseCPUTimes) }

func parseCPUTimes(text string) (CPUTimes, error) {
	n, err := parseKeyed(text, "user", "system")
	if err != nil {
		return CPUTimes{}, err
	}
	return CPUTimes{User: ticks(n["user"]), System: ticks(n["system"])}, nil
}

// CPULoad is how busy a container was in the current interval.
type CPULoad struct {
	// Time is the CPU time in the interval.
	Time time.Duration `json:"time_ns"`
	// Accumulated is the CPU time since creation or reset.
	Accumulated time.Duration `json:"accumulated_ns"`
	// Interval is how old the interval is.
	Interval time.Duration `json:"interval_ns"`
	// Percent is Time per Interval, in percent of one CPU.
	Percent int `json:"percent"`
}

// Load returns how busy the container was in the current interval.
func (a Cpuacct) Load() (CPULoad, error) { return parsed(a.subsystem, "load", parseCPULoad) }

func parseCPULoad(text string) (CPULoad, error) {
	n, err := parseKeyed(text, "time", "accumulated", "interval", "load")
	if err != nil {
		return CPULoad{}, err
	}
	ms := func(key string) time.Duration { return time.Duration(n[key]) * time.Millisecond }
	return CPULoad{Time: ms("time"), Accumulated: ms("accumulated"), Interval: ms("interval"), Percent: n["load"]}, nil
}

// LoadInterval returns how long the intervals of Load are. It is a setting of the root.
func (a Cpuacct) LoadInterval() (time.Duration, error) {
	n, err := a.readUint("load_interval_ms")
	return time.Duration(n) * time.Millisecond, err
}

// SetLoadInterval says how long the intervals of Load are: whole milliseconds, from 100 ms to an hour.
func (a Cpuacct) SetLoadInterval(d time.Duration) error {
	return a.write("load_interval_ms", strconv.FormatInt(d.Milliseconds(), 10))
}

// parseKeyed parses lines of a key and a number, which must have these keys.
func parseKeyed(text string, keys ...string) (map[string]int, error) {
	found := map[string]int{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n, err := strconv.Atoi(value)
		if err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		found[key] = n
	}
	for _, key := range keys {
		if _, ok := found[key]; !ok {
			return nil, fmt.Errorf("%q has no line %q", text, key)
		}
	}
	return found, nil
}
