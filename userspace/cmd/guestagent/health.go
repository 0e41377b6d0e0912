package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"gpc/harness/guest/wire"
)

// kernelStatus reports a job's exit status with what the kernel thinks of itself.
func kernelStatus(exit int) (wire.Status, error) {
	status := wire.Status{Exit: exit}
	tainted, err := os.ReadFile("/proc/sys/kernel/tainted")
	if err != nil {
		return status, err
	}
	if status.Taint, err = strconv.ParseUint(strings.TrimSpace(string(tainted)), 10, 64); err != nil {
		return status, fmt.Errorf("/proc/sys/kernel/tainted: %w", err)
	}
	// The file is there only in a kernel with lockdep.
	if stats, err := os.ReadFile("/proc/lockdep_stats"); err == nil {
		status.LockdepOff = lockdepOff(string(stats))
	}
	return status, nil
}

// lockdepOff reads the content of /proc/lockdep_stats.
func lockdepOff(stats string) bool {
	for line := range strings.Lines(stats) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "debug_locks:"); ok {
			return strings.TrimSpace(value) == "0"
		}
	}
	return false
}
