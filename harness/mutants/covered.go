package mutants

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gpc/harness/coverage"
	"gpc/harness/kernel"
	"gpc/harness/mutants/generate"
)

// equivalents is the list of generated mutants that nobody can notice.
const equivalents = "equivalents.txt"

// Choose returns the texts of the files that mutants are generated from, a sample of them, and what there is to say of how it was chosen.
func Choose(lab *kernel.Lab, seed uint64, count int) (files map[string]string, sample []generate.Mutant, note string, err error) {
	dir := filepath.Join(lab.SeriesDir(), "files")
	if files, err = generate.Files(dir); err != nil {
		return nil, nil, "", err
	}
	all := generate.All(files)
	list := filepath.Join(Dir(lab), equivalents)
	text, err := os.ReadFile(list)
	if err != nil {
		return nil, nil, "", err
	}
	listed, err := generate.ReadEquivalents(string(text))
	if err != nil {
		return nil, nil, "", fmt.Errorf("%s: %w", list, err)
	}
	left, err := generate.Without(all, listed)
	if err != nil {
		return nil, nil, "", fmt.Errorf("%s: %w", list, err)
	}
	ran, why, err := ranLines(lab, dir, files)
	if err != nil {
		return nil, nil, "", err
	}
	covered := generate.Covered(left, ran)
	sample = generate.Sample(covered, seed, count)
	note = fmt.Sprintf("seed %d: %d of %d mutants, in %d files; left out as equivalents: %d; %s", seed, len(sample), len(covered), len(files), len(all)-len(left), why)
	return files, sample, note, nil
}

// ranLines returns the lines that the last run of gpclab coverage has seen, by files, and says which that are: a file that was edited since is not
// among them.
func ranLines(lab *kernel.Lab, dir string, files map[string]string) (map[string]map[int]bool, string, error) {
	const all = "'gpclab coverage' tells which lines are run, and has not counted the files as they are, so all lines of functions are taken"
	info, err := os.Stat(coverage.MergedFile(lab))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, all, nil
	}
	if err != nil {
		return nil, "", err
	}
	report, err := coverage.Last(lab, dir)
	if err != nil {
		return nil, "", fmt.Errorf("%s, which 'gpclab coverage' makes anew: %w", coverage.MergedFile(lab), err)
	}
	ran := asCounted(report, info.ModTime(), filepath.Join(lab.BuildDir(), "src", "patched"), files)
	if len(ran) == 0 {
		return nil, all, nil
	}
	if others := len(files) - len(ran); others > 0 {
		return ran, fmt.Sprintf("only lines that 'gpclab coverage' has seen run, but all of the %d files that it has not counted as they are", others), nil
	}
	return ran, "only lines that 'gpclab coverage' has seen run", nil
}

// asCounted returns the lines that have run, of those files that are what they were when the report was made: in source, where the kernels were built, they
// are the same, and not younger.
func asCounted(report *coverage.Report, made time.Time, source string, files map[string]string) map[string]map[int]bool {
	ran := map[string]map[int]bool{}
	for _, f := range report.Files {
		text, err := os.ReadFile(filepath.Join(source, f.Name))
		built, statErr := os.Stat(filepath.Join(source, f.Name))
		now, ours := files[f.Name]
		if err != nil || statErr != nil || !ours || string(text) != now || built.ModTime().After(made) {
			continue
		}
		ran[f.Name] = map[int]bool{}
		for _, l := range f.Ran {
			ran[f.Name][l.Number] = true
		}
	}
	return ran
}
