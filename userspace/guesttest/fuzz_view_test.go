//go:build guest

package guesttest

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
	"gpc/userspace/fuzz"
)

// escaped is how /proc/mounts shows a byte that would end the field, or an option of it.
var escaped = regexp.MustCompile(`\\[0-3][0-7]{2}`)

// see returns all that can be seen.
func (l *live) see() (fuzz.View, error) {
	v := make(fuzz.View, l.seen)
	v["released"] = l.released()
	names := map[string]string{}
	for _, a := range l.actors {
		names[strconv.Itoa(a.tid)] = a.name
	}
	keys, err := l.seeStatus(v)
	if err != nil {
		return nil, err
	}
	if err := l.seeMounts(v, names); err != nil {
		return nil, err
	}
	if v["online"], err = l.top.read("sys/devices/system/cpu/online"); err != nil {
		return nil, err
	}
	for _, name := range []string{"total_numtasks", "forkrate", "forkrate_interval"} {
		if v["parameter "+name], err = l.top.read(numtasksParameters[1:] + name); err != nil {
			return nil, err
		}
	}
	cpusets := slices.ContainsFunc(keys, func(key string) bool { return slices.Contains(strings.Split(key, ","), "cpuset") })
	for _, a := range l.actors {
		l.seeTask(v, a, keys)
		if cpusets {
			l.seePlace(v, a)
		}
	}
	l.seen = len(v)
	return v, nil
}

// released is what release agents have recorded.
func (l *live) released() string {
	text, _ := l.top.read(releaseLog[1:])
	runs := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	for i, run := range runs {
		runs[i] = l.named(run)
	}
	return fuzz.Released(runs)
}

// seeStatus adds what /proc/containers says, and returns the keys of the hierarchies.
func (l *live) seeStatus(v fuzz.View) ([]string, error) {
	text, err := l.top.read("proc/containers")
	if err != nil {
		return nil, err
	}
	if text != l.statusText {
		if l.status, err = containerfs.ParseStatus(text); err != nil {
			return nil, err
		}
		l.statusText = text
	}
	keys := map[int]string{}
	var all []string
	for _, h := range l.status.Hierarchies {
		if h.Name == heldName {
			continue
		}
		key := keyOf(containerfs.Membership{Subsystems: h.Subsystems, Name: h.Name})
		keys[h.ID] = key
		all = append(all, key)
		v["hierarchy "+key] = fmt.Sprintf("containers=%d subsystems=%s name=%s", h.Containers, strings.Join(h.Subsystems, ","), h.Name)
	}
	for _, s := range l.status.Subsystems {
		v["subsystem "+s.Name] = fmt.Sprintf("hierarchy=%s containers=%d active=%d", keys[s.Hierarchy], s.Containers, map[bool]int{true: 1}[s.Active])
	}
	return all, nil
}

// seeMounts adds what is mounted, and once for each superblock what is in it.
func (l *live) seeMounts(v fuzz.View, names map[string]string) error {
	mounts, err := l.top.read("proc/self/mounts")
	if err != nil {
		return err
	}
	shown := map[uint64]bool{}
	for line := range strings.SplitSeq(mounts, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 4 || filepath.Dir(fields[1]) != l.dir {
			continue
		}
		point := filepath.Base(fields[1])
		v["mount "+point] = escaped.ReplaceAllStringFunc(strings.TrimPrefix(fields[3], "rw,relatime,"), func(code string) string {
			n, _ := strconv.ParseUint(code[1:], 8, 8)
			return string([]byte{byte(n)})
		})
	}
	for _, point := range fuzz.Points {
		if _, mounted := v["mount "+point]; !mounted {
			continue
		}
		tree, err := l.tree(point)
		if err != nil {
			return err
		}
		if !shown[tree.device] {
			l.seeDir(v, tree, point, true, names)
		}
		shown[tree.device] = true
	}
	return nil
}

// tree returns what is mounted at a point, open until closeTree.
func (l *live) tree(point string) (*keptDir, error) {
	if l.trees[point] == nil {
		tree, err := keepDir(l.at(point))
		if err != nil {
			return nil, err
		}
		l.trees[point] = tree
	}
	return l.trees[point], nil
}

// closeTree lets what is mounted at a point be unmounted.
func (l *live) closeTree(point string) {
	l.trees[point].close()
	delete(l.trees, point)
}

// seeDir adds a directory and what is below it. What goes meanwhile is not there.
func (l *live) seeDir(v fuzz.View, d *keptDir, path string, root bool, names map[string]string) {
	files, dirs, err := d.list()
	var st unix.Stat_t
	if err != nil || unix.Fstat(d.fd, &st) != nil {
		return
	}
	v["access "+path] = fuzz.Access(st.Uid == ordinary, st.Mode&0o7777)
	for _, name := range files {
		if name == "kill" { // is not for reading
			continue
		}
		text, err := d.read(name)
		switch {
		case err != nil:
			text = err.Error()
		case name == "tasks" || name == "procs":
			text = fuzz.Tasks(taskNames(text, root, names))
		}
		v[path+"/"+name] = text
	}
	shown := slices.Clone(files)
	for _, name := range dirs {
		known := l.named(name)
		shown = append(shown, known)
		if below, err := d.dir(name); err == nil {
			l.seeDir(v, below, path+"/"+known, false, names)
		}
	}
	v[path] = fuzz.List(shown)
}

// taskNames turns a listing of numbers into names. The root has tasks that are not ours.
func taskNames(text string, root bool, names map[string]string) []string {
	var all []string
	for number := range strings.FieldsSeq(text) {
		if name, known := names[number]; known {
			all = append(all, name)
		} else if !root {
			all = append(all, number)
		}
	}
	return all
}

// seeTask adds where a task is. A thread that has gone is nowhere.
func (l *live) seeTask(v fuzz.View, a *actor, keys []string) {
	text, err := a.read("container")
	if err != nil {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		for _, key := range keys {
			if path, is := strings.CutPrefix(line, key+":"); is {
				v["task "+a.name+" "+key] = l.named(path)
			}
		}
	}
}

// seePlace adds where a live task runs and has its memory from.
func (l *live) seePlace(v fuzz.View, a *actor) {
	text, err := a.read("status")
	if err != nil {
		return
	}
	status := func(key string) string {
		_, after, _ := strings.Cut(text, "\n"+key+":\t")
		value, _, _ := strings.Cut(after, "\n")
		return value
	}
	if !strings.HasPrefix(status("State"), "Z") {
		v["status "+a.name] = fmt.Sprintf("cpus %s mems %s", status("Cpus_allowed_list"), status("Mems_allowed_list"))
	}
}
