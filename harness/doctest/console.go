package doctest

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// Terminal is a user's end of a terminal: what is typed is written to it, what it shows is read from it.
type Terminal interface {
	io.ReadWriter
	SetReadDeadline(time.Time) error
}

// Console is a shell at a terminal.
type Console struct {
	terminal Terminal
	shown    []byte // since the last prompt
}

// Open returns a console when its shell shows the first prompt, however long that takes.
func Open(terminal Terminal) (*Console, error) {
	c := &Console{terminal: terminal}
	_, err := c.await("", begun)
	return c, err
}

var (
	// noise is what a terminal acts upon and does not show; and what the kernel and the shell, of its jobs, say when it comes to them.
	noise = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]|\r|\[ *\d+\.\d{6}\] [^\n]*\n|\[\d+\][+-]? +[A-Z][^\n]*\n`)
	// ready matches a prompt at the end of what is shown, begun the first one: firmware need not have ended its last line.
	ready = regexp.MustCompile(`(?:^|\n)(/\S*) # $`)
	begun = regexp.MustCompile(`(/) # $`)
)

// patience is how long a command may take; it is far more than any that is shown in a document needs.
const patience = 5 * time.Minute

// Type types a command and returns what it prints, when the shell is ready for the next. next is the directory that the prompt has then; if that
// is not known, empty.
func (c *Console) Type(command, next string) ([]string, error) {
	if err := c.terminal.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c.terminal, command+"\r"); err != nil {
		return nil, err
	}
	text, err := c.await(next, ready)
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
func (c *Console) await(dir string, prompt *regexp.Regexp) (string, error) {
	buf := make([]byte, 4096)
	for {
		text := noise.ReplaceAllString(string(c.shown), "")
		if m := prompt.FindStringSubmatchIndex(text); m != nil && (dir == "" || text[m[2]:m[3]] == dir) {
			c.shown = nil
			return strings.TrimSuffix(text[:m[2]], "\n"), nil
		}
		n, err := c.terminal.Read(buf)
		c.shown = append(c.shown, buf[:n]...)
		if err != nil {
			return "", fmt.Errorf("there is no prompt%s behind %q: %w", in(dir), text, err)
		}
	}
}

// in is a directory in words.
func in(dir string) string {
	if dir == "" {
		return ""
	}
	return " in " + dir
}

// What comes true only soon is typed so often, and so long after each other: a minute in all.
const (
	repetitions = 600
	interval    = 100 * time.Millisecond
)

// Run types the steps of a document, and tells see of each what came of it. It ends early where the console does.
func (c *Console) Run(steps []Step, see func(Step, error)) error {
	for i, s := range steps {
		next := ""
		if i+1 < len(steps) {
			next = steps[i+1].Dir
		}
		wrong, err := c.step(s, next)
		for n := 1; s.Soon && n < repetitions && err == nil && wrong != nil; n++ {
			time.Sleep(interval)
			wrong, err = c.step(s, next)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", s.Line, err)
		}
		see(s, wrong)
	}
	return nil
}

// step types one command. wrong is what is not as the document says, err why there is no answer.
func (c *Console) step(s Step, next string) (wrong, err error) {
	printed, err := c.Type(s.Command, next)
	if err != nil {
		return nil, err
	}
	return s.Compare(printed), nil
}
