package containerfs

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Setting is a file of a container that says how it shall be, and what stands in it.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Settings returns all settings of the container, in an order in which another container takes them: the CPUs and memory nodes
// of a cpuset before it becomes exclusive, a barrier and its limit in one step. What is a count, or is done rather than set, is no setting.
func (c Container) Settings() ([]Setting, error) {
	names, err := c.settingNames()
	if err != nil {
		return nil, err
	}
	var all []Setting
	for _, name := range names {
		value, err := c.ReadString(name)
		if err != nil {
			return nil, err
		}
		if resource, ok := strings.CutSuffix(name, ".barrier"); ok {
			limit, err := c.ReadString(resource + ".limit")
			if err != nil {
				return nil, err
			}
			value += ":" + limit
		}
		all = append(all, Setting{name, value})
	}
	return all, nil
}

// CopySettings sets everything that is a setting in both containers as it is in from. It stops at the first that is not taken.
func (c Container) CopySettings(from Container) error {
	settings, err := from.Settings()
	if err != nil {
		return err
	}
	for _, s := range settings {
		if !c.hasFile(s.Name) || s.Name == "numtasks.shares" && (from.IsRoot() || c.IsRoot()) {
			continue // what only a root has, or has not
		}
		if err := c.Write(s.Name, s.Value+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// Readable returns the names of the files of the container that can be read at all.
func (c Container) Readable() ([]string, error) { return c.filesWith(0o400) }

// settingNames lists the files that are settings, in the order of Settings.
func (c Container) settingNames() ([]string, error) {
	files, err := c.filesWith(0o600)
	if err != nil {
		return nil, err
	}
	files = slices.DeleteFunc(files, noSetting)
	slices.SortStableFunc(files, func(a, b string) int { return settingRank(a) - settingRank(b) })
	return files, nil
}

// filesWith lists the files whose owner has these permissions.
func (c Container) filesWith(mode uint32) ([]string, error) {
	files, err := c.Files()
	if err != nil {
		return nil, err
	}
	dir, err := c.openDir()
	if err != nil {
		return nil, fail("list", c.Dir(), err)
	}
	defer dir.Close()
	return slices.DeleteFunc(files, func(name string) bool {
		var st unix.Stat_t
		err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
		return err != nil || st.Mode&mode != mode
	}), nil
}

// noSetting tells files that move tasks or reset counts when they are written, and those that Settings makes one of.
func noSetting(name string) bool {
	switch name {
	case fileTasks, fileProcs, fileReleaseAgent, "cpuacct.usage", "numtasks.stats":
		return true
	}
	if strings.HasPrefix(name, "bc.") {
		return !strings.HasSuffix(name, ".barrier")
	}
	return strings.HasSuffix(name, "memory_pressure") // which every cpuset refuses to be told
}

// settingRank orders settings: the lists of a cpuset first, and what needs them last.
func settingRank(name string) int {
	switch {
	case strings.HasSuffix(name, "cpus"), strings.HasSuffix(name, "mems"):
		return 0
	case strings.HasSuffix(name, "_exclusive"):
		return 2
	default:
		return 1
	}
}
