package mutants

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gpc/harness/kernel"
	"gpc/harness/series"
)

// entry is what is kept of a generated mutant, or, with Times, of the tests without one.
type entry struct {
	// Tree and Tests identify the kernel's code and that of the tests.
	Tree, Tests string
	Name        string  `json:",omitempty"`
	Verdict     Verdict `json:",omitempty"`
	Reason      string  `json:",omitempty"`
	Seconds     float64 `json:",omitempty"`
	// All tells that a survivor was put to all tests, not only to those of its subject.
	All bool `json:",omitempty"`
	// Times are the seconds that each test took that was run without a mutant.
	Times map[string]float64 `json:",omitempty"`
}

// journal keeps what has become of generated mutants, so that who is interrupted goes on where that was.
type journal struct {
	path        string
	tree, tests string
	entries     []entry
}

// openJournal reads what there is of the tree and the tests as they are. What was found out about other trees stays in the file.
func openJournal(path, tree, tests string) (*journal, error) {
	j := &journal{path: path, tree: tree, tests: tests}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e entry
		// A line that was being written when the host went down is no loss.
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Tree == tree {
			j.entries = append(j.entries, e)
		}
	}
	return j, lines.Err()
}

// add keeps an entry, also for those who come after a crash.
func (j *journal) add(e entry) error {
	e.Tree, e.Tests = j.tree, j.tests
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(j.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	j.entries = append(j.entries, e)
	return nil
}

// known returns what has become of a mutant. One that is dead stays so; one that has survived is put to the tests again when these have changed, or
// when it has not seen all that it is to see.
func (j *journal) known(name string, all bool) (entry, bool) {
	for i := len(j.entries) - 1; i >= 0; i-- {
		e := j.entries[i]
		if e.Name == name && (e.Verdict != Survived || e.Tests == j.tests && (e.All || !all)) {
			return e, true
		}
	}
	return entry{}, false
}

// times returns how many seconds each test takes that has passed without a mutant.
func (j *journal) times() map[string]float64 {
	all := map[string]float64{}
	for _, e := range j.entries {
		if e.Tests == j.tests {
			maps.Copy(all, e.Times)
		}
	}
	return all
}

// missing returns which of the tests have not passed without a mutant.
func (j *journal) missing(names []string) []string {
	have := j.times()
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, ok := have[name]
		return ok
	})
}

// journalOf opens the journal of the repository.
func journalOf(lab *kernel.Lab) (*journal, error) {
	s, err := series.Load(lab.SeriesDir())
	if err != nil {
		return nil, err
	}
	tree, err := s.Hash()
	if err != nil {
		return nil, err
	}
	tests, err := hashOfCode(filepath.Join(lab.Root(), "userspace"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(generatedDir(lab), 0o755); err != nil {
		return nil, err
	}
	return openJournal(filepath.Join(generatedDir(lab), "results.jsonl"), tree, tests)
}

// generatedDir is where generated mutants and what became of them are kept.
func generatedDir(lab *kernel.Lab) string { return filepath.Join(lab.BuildDir(), "mutants-generated") }

// hashOfCode identifies the Go files below a directory.
func hashOfCode(dir string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n%s", path[len(dir):], len(text), text)
		return err
	})
	return fmt.Sprintf("%x", h.Sum(nil)), err
}
