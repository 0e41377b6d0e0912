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

// pluginSource is the emulator's plugin that counts executions.
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

// block is what the plugin writes of a block of code.
type block struct {
	Address, Instructions, Executions uint64
}

// readBlocks reads what the plugin has written.
func readBlocks(r io.Reader) ([]block, error) {
	var all []block
	r = bufio.NewReader(r)
	for {
		var b block
		err := binary.Read(r, binary.NativeEndian, &b)
		switch {
		case errors.Is(err, io.EOF) && len(all) > 0:
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("the counts of the emulator's plugin: %w", err)
		case b.Instructions == 0 && len(all) == 0:
			return nil, errors.New("the emulator's plugin has counted nothing: was QEMU built without plugins?")
		case b.Instructions == 0:
			return all, nil
		}
		all = append(all, b)
	}
}
