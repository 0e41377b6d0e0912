// Package doctest types the commands that documentation shows into a guest's console, as a reader would, and compares what they
// print with what the documentation says.
//
// What is run are the lines behind a root's prompt, "# " or "/dir # ", in a Markdown file's blocks of language console and in the literal
// blocks of reStructuredText that begin with such a line. What follows until the next prompt is the output. Lines behind "$ " are the host's,
// and are not run. A document runs from its top to its end in one shell, so a later block goes on where an earlier one left off.
//
// A comment before a block says what cannot be seen in it; in Markdown <!-- varies: 70 -->, in reStructuredText .. varies: 70
//
//	varies: WORD...   these words of the output are other ones each time: digits stand for any digits
//	soon: COMMAND     this command of the block is typed again and again until it prints what is shown, which the kernel does a little later
//
// A line "..." in the output stands for any number of lines.
package doctest

import (
	"fmt"
	"regexp"
	"slices"
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
	// Soon tells that the command prints this after a while, if it is typed often enough.
	Soon bool
}

// prompt matches a command for the guest, hostPrompt one for the host, comment what is said about a block.
var (
	prompt     = regexp.MustCompile(`^(?:(/\S*) )?# (.*)$`)
	hostPrompt = regexp.MustCompile(`^\$ `)
	comment    = regexp.MustCompile(`^(?:<!-- |\.\. )(varies|soon): (.*?)(?: -->)?$`)
)

// remark is a comment: a key and a value.
type remark struct{ key, value string }

// block is a part of a document that may have commands in it.
type block struct {
	line    int // of the first of lines
	lines   []string
	remarks []remark // what is said before it
}

// Parse returns the commands of a document. The name's ending tells its language: .md or .rst.
func Parse(name, text string) ([]Step, error) {
	find := markdownBlocks
	if strings.HasSuffix(name, ".rst") {
		find = literalBlocks
	}
	blocks, err := find(strings.Split(text, "\n"))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", name, err)
	}
	var steps []Step
	for _, b := range blocks {
		parsed, err := b.parse()
		if err != nil {
			return nil, fmt.Errorf("%s:%w", name, err)
		}
		steps = append(steps, parsed...)
	}
	return steps, nil
}

// markdownBlocks finds the fenced blocks of language console. Commands in another language would never be run.
func markdownBlocks(lines []string) ([]block, error) {
	var all []block
	var remarks []remark
	for i := 0; i < len(lines); i++ {
		switch line := lines[i]; {
		case comment.MatchString(line):
			remarks = append(remarks, remarkIn(line))
		case line == "```sh":
			return nil, fmt.Errorf("%d: a block of language sh is never run: show what is typed and printed, in one of language console", i+1)
		case strings.HasPrefix(line, "```"):
			end := i + 1
			for end < len(lines) && lines[end] != "```" {
				end++
			}
			if line == "```console" {
				all = append(all, block{i + 2, lines[i+1 : end], remarks})
				remarks = nil
			}
			i = end
		}
	}
	return all, unused(remarks)
}

// literalBlocks finds the indented blocks after "::" that begin with a prompt.
func literalBlocks(lines []string) ([]block, error) {
	var all []block
	var remarks []remark
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		switch {
		case comment.MatchString(line):
			remarks = append(remarks, remarkIn(line))
		case strings.HasSuffix(line, "::"):
			b, end := indented(lines, i+1)
			if len(b.lines) > 0 && prompt.MatchString(b.lines[0]) {
				b.remarks = remarks
				all = append(all, b)
				remarks = nil
			}
			i = end - 1
		}
	}
	return all, unused(remarks)
}

// unused is the error of comments behind which no block comes.
func unused(remarks []remark) error {
	if len(remarks) == 0 {
		return nil
	}
	return fmt.Errorf(" %q is said of a block, and none follows", remarks[0].key+": "+remarks[0].value)
}

// indented returns the block that begins after blank lines from start on, and the line after it.
func indented(lines []string, start int) (block, int) {
	for start < len(lines) && strings.TrimSpace(lines[start]) == "" {
		start++
	}
	b := block{line: start + 1}
	if start == len(lines) {
		return b, start
	}
	indent := lines[start][:len(lines[start])-len(strings.TrimLeft(lines[start], " "))]
	end := start
	for ; end < len(lines) && indent != ""; end++ {
		line := lines[end]
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, indent) {
			break
		}
		b.lines = append(b.lines, strings.TrimPrefix(line, indent))
	}
	b.lines = withoutBlankEnd(b.lines)
	return b, max(end, start)
}

func remarkIn(line string) remark {
	m := comment.FindStringSubmatch(line)
	return remark{m[1], m[2]}
}

// parse returns the commands of a block. An error begins with the number of the line.
func (b block) parse() ([]Step, error) {
	steps, err := b.shown()
	if err != nil {
		return nil, err
	}
	for _, r := range b.remarks {
		switch r.key {
		case "varies":
			for i := range steps {
				steps[i].Varies = append(steps[i].Varies, strings.Fields(r.value)...)
			}
		case "soon":
			i := slices.IndexFunc(steps, func(s Step) bool { return s.Command == r.value })
			if i < 0 {
				return nil, fmt.Errorf("%d: the block has no command %q, which soon is said of", b.line, r.value)
			}
			steps[i].Soon = true
		}
	}
	return steps, nil
}

// shown returns the commands that the reader sees.
func (b block) shown() ([]Step, error) {
	var steps []Step
	host := false
	for i, line := range b.lines {
		switch m := prompt.FindStringSubmatch(line); {
		case hostPrompt.MatchString(line) && len(steps) == 0:
			host = true
		case m != nil && host:
			return nil, fmt.Errorf("%d: a block has commands for the host and for the guest", b.line+i)
		case m != nil:
			steps = append(steps, Step{Line: b.line + i, Dir: m[1], Command: m[2]})
		case host:
		case len(steps) == 0:
			return nil, fmt.Errorf("%d: a block of language console begins with %q, and no prompt", b.line+i, line)
		default:
			last := &steps[len(steps)-1]
			last.Output = append(last.Output, line)
		}
	}
	for i := range steps {
		steps[i].Output = withoutBlankEnd(steps[i].Output)
	}
	return steps, nil
}

// withoutBlankEnd drops the blank lines that only keep commands apart.
func withoutBlankEnd(lines []string) []string {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
