// Package doctest types the commands that documentation shows into a guest's console, as a reader would, and compares what they
// print with what the documentation says.
//
// What is run are the lines behind a root's prompt, "# " or "/dir # ", in a Markdown file's blocks of language console and in the literal
// blocks of reStructuredText that begin with such a line. What follows until the next prompt is the output. Lines behind "$ " are the host's,
// and are not run. A document runs from its top to its end in one shell, so a later block goes on where an earlier one left off.
//
// A comment before a block says what cannot be seen in it; in Markdown <!-- varies: 70 -->, in reStructuredText .. varies: 70
//
//	varies: WORD...   these words of the output are other ones each time
//	before: COMMAND   a command that the reader is not shown, run before the block
//	after: COMMAND    the same, run after the block
//	not run: REASON   the block is only for reading
//
// A line "..." in the output stands for any number of lines.
package doctest

import (
	"fmt"
	"regexp"
	"strings"
)

// Step is a command and what it prints.
type Step struct {
	// Line is where the command stands in its document, 1 for the first.
	Line int
	// Dir is the directory in the prompt before the command; empty if the prompt tells none.
	Dir string
	// Command is what is typed.
	Command string
	// Output is what is printed, line by line.
	Output []string
	// Varies are words of the output that are other ones each time.
	Varies []string
	// Hidden tells that the document does not show the command, nor its output.
	Hidden bool
}

// prompt matches a command for the guest, hostPrompt one for the host.
var (
	prompt     = regexp.MustCompile(`^(?:(/\S*) )?# (.*)$`)
	hostPrompt = regexp.MustCompile(`^\$ `)
	comment    = regexp.MustCompile(`^(?:<!-- |\.\. )(varies|before|after|not run): (.*?)(?: -->)?$`)
)

// block is a part of a document that may have commands in it.
type block struct {
	line     int // of the first of lines
	lines    []string
	comments [][2]string // what is said before it: a key and a value
}

// Parse returns the commands of a document. The name's ending tells its language: .md or .rst.
func Parse(name, text string) ([]Step, error) {
	find := markdownBlocks
	if strings.HasSuffix(name, ".rst") {
		find = literalBlocks
	}
	var steps []Step
	for _, b := range find(strings.Split(text, "\n")) {
		parsed, err := b.parse()
		if err != nil {
			return nil, fmt.Errorf("%s:%w", name, err)
		}
		steps = append(steps, parsed...)
	}
	return steps, nil
}

// markdownBlocks finds the fenced blocks of language console.
func markdownBlocks(lines []string) []block {
	var all []block
	var comments [][2]string
	for i := 0; i < len(lines); i++ {
		switch line := lines[i]; {
		case comment.MatchString(line):
			comments = append(comments, commentIn(line))
		case strings.HasPrefix(line, "```"):
			end := i + 1
			for end < len(lines) && lines[end] != "```" {
				end++
			}
			if line == "```console" {
				all = append(all, block{i + 2, lines[i+1 : end], comments})
			}
			i, comments = end, nil
		case strings.TrimSpace(line) != "":
			comments = nil
		}
	}
	return all
}

// literalBlocks finds the indented blocks after "::" that begin with a prompt.
func literalBlocks(lines []string) []block {
	var all []block
	var comments [][2]string
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		if comment.MatchString(line) {
			comments = append(comments, commentIn(line))
			continue
		}
		if !strings.HasSuffix(line, "::") {
			if line != "" {
				comments = nil
			}
			continue
		}
		b, end := indented(lines, i+1)
		if len(b.lines) > 0 && prompt.MatchString(b.lines[0]) {
			b.comments = comments
			all = append(all, b)
		}
		i, comments = end-1, nil
	}
	return all
}

// indented returns the block that begins after blank lines from start on, and the line after it.
func indented(lines []string, start int) (block, int) {
	for start < len(lines) && strings.TrimSpace(lines[start]) == "" {
		start++
	}
	b := block{line: start + 1}
	indent := ""
	end := start
	for ; end < len(lines); end++ {
		line := lines[end]
		if end == start {
			indent = line[:len(line)-len(strings.TrimLeft(line, " "))]
		}
		if strings.TrimSpace(line) != "" && (indent == "" || !strings.HasPrefix(line, indent)) {
			break
		}
		b.lines = append(b.lines, strings.TrimPrefix(line, indent))
	}
	b.lines = withoutBlankEnd(b.lines)
	return b, end
}

func commentIn(line string) [2]string {
	m := comment.FindStringSubmatch(line)
	return [2]string{m[1], m[2]}
}

// parse returns the commands of a block. An error begins with the number of the line.
func (b block) parse() ([]Step, error) {
	var steps []Step
	var varies []string
	var after []Step
	for _, c := range b.comments {
		switch c[0] {
		case "varies":
			varies = append(varies, strings.Fields(c[1])...)
		case "before":
			steps = append(steps, Step{Line: b.line, Command: c[1], Hidden: true})
		case "after":
			after = append(after, Step{Line: b.line, Command: c[1], Hidden: true})
		case "not run":
			return nil, nil
		}
	}
	host := false
	for i, line := range b.lines {
		switch m := prompt.FindStringSubmatch(line); {
		case hostPrompt.MatchString(line):
			host = true
		case m != nil && !host:
			steps = append(steps, Step{Line: b.line + i, Dir: m[1], Command: m[2], Varies: varies})
		case m != nil:
			return nil, fmt.Errorf("%d: a block has commands for the host and for the guest", b.line+i)
		case host:
		case len(steps) == 0 || steps[len(steps)-1].Hidden:
			return nil, fmt.Errorf("%d: a block of language console begins with %q, and no prompt", b.line+i, line)
		default:
			last := &steps[len(steps)-1]
			last.Output = append(last.Output, line)
		}
	}
	for i := range steps {
		steps[i].Output = withoutBlankEnd(steps[i].Output)
	}
	return append(steps, after...), nil
}

// withoutBlankEnd drops the blank lines that only keep commands apart.
func withoutBlankEnd(lines []string) []string {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
