package doctest

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Console is a shell at a terminal: what is typed is written to it, what it shows is read from it.
type Console struct {
	terminal io.ReadWriter
	shown    []byte // since the last prompt
}

// Open returns a console when its shell shows the first prompt.
func Open(terminal io.ReadWriter) (*Console, error) {
	c := &Console{terminal: terminal}
	_, err := c.await("")
	return c, err
}

var (
	// noise is what a terminal acts upon and does not show; and what the kernel says, which it may do in the midst of anything.
	noise = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]|\r|\[ *\d+\.\d{6}\] [^\n]*\n`)
	// ready matches a prompt at the end of what is shown.
	ready = regexp.MustCompile(`(?:^|\n)(/\S*) # $`)
)

// Type types a command and returns what it prints, when the shell is ready for the next. next is the directory that the prompt has then; if that
// is not known, empty.
func (c *Console) Type(command, next string) ([]string, error) {
	if _, err := io.WriteString(c.terminal, command+"\r"); err != nil {
		return nil, err
	}
	text, err := c.await(next)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", command, err)
	}
	// The terminal shows what is typed, too.
	echo, printed, _ := strings.Cut(text, "\n")
	if strings.TrimSpace(echo) != strings.TrimSpace(command) {
		return nil, fmt.Errorf("%q was typed, and the terminal shows %q", command, echo)
	}
	if printed == "" {
		return nil, nil
	}
	return strings.Split(strings.TrimSuffix(printed, "\n"), "\n"), nil
}

// await reads until there is a prompt, with the given directory if any, and returns what was shown before it.
func (c *Console) await(dir string) (string, error) {
	buf := make([]byte, 4096)
	for {
		text := noise.ReplaceAllString(string(c.shown), "")
		if m := ready.FindStringSubmatchIndex(text); m != nil && (dir == "" || text[m[2]:m[3]] == dir) {
			c.shown = nil
			return strings.TrimSuffix(text[:m[2]], "\n"), nil
		}
		n, err := c.terminal.Read(buf)
		c.shown = append(c.shown, buf[:n]...)
		if err != nil {
			return "", fmt.Errorf("the terminal has ended, after %q: %w", text, err)
		}
	}
}

// Run types the steps of a document, and tells see of each what came of it. It ends early where the console does.
func (c *Console) Run(steps []Step, see func(Step, error)) error {
	for i, s := range steps {
		next := ""
		if i+1 < len(steps) {
			next = steps[i+1].Dir
		}
		printed, err := c.Type(s.Command, next)
		if err != nil {
			return fmt.Errorf("line %d: %w", s.Line, err)
		}
		see(s, s.Compare(printed))
	}
	return nil
}
