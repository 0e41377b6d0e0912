package generate

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// sources are the files that mutants are made of, as patterns below the series' new files; those that test or show the others are none of them.
var (
	sources = []string{"kernel/container/*.c", "kernel/sched/container.c"}
	apart   = regexp.MustCompile(`(?:kunit|/debug)\.c$`)
)

// Files returns the texts of the files that mutants are made of, by their paths in the kernel's tree. dir holds the new files of the series.
func Files(dir string) (map[string]string, error) {
	texts := map[string]string{}
	for _, pattern := range sources {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			if apart.MatchString(path) {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return nil, err
			}
			texts[filepath.ToSlash(name)] = string(text)
		}
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s has no file that mutants could be made of", dir)
	}
	return texts, nil
}

// All returns the mutants of all files, in the order of their files and places.
func All(files map[string]string) []Mutant {
	var all []Mutant
	for _, file := range slices.Sorted(maps.Keys(files)) {
		all = append(all, Mutants(file, files[file])...)
	}
	return all
}

// Covered keeps the mutants of lines that ran says have run. Of files that it does not have all are kept.
func Covered(all []Mutant, ran map[string]map[int]bool) []Mutant {
	return slices.DeleteFunc(slices.Clone(all), func(m Mutant) bool {
		lines, known := ran[m.File]
		return known && !lines[m.Line] && !lines[m.Begins]
	})
}

// Sample returns n of the mutants, or all where there are fewer. The seed draws a lot for each, by what it is rather than by where: so the smaller of two
// samples of the same seed is the beginning of the larger one, and where a mutant comes or goes, by an edit or the list of equivalents, the others stay.
func Sample(all []Mutant, seed uint64, n int) []Mutant {
	type drawn struct {
		lot [sha256.Size]byte
		m   Mutant
	}
	var lots []drawn
	alike := map[string]int{} // how many there have been of those that nothing but their place distinguishes
	for _, m := range all {
		what := fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%s", m.File, m.Kind, m.Text, m.Old, m.New)
		alike[what]++
		lots = append(lots, drawn{sha256.Sum256(fmt.Appendf(nil, "%d\x00%s\x00%d", seed, what, alike[what])), m})
	}
	slices.SortFunc(lots, func(a, b drawn) int { return bytes.Compare(a.lot[:], b.lot[:]) })
	var chosen []Mutant
	for _, l := range lots[:min(n, len(lots))] {
		chosen = append(chosen, l.m)
	}
	return chosen
}

// Equivalent says of mutants that nobody can tell them from the code as it is, and why.
type Equivalent struct {
	File string
	Kind Kind
	// Text is the line without the white space around it.
	Text, Reason string
}

// String shows it as it stands in the list.
func (e Equivalent) String() string { return fmt.Sprintf("%s: %s: %s", e.File, e.Kind, e.Text) }

// ReadEquivalents reads a list: the file, the kind, and the reason, with colons between, and below, indented, the line of code. Lines that begin with #
// are comments.
func ReadEquivalents(text string) ([]Equivalent, error) {
	var all []Equivalent
	var open bool // the last one has no line of code yet
	for i, line := range strings.Split(text, "\n") {
		bad := func(what string) error { return fmt.Errorf("line %d: %s", i+1, what) }
		switch trimmed := strings.TrimSpace(line); {
		case trimmed == "" || line[0] == '#':
		case line[0] == '\t' || line[0] == ' ':
			if !open {
				return nil, bad("a line of code without a file, a kind and a reason above it")
			}
			all[len(all)-1].Text, open = trimmed, false
		case open:
			return nil, bad("a line of code is missing above it")
		default:
			parts := strings.SplitN(trimmed, ": ", 3)
			if len(parts) < 3 || !slices.Contains(Kinds(), Kind(parts[1])) {
				return nil, bad("it wants 'FILE: KIND: REASON'")
			}
			all, open = append(all, Equivalent{File: parts[0], Kind: Kind(parts[1]), Reason: parts[2]}), true
		}
	}
	if open {
		return nil, fmt.Errorf("the last line: a line of code is missing below it")
	}
	return all, nil
}

// Without leaves out the mutants that are listed as equivalents. An entry that there is no mutant for is an error.
func Without(all []Mutant, listed []Equivalent) ([]Mutant, error) {
	used := make([]bool, len(listed))
	kept := slices.DeleteFunc(slices.Clone(all), func(m Mutant) bool {
		out := false
		for i, e := range listed {
			if e.File == m.File && e.Kind == m.Kind && e.Text == m.Text {
				used[i], out = true, true
			}
		}
		return out
	})
	if i := slices.Index(used, false); i >= 0 {
		return nil, fmt.Errorf("no mutant is what is listed as %s", listed[i])
	}
	return kept, nil
}
