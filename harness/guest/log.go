package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"time"
)

// The newest logs of each architecture and kernel are kept, keptLogs of them with the one being written, and those of the last keptFor: a
// run that takes hours, as those of big test suites do, finds its first ones, whatever else has run beside it.
const (
	keptLogs = 20
	keptFor  = 24 * time.Hour
)

// newLog makes an empty file for the console's log, and removes old ones unless the log was given a place of its own.
func (c Config) newLog() (string, error) {
	if c.Log != "" {
		f, err := os.Create(c.Log)
		if err != nil {
			return "", err
		}
		return c.Log, f.Close()
	}
	if err := os.MkdirAll(c.LogDir, 0o777); err != nil {
		return "", err
	}
	prefix := fmt.Sprintf("console-%s-%s-", c.Kernel.Machine.Name, fileName(c.Kernel.Name))
	f, err := os.CreateTemp(c.LogDir, prefix+time.Now().Format("20060102-150405.000000-")+"*.log")
	if err != nil {
		return "", err
	}
	defer f.Close()
	return f.Name(), prune(filepath.Join(c.LogDir, prefix+"*.log"), time.Now().Add(-keptFor))
}

// fileName makes a kernel's name fit to be a part of a file's.
func fileName(name string) string { return odd.ReplaceAllString(name, "_") }

var odd = regexp.MustCompile(`[^\w.+-]`)

// prune removes those logs that match pattern, were last written before a time, and are not among the newest. Their names sort by age.
func prune(pattern string, before time.Time) error {
	logs, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	sort.Strings(logs)
	for len(logs) > keptLogs {
		info, err := os.Stat(logs[0])
		if err == nil && info.ModTime().Before(before) {
			err = os.Remove(logs[0])
		}
		// Another process may be pruning as well.
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		logs = logs[1:]
	}
	return nil
}
