package doctest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Compare returns an error unless printed is the output that the document shows for the step.
func (s Step) Compare(printed []string) error {
	if s.Hidden || matches(s.patterns(), printed) {
		return nil
	}
	return fmt.Errorf("line %d: %q printed\n%s\nand the document says\n%s", s.Line, s.Command, indent(printed), indent(s.Output))
}

// patterns returns an expression for each line of the output, nil for "...".
func (s Step) patterns() []*regexp.Regexp {
	var all []*regexp.Regexp
	for _, line := range s.Output {
		if line == "..." {
			all = append(all, nil)
			continue
		}
		all = append(all, s.pattern(line))
	}
	return all
}

// word is what a varying word is made of; what stands between words, as in "tasks=70", stays.
var word = regexp.MustCompile(`[\w.]+`)

// pattern returns the expression for one line. In a line with a word that varies blanks may be more or fewer: columns move with it.
func (s Step) pattern(line string) *regexp.Regexp {
	line = strings.TrimRight(line, " ")
	var b strings.Builder
	varies := false
	for len(line) > 0 {
		at := word.FindStringIndex(line)
		if at == nil {
			at = []int{len(line), len(line)}
		}
		b.WriteString(regexp.QuoteMeta(line[:at[0]]))
		found := line[at[0]:at[1]]
		if slices.Contains(s.Varies, found) {
			varies = true
			b.WriteString(word.String())
		} else {
			b.WriteString(regexp.QuoteMeta(found))
		}
		line = line[at[1]:]
	}
	expression := b.String()
	if varies {
		expression = regexp.MustCompile(` +`).ReplaceAllString(expression, ` +`)
		expression = strings.TrimPrefix(expression, " +")
		return regexp.MustCompile(`^ *` + expression + `$`)
	}
	return regexp.MustCompile(`^` + expression + `$`)
}

// matches tells whether the lines are those that the patterns describe.
func matches(patterns []*regexp.Regexp, lines []string) bool {
	switch {
	case len(patterns) == 0:
		return len(lines) == 0
	case patterns[0] == nil:
		for skip := range len(lines) + 1 {
			if matches(patterns[1:], lines[skip:]) {
				return true
			}
		}
		return false
	case len(lines) == 0:
		return false
	}
	return patterns[0].MatchString(strings.TrimRight(lines[0], " ")) && matches(patterns[1:], lines[1:])
}

// indent is lines for a message.
func indent(lines []string) string {
	if len(lines) == 0 {
		return "    (nothing)"
	}
	return "    " + strings.Join(lines, "\n    ")
}
