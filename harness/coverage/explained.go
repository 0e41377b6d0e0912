package coverage

import (
	"regexp"
	"strings"
)

// Explained are the lines that a document says why nothing runs them. They stand in its tables as
//
//	| `FILE` | `FUNCTION` | `LINE` | why |
//
// FILE is the last part of the file's name, and LINE the line's text; a LINE of ... stands for all that function has.
type Explained map[explained]bool

type explained struct{ file, function, text string }

var explainedRow = regexp.MustCompile("(?m)^\\| `([^`|]+)` \\| `(\\w+)` \\| `(.+?)` \\| *[^| ].*\\|$")

// ReadExplained finds the lines in a document.
func ReadExplained(document string) Explained {
	found := Explained{}
	for _, row := range explainedRow.FindAllStringSubmatch(document, -1) {
		// A bar within a cell has to be written so.
		found[explained{row[1], row[2], strings.ReplaceAll(row[3], `\|`, "|")}] = false
	}
	return found
}

// Unexplained returns those of the report's files that have lines which nothing has run and nobody explains, with no more than those.
func (e Explained) Unexplained(r *Report) []File {
	var files []File
	for _, f := range r.Files {
		base := f.Name[strings.LastIndexByte(f.Name, '/')+1:]
		if strings.HasPrefix(f.Name, "kernel/sched/") {
			base = "sched/" + base
		}
		left := File{Name: f.Name}
		for _, l := range f.Never {
			if !e.says(explained{base, l.Function, l.Text}) && !e.says(explained{base, l.Function, "..."}) {
				left.Never = append(left.Never, l)
			}
		}
		if len(left.Never) > 0 {
			files = append(files, left)
		}
	}
	return files
}

// says tells whether there is an explanation, and notes that it was needed.
func (e Explained) says(line explained) bool {
	if _, ok := e[line]; !ok {
		return false
	}
	e[line] = true
	return true
}

// Idle returns the explanations that no line needed which Unexplained was asked about: what they are about has been run, or is no more.
func (e Explained) Idle() []string {
	var idle []string
	for line, needed := range e {
		if !needed {
			idle = append(idle, line.file+" "+line.function+"(): "+line.text)
		}
	}
	return idle
}
