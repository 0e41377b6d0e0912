package main

import (
	"os"
	"path/filepath"
	"sort"
	"strings"

	"mvdan.cc/sh/v3/interp"
)

// complete extends the word before pos as far as all programs (for the first word) or files that begin so agree.
func complete(line string, pos int, runner *interp.Runner) (string, int) {
	start := strings.LastIndexAny(line[:pos], " \t;|&<>(") + 1
	word := line[start:pos]
	var candidates []string
	if strings.TrimSpace(line[:start]) == "" && !strings.Contains(word, "/") {
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			candidates = append(candidates, entries(dir, "", word)...)
		}
	} else {
		dir, prefix := filepath.Split(word)
		place := dir
		if !filepath.IsAbs(place) {
			place = filepath.Join(runner.Dir, place)
		}
		candidates = entries(place, dir, prefix)
	}
	if len(candidates) == 0 {
		return line, pos
	}
	completed := commonPrefix(candidates)
	if len(candidates) == 1 && !strings.HasSuffix(completed, "/") {
		completed += " "
	}
	return line[:start] + completed + line[pos:], start + len(completed)
}

// entries lists what is in dir and begins with prefix, each with shown before it, and a slash behind directories.
func entries(dir, shown, prefix string) (names []string) {
	content, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, entry := range content {
		name := entry.Name()
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.IsDir() {
			name += "/"
		}
		names = append(names, shown+name)
	}
	return names
}

// commonPrefix returns what all names begin with. There is at least one.
func commonPrefix(names []string) string {
	sort.Strings(names)
	first, last := names[0], names[len(names)-1]
	n := 0
	for n < len(first) && n < len(last) && first[n] == last[n] {
		n++
	}
	return first[:n]
}
