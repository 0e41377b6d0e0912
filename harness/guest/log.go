package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"time"
)

// keptLogs is how many logs of each architecture and kernel are kept, the one being written included.
const keptLogs = 20

// newLog makes an empty file for the console's log and removes the oldest ones.
func newLog(c Config) (string, error) {
	if err := os.MkdirAll(c.LogDir, 0o777); err != nil {
		return "", err
	}
	prefix := fmt.Sprintf("console-%s-%s-", c.Kernel.Machine.Name, fileName(c.Kernel.Name))
	f, err := os.CreateTemp(c.LogDir, prefix+time.Now().Format("20060102-150405.000000-")+"*.log")
	if err != nil {
		return "", err
	}
	defer f.Close()
	return f.Name(), prune(filepath.Join(c.LogDir, prefix+"*.log"))
}

// fileName makes a kernel's name fit to be a part of a file's.
func fileName(name string) string { return odd.ReplaceAllString(name, "_") }

var odd = regexp.MustCompile(`[^\w.+-]`)

// prune removes all but the newest logs that match pattern. Their names sort by age.
func prune(pattern string) error {
	logs, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	sort.Strings(logs)
	for len(logs) > keptLogs {
		// Another process may be pruning as well.
		if err := os.Remove(logs[0]); err != nil && !os.IsNotExist(err) {
			return err
		}
		logs = logs[1:]
	}
	return nil
}
