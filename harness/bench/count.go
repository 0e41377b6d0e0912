package bench

import (
	"context"
	"fmt"
	"io"
	"os"

	"gpc/harness/qemu"
	"gpc/harness/symbols"
)

// counter is a benchmark in which the emulator's plugin counts.
type counter struct {
	*bench
	plugin, program string
}

// counting builds what is needed to count.
func (b *bench) counting(ctx context.Context) (counter, error) {
	c := counter{bench: b}
	var err error
	if c.plugin, err = buildPlugin(ctx, b.lab, b.machine.QEMU); err != nil {
		return c, err
	}
	c.program, err = counted.build(ctx, b.lab, b.machine)
	return c, err
}

// counts is what the plugin has written, a section for each scenario that was measured.
type counts[T comparable] struct {
	measurement
	sections map[string][]T
}

// blocks counts how often each block of code runs in those scenarios of a suite that are wanted, in so many batches. run is what progress calls it.
func (c counter) blocks(ctx context.Context, f, run string, s suite, batches int) (counts[block], error) {
	return count[block](ctx, c, f, run, s, batches, "blocks")
}

// stores counts which lines of memory are written.
func (c counter) stores(ctx context.Context, f, run string, s suite) (counts[store], error) {
	return count[store](ctx, c, f, run, s, 1, "stores", fmt.Sprintf("line=%d", c.machine.LineBits))
}

// count boots a guest for a suite, with the plugin's file of that name and further arguments of it.
func count[T comparable](ctx context.Context, c counter, f, run string, s suite, batches int, file string, args ...string) (counts[T], error) {
	all := counts[T]{newMeasurement(), map[string][]T{}}
	plan := s.plan(c.filesystems[f], c.match, batches)
	if plan == "" {
		return all, nil
	}
	out, err := os.CreateTemp("", "gpc-count-")
	if err != nil {
		return all, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	config := c.exactly(s)
	args = append(args, fmt.Sprintf("marks=%#x", marks), file+"="+out.Name())
	config.ExtraArgs = append(config.ExtraArgs, qemu.PluginArgs(c.plugin, args...)...)
	if all.measurement, err = c.measure(ctx, f, run, c.program, plan, config); err != nil || len(all.order) == 0 {
		return all, err
	}
	return all, all.read(out)
}

// read takes the sections to the scenarios that they are of.
func (c *counts[T]) read(file io.Reader) error {
	sections, err := readSections[T](file)
	if err != nil {
		return err
	}
	if len(sections) != len(c.order) {
		return fmt.Errorf("the emulator's plugin has seen %d scenarios, the workload %d", len(sections), len(c.order))
	}
	for i, label := range c.order {
		c.sections[label] = sections[i]
	}
	return nil
}

// userSpace stands for all code that is no function of the kernel.
const userSpace = "(user space)"

// countByFunction adds up the instructions of each function.
func countByFunction(functions symbols.Table, blocks []block) map[string]int64 {
	counts := map[string]int64{}
	for _, b := range blocks {
		name, _, ok := functions.At(b.Address)
		if !ok {
			name = userSpace
		}
		counts[name] += int64(b.Instructions) * b.executed()
	}
	return counts
}
