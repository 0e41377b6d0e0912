package containerfs

import (
	"slices"
	"time"
)

// Figures is what a container uses, in numbers. A pointer is nil where the hierarchy has no subsystem that counts it.
type Figures struct {
	// Tasks is the number of threads in the container itself.
	Tasks int `json:"tasks"`
	// CPU is the CPU time used here and below, CPUOwn that of the container itself.
	CPU    *time.Duration `json:"cpu_ns,omitempty"`
	CPUOwn *time.Duration `json:"cpu_own_ns,omitempty"`
	// Files is the number of open files of the container and those below.
	Files *uint64 `json:"files,omitempty"`
	// Private is the number of pages of private writable mappings of the container and those below, touched or not.
	Private *uint64 `json:"private_pages,omitempty"`
	// Failures is how often a bean counter or numtasks has refused something.
	Failures *uint64 `json:"failures,omitempty"`
}

// Figures reads what the container uses, as far as the subsystems count it; they are those of the hierarchy.
func (c Container) Figures(subsystems []string) (Figures, error) {
	tasks, err := c.Tasks()
	if err != nil {
		return Figures{}, err
	}
	f := Figures{Tasks: len(tasks)}
	for _, counts := range []struct {
		subsystem string
		read      func(Container) error
	}{{"cpuacct", f.readCPU}, {"bc", f.readBC}, {"numtasks", f.readNumtasks}} {
		if slices.Contains(subsystems, counts.subsystem) {
			if err := counts.read(c); err != nil {
				return Figures{}, err
			}
		}
	}
	return f, nil
}

func (f *Figures) readCPU(c Container) error {
	// In this order: what is used in between must not make the part more than the whole.
	own, err := c.Cpuacct().Usage()
	if err != nil {
		return err
	}
	all, err := c.Cpuacct().UsageSubtree()
	f.CPU, f.CPUOwn = &all, &own
	return err
}

func (f *Figures) readBC(c Container) error {
	table, err := c.BC().Resources()
	if err != nil {
		return err
	}
	for _, r := range table {
		switch r.Name {
		case "numfiles":
			f.Files = &r.Held
		case "privvmpages":
			f.Private = &r.Held
		}
		f.failed(r.FailCount)
	}
	return nil
}

func (f *Figures) readNumtasks(c Container) error {
	s, err := c.Numtasks().Stats()
	if err != nil {
		return err
	}
	f.failed(uint64(s.Failures + s.ForkrateFailures))
	return nil
}

// failed adds to the number of refusals.
func (f *Figures) failed(n uint64) {
	if f.Failures == nil {
		f.Failures = new(uint64)
	}
	*f.Failures += n
}
