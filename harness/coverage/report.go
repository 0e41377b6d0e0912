package coverage

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
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
		Functions []struct {
			Name string `json:"name"`
			Line int    `json:"lineno"`
		} `json:"functions"`
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
			f.Lines.add(l.Count > 0)
			for _, b := range l.Branches {
				f.Branches.add(b.Count > 0)
			}
			line := Line{Number: l.Number}
			begins := 0
			for _, fn := range in.Functions {
				if fn.Line <= l.Number && fn.Line > begins {
					line.Function, begins = fn.Name, fn.Line
				}
			}
			if l.Number <= len(texts) {
				line.Text = strings.TrimSpace(texts[l.Number-1])
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
