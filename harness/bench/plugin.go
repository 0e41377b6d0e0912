package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"

	"gpc/harness/command"
	"gpc/harness/kernel"
	"gpc/harness/qemu"
)

// pluginSource is the emulator's plugin that counts executions and stores.
const pluginSource = "harness/bench/plugin/plugin.c"

// buildPlugin compiles the plugin for an emulator, and returns its path.
func buildPlugin(ctx context.Context, lab *kernel.Lab, emulator string) (string, error) {
	dir := filepath.Join(lab.BuildDir(), "bench")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	version := qemu.PluginVersion(emulator)
	plugin := filepath.Join(dir, fmt.Sprintf("plugin-%d.so", version))
	cmd := osexec.CommandContext(ctx, "gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
		fmt.Sprintf("-DPLUGIN_VERSION=%d", version), "-o", plugin, filepath.Join(lab.Root(), pluginSource))
	cmd.Env = command.Environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("compiling the plugin: %w\n%s", err, out)
	}
	return plugin, nil
}

// The address at which the counted workload marks the parts of a scenario, and behind whose page it has what is planted: MARKS in workload.h.
const (
	marks    = 0x70000000
	pageSize = 4096
	planted  = marks + pageSize
)

// block is what the plugin writes of a block of code: how often it ran in batches without a round, and in those with rounds.
type block struct {
	Address, Instructions, Empty, Rounds uint64
}

// executed is how often it ran for the rounds alone.
func (b block) executed() int64 { return int64(b.Rounds) - int64(b.Empty) }

// mostProcessors is how many processors the plugin can tell apart.
const mostProcessors = 4

// store is what the plugin writes of an instruction that has written to a line of memory: how often, by processor, and where in it first.
type store struct {
	Address, Line, Place uint64
	Executions           [mostProcessors]uint32
}

// readSections reads what the plugin has written: a section for each scenario, which ends with an empty record.
func readSections[T comparable](r io.Reader) ([][]T, error) {
	var all [][]T
	var section []T
	r = bufio.NewReader(r)
	for {
		var record, end T
		err := binary.Read(r, binary.NativeEndian, &record)
		switch {
		case errors.Is(err, io.EOF) && len(section) == 0 && len(all) > 0:
			return all, nil
		case errors.Is(err, io.EOF) && len(all) == 0:
			return nil, errors.New("the emulator's plugin has counted nothing: was QEMU built without plugins?")
		case err != nil:
			return nil, fmt.Errorf("the counts of the emulator's plugin: %w", err)
		case record == end:
			all, section = append(all, section), nil
		default:
			section = append(section, record)
		}
	}
}
