package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gpc/userspace/containerfs"
)

func statCommand() *cobra.Command {
	var recursive bool
	cmd := &cobra.Command{
		Use:   "stat [-R] [CONTAINER...]",
		Short: "Tell in words what containers use and may use",
		Long:  `Tell what the subsystems of their hierarchies say of containers, with units. Without CONTAINER: of the roots of all hierarchies.`,
		Example: `  gpc stat /dev/container/jobs
  gpc stat -R --json cpuacct:/`,
		ValidArgsFunction: completeContainers,
	}
	cmd.Flags().BoolVarP(&recursive, "recursive", "R", false, "tell of those below, too")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		all, err := allPlaces(args, recursive)
		if err != nil {
			return err
		}
		stats := []statistics{}
		for _, p := range all {
			s, err := statisticsOf(p)
			if err == nil {
				stats = append(stats, s)
			} else if !recursive || p.Exists() {
				return err
			}
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), map[string]any{"containers": stats})
		}
		for i, s := range stats {
			if i > 0 {
				fmt.Fprintln(cmd.OutOrStdout())
			}
			s.print(cmd.OutOrStdout())
		}
		return nil
	}
	return cmd
}

// statistics are all that the subsystems say of a container; nil for a subsystem that is not bound.
type statistics struct {
	identity
	Tasks     int                    `json:"tasks"`
	Processes int                    `json:"processes"`
	Cpuacct   *cpuacctStatistics     `json:"cpuacct,omitempty"`
	Cpuset    *cpusetStatistics      `json:"cpuset,omitempty"`
	Numtasks  *numtasksStatistics    `json:"numtasks,omitempty"`
	NS        map[string]uint64      `json:"ns,omitempty"`
	BC        []containerfs.Resource `json:"bc,omitempty"`
}

type cpuacctStatistics struct {
	Usage        time.Duration `json:"usage_ns"`
	UsageSubtree time.Duration `json:"usage_subtree_ns"`
	containerfs.CPUTimes
	Load containerfs.CPULoad `json:"load"`
}

type cpusetStatistics struct {
	CPUs          string                          `json:"cpus"`
	Mems          string                          `json:"mems"`
	EffectiveCPUs string                          `json:"effective_cpus"`
	EffectiveMems string                          `json:"effective_mems"`
	Flags         map[containerfs.CpusetFlag]bool `json:"flags"`
}

type numtasksStatistics struct {
	containerfs.Shares
	containerfs.TaskStats
}

// statisticsOf reads all that the subsystems of its hierarchy say of a container.
func statisticsOf(p place) (statistics, error) {
	s := statistics{identity: p.id}
	tasks, err := p.Tasks()
	if err != nil {
		return s, err
	}
	procs, err := p.Procs()
	if err != nil {
		return s, err
	}
	s.Tasks, s.Processes = len(tasks), len(procs)
	for _, subsystem := range p.subsystems {
		switch subsystem {
		case "cpuacct":
			s.Cpuacct, err = cpuacctOf(p.Cpuacct())
		case "cpuset":
			s.Cpuset, err = cpusetOf(p.Cpuset())
		case "numtasks":
			s.Numtasks, err = numtasksOf(p.Numtasks())
		case "ns":
			s.NS, err = p.NS().Proxy()
			if errors.Is(err, os.ErrPermission) {
				err = nil // whose namespaces these are is not for everybody
			}
		case "bc":
			s.BC, err = p.BC().Resources()
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

func cpuacctOf(a containerfs.Cpuacct) (*cpuacctStatistics, error) {
	var s cpuacctStatistics
	r := reader{}
	readInto(&r, &s.Usage, a.Usage)
	readInto(&r, &s.UsageSubtree, a.UsageSubtree)
	readInto(&r, &s.CPUTimes, a.Stat)
	readInto(&r, &s.Load, a.Load)
	return &s, r.err
}

func cpusetOf(c containerfs.Cpuset) (*cpusetStatistics, error) {
	s := cpusetStatistics{Flags: map[containerfs.CpusetFlag]bool{}}
	r := reader{}
	for _, list := range []struct {
		to   *string
		read func() (containerfs.CPUSet, error)
	}{{&s.CPUs, c.CPUs}, {&s.Mems, c.Mems}, {&s.EffectiveCPUs, c.EffectiveCPUs}, {&s.EffectiveMems, c.EffectiveMems}} {
		var set containerfs.CPUSet
		readInto(&r, &set, list.read)
		*list.to = set.String()
	}
	for _, flag := range containerfs.CpusetFlags() {
		var on bool
		readInto(&r, &on, func() (bool, error) { return c.Flag(flag) })
		s.Flags[flag] = on
	}
	return &s, r.err
}

func numtasksOf(n containerfs.Numtasks) (*numtasksStatistics, error) {
	var s numtasksStatistics
	r := reader{}
	readInto(&r, &s.Shares, n.Shares)
	readInto(&r, &s.TaskStats, n.Stats)
	return &s, r.err
}

// reader keeps the first error of several readings.
type reader struct{ err error }

// readInto reads a value, unless an earlier one could not be read.
func readInto[T any](r *reader, to *T, read func() (T, error)) {
	if r.err == nil {
		*to, r.err = read()
	}
}

// print tells statistics in words.
func (s statistics) print(out io.Writer) {
	fmt.Fprintf(out, "%s\n", visible(s.identity.String()))
	line := func(what, format string, args ...any) {
		fmt.Fprintf(out, "  %-13s%s\n", what, fmt.Sprintf(format, args...))
	}
	line("tasks", "%d, of %s", s.Tasks, processes(s.Processes))
	if a := s.Cpuacct; a != nil {
		line("CPU time", "%s; user %s, system %s", duration(a.Usage), duration(a.User), duration(a.System))
		line("with below", "%s", duration(a.UsageSubtree))
		line("load", "%d %% of a CPU in the last %s", a.Load.Percent, duration(a.Load.Interval))
	}
	if c := s.Cpuset; c != nil {
		line("CPUs", "%s; effective %s", orDash(c.CPUs), orDash(c.EffectiveCPUs))
		line("memory nodes", "%s; effective %s", orDash(c.Mems), orDash(c.EffectiveMems))
		if on := c.flags(); on != "" {
			line("flags", "%s", on)
		}
	}
	if n := s.Numtasks; n != nil {
		line("numtasks", "%d here and below; %d forks, %d refused, %d too fast", n.Usage, n.Successes, n.Failures, n.ForkrateFailures)
		line("shares", "guaranteed %s, at most %s, %d for those below", share(n.Min), share(n.Max), n.ChildDivisor)
	}
	for _, kind := range slices.Sorted(maps.Keys(s.NS)) {
		line(kind+" ns", "%d", s.NS[kind])
	}
	for _, r := range s.BC {
		line(r.Name, "%d held, %d at most so far; barrier %s, limit %s; %d refused", r.Held, r.MaxHeld, limit(r.Barrier), limit(r.Limit), r.FailCount)
	}
}

func processes(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

// flags lists the flags that are on.
func (c cpusetStatistics) flags() string {
	var on []string
	for _, flag := range containerfs.CpusetFlags() {
		if c.Flags[flag] {
			on = append(on, string(flag))
		}
	}
	return strings.Join(on, ", ")
}

// share is a number of shares in words.
func share(n int) string {
	switch n {
	case containerfs.DontCare:
		return "as it comes"
	case containerfs.Unsupported:
		return "all"
	}
	return fmt.Sprint(n)
}

// limit is a barrier or a limit, which may be none.
func limit(n uint64) string {
	if n >= containerfs.Unlimited {
		return "none"
	}
	return fmt.Sprint(n)
}
