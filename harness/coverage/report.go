package coverage

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

// Share is how many of some things have been run.
type Share struct{ Run, All int }

// Percent is the share in percent, 100 of nothing.
func (s Share) Percent() float64 {
	if s.All == 0 {
		return 100
	}
	return 100 * float64(s.Run) / float64(s.All)
}

func (s *Share) add(run bool) {
	s.All++
	if run {
		s.Run++
	}
}

func (s Share) plus(other Share) Share { return Share{s.Run + other.Run, s.All + other.All} }

// File is what has been run of a source file.
type File struct {
	Name            string // as the kernel's tree has it
	Lines, Branches Share
	// Ran are the lines that something has run, and Never those that nothing has.
	Ran, Never []Line
}

// Line is a line of a function.
type Line struct {
	Number   int
	Function string
	Text     string // without the white space around it
}

// Report is what has been run of all files, which are in the order of their names.
type Report struct{ Files []File }

// Total is what has been run of all files together.
func (r *Report) Total() (lines, branches Share) {
	for _, f := range r.Files {
		lines, branches = lines.plus(f.Lines), branches.plus(f.Branches)
	}
	return lines, branches
}

// gcovr's own form, of which this is a part.
type document struct {
	Files []struct {
		File  string `json:"file"`
		Lines []struct {
			Number   int  `json:"line_number"`
			Count    int  `json:"count"`
			NoCode   bool `json:"gcovr/noncode"`
			Branches []struct {
				Count int `json:"count"`
			} `json:"branches"`
		} `json:"lines"`
	} `json:"files"`
}

// read makes a report of what gcovr has written about files of the tree source.
func read(text []byte, source fs.FS) (*Report, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("what gcovr has written: %w", err)
	}
	r := new(Report)
	for _, in := range d.Files {
		code, err := fs.ReadFile(source, in.File)
		if err != nil {
			return nil, err
		}
		texts := strings.Split(string(code), "\n")
		f := File{Name: in.File}
		for _, l := range in.Lines {
			if l.NoCode {
				continue
			}
			line := Line{Number: l.Number}
			if l.Number <= len(texts) {
				line.Function, line.Text = functionAt(texts, l.Number), strings.TrimSpace(texts[l.Number-1])
			}
			f.Lines.add(l.Count > 0)
			for _, b := range l.Branches {
				if !hidden(in.File, line.Text) {
					f.Branches.add(b.Count > 0)
				}
			}
			if l.Count > 0 {
				f.Ran = append(f.Ran, line)
			} else {
				f.Never = append(f.Never, line)
			}
		}
		r.Files = append(r.Files, f)
	}
	slices.SortFunc(r.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}

// macros are those of the kernel's that have branches of their own, which nobody sees who reads the line: assertions; waits for another CPU that is in
// the middle of something, and steps that are repeated for one; walks whose condition has a part that is always true; operations on bits and sets of
// CPUs and nodes that look whether something is constant.
var macros = regexp.MustCompile(`\b(?:WARN_ON(?:_ONCE)?|for_each_\w+|hash_for_each_\w+|list_\w+_rcu|kfree_rcu|` +
	`(?:read|write|raw_write)_seq\w+|u64_stats_\w+|\w*cmpxchg\w*|change_state|wait_var_\w+|mutex_lock_killable|` +
	`__(?:test_and_set|assign)_bit|node_isset|nodes?_\w+|nodemask_pr_args|cpumask_\w+|clamp|pr_warn_ratelimited)\(`)

// copied is the header whose functions are put into each of their callers, whatever the compiler is told, for a resource that is constant there.
const copied = "kernel/container/bc.h"

// hidden tells whether the branches of a line say nothing of what is to be read there.
func hidden(file, text string) bool { return file == copied || macros.MatchString(text) }

// functionBegins matches the line with a function's name, where the kernel's style has it.
var functionBegins = regexp.MustCompile(`^(?:[a-z_][^=;(]*[ *])?(\w+)\([^;]*$`)

// functionAt is the name of the function that a line, counted from 1, is in. The compiler forgets those that it has put into all of their callers.
func functionAt(texts []string, number int) string {
	for i := number - 1; i >= 0; i-- {
		if name := functionBegins.FindStringSubmatch(texts[i]); name != nil {
			return name[1]
		}
	}
	return ""
}

// Table writes a line for each file, and one for all.
func (r *Report) Table(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "lines\t of\t\tbranches\t of\t\t  file")
	row := func(name string, lines, branches Share) {
		fmt.Fprintf(table, "%d\t%d\t%.1f %%\t%d\t%d\t%.1f %%\t  %s\n",
			lines.Run, lines.All, lines.Percent(), branches.Run, branches.All, branches.Percent(), name)
	}
	for _, f := range r.Files {
		row(f.Name, f.Lines, f.Branches)
	}
	lines, branches := r.Total()
	row("all", lines, branches)
	return table.Flush()
}
