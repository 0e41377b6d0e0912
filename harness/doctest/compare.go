package doctest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Compare returns an error unless printed is the output that the document shows for the step.
func (s Step) Compare(printed []string) error {
	if matches(s.patterns(), withoutBlankEnd(printed)) {
		return nil
	}
	return fmt.Errorf("line %d: %q printed\n%s\nand the document says\n%s", s.Line, s.Command, indent(printed), indent(s.Output))
}

// patterns returns an expression for each line of the output, nil for "...".
func (s Step) patterns() []*regexp.Regexp {
	var all []*regexp.Regexp
	moves := slices.ContainsFunc(s.Output, s.varies)
	for _, line := range s.Output {
		if line == "..." {
			all = append(all, nil)
			continue
		}
		all = append(all, s.pattern(line, moves))
	}
	return all
}

// varies tells whether a line has a word that varies.
func (s Step) varies(line string) bool {
	return slices.ContainsFunc(word.FindAllString(line, -1), func(w string) bool { return slices.Contains(s.Varies, w) })
}

var (
	// word is what a varying word is made of; what stands between words, as in "tasks=70", stays.
	word   = regexp.MustCompile(`[\w.]+`)
	digits = regexp.MustCompile(`[0-9]+`)
	// seconds is a time, whose unit changes where it becomes too long.
	seconds = regexp.MustCompile(`^[0-9.]+s$`)
	blanks  = regexp.MustCompile(` +`)
)

// pattern returns the expression for one line. Where columns move, as with words that vary in any of the lines, blanks may be more or fewer.
func (s Step) pattern(line string, moves bool) *regexp.Regexp {
	line = plain(line)
	var b strings.Builder
	for line != "" {
		at := word.FindStringIndex(line)
		if at == nil {
			at = []int{len(line), len(line)}
		}
		b.WriteString(regexp.QuoteMeta(line[:at[0]]))
		found := line[at[0]:at[1]]
		if slices.Contains(s.Varies, found) {
			b.WriteString(like(found))
		} else {
			b.WriteString(regexp.QuoteMeta(found))
		}
		line = line[at[1]:]
	}
	expression := b.String()
	if moves {
		expression = "^ *" + blanks.ReplaceAllString(strings.TrimLeft(expression, " "), " +") + "$"
		return regexp.MustCompile(expression)
	}
	return regexp.MustCompile("^" + expression + "$")
}

// like returns an expression for the words that one that varies may be.
func like(word string) string {
	if seconds.MatchString(word) {
		return "[0-9][0-9.hm]*s?"
	}
	return digits.ReplaceAllString(regexp.QuoteMeta(word), "[0-9]+")
}

// plain is a line as it is seen: blanks for tabs, and none at its end.
func plain(line string) string {
	var b strings.Builder
	column := 0
	for _, r := range line {
		if r != '\t' {
			b.WriteRune(r)
			column++
			continue
		}
		n := 8 - column%8
		b.WriteString(strings.Repeat(" ", n))
		column += n
	}
	return strings.TrimRight(b.String(), " ")
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
	return patterns[0].MatchString(plain(lines[0])) && matches(patterns[1:], lines[1:])
}

// indent is lines for a message.
func indent(lines []string) string {
	if len(lines) == 0 {
		return "    (nothing)"
	}
	return "    " + strings.Join(lines, "\n    ")
}
