package generate

import (
	"fmt"
	"strings"
)

// context is how many lines a patch shows before and behind the change.
const context = 3

// Patch returns the mutant as a patch to the text of its file, to be applied with -p1.
func (m Mutant) Patch(text string) string {
	changed := m.Apply(text)
	before, after := strings.SplitAfter(text, "\n"), strings.SplitAfter(changed, "\n")
	first := m.Line - 1
	last := first + strings.Count(m.Old, "\n")
	lastNew := first + strings.Count(m.New, "\n")
	begin, end := max(0, first-context), min(len(before), last+1+context)
	if before[end-1] == "" {
		end-- // behind the last line
	}
	var out strings.Builder
	fmt.Fprintf(&out, "--- a/%s\n+++ b/%s\n@@ -%d,%d +%d,%d @@\n", m.File, m.File, begin+1, end-begin, begin+1, end-begin-(last-lastNew))
	show := func(mark string, lines []string) {
		for _, l := range lines {
			out.WriteString(mark + strings.TrimSuffix(l, "\n") + "\n")
		}
	}
	show(" ", before[begin:first])
	show("-", before[first:last+1])
	show("+", after[first:lastNew+1])
	show(" ", before[last+1:end])
	return out.String()
}
