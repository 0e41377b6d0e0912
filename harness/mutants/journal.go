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
	// Tree and Tests identify the kernel's code and that of the tests, and Source the file that the mutant was made from.
	Tree, Tests string
	Source      string  `json:",omitempty"`
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

// openJournal reads what was found out so far, of this tree and of others, by these tests and by others.
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
		if json.Unmarshal(lines.Bytes(), &e) == nil {
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

// known returns what has become of a mutant of a file, whose text source identifies. One that is dead stays so as long as its file is as it was: tests
// that killed it once are there for good. One that has survived is put to the tests again when these or the kernel have changed, or when it has not
// seen all that it is to see.
func (j *journal) known(name, source string, all bool) (entry, bool) {
	for i := len(j.entries) - 1; i >= 0; i-- {
		e := j.entries[i]
		if e.Name == name && e.Source == source && (e.Verdict != Survived || e.Tree == j.tree && e.Tests == j.tests && (e.All || !all)) {
			return e, true
		}
	}
	return entry{}, false
}

// sourceOf identifies the text of a file.
func sourceOf(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// times returns how many seconds each test takes that has passed without a mutant.
func (j *journal) times() map[string]float64 {
	all := map[string]float64{}
	for _, e := range j.entries {
		if e.Tree == j.tree && e.Tests == j.tests {
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
