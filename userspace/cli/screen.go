package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/gdamore/tcell/v2"
	"golang.org/x/sys/unix"
)

// isTerminal tells whether there is a terminal to be filled and to be typed at.
func isTerminal() bool {
	if os.Getenv("TERM") == "dumb" {
		return false // it can only be printed on
	}
	for _, f := range []*os.File{os.Stdin, os.Stdout} {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
			return false
		}
	}
	return true
}

// newScreen takes the terminal. A kind of terminal that is not known is treated like the oldest that could do what is needed.
func newScreen() (tcell.Screen, error) {
	tty, err := tcell.NewStdIoTty()
	if err != nil {
		return nil, err
	}
	screen, err := tcell.NewTerminfoScreenFromTty(tty)
	if err != nil {
		os.Setenv("TERM", "vt100")
		screen, err = tcell.NewTerminfoScreenFromTty(tty)
	}
	if err != nil {
		return nil, fmt.Errorf("the terminal cannot be used: %w; -b prints tables", err)
	}
	return screen, screen.Init()
}

// topScreen is 'gpc top' on a terminal.
type topScreen struct {
	screen  tcell.Screen
	flags   topFlags
	args    []string
	sample  *sample
	scroll  int
	printed int // tables so far
}

// showTop fills the terminal until the user has seen enough. The terminal is left as it was found.
func showTop(ctx context.Context, args []string, flags topFlags) error {
	first, err := takeSample(args, nil)
	if err != nil {
		return err // while the terminal is still the user's
	}
	screen, err := newScreen()
	if err != nil {
		return err
	}
	defer screen.Fini()
	t := &topScreen{screen: screen, flags: flags, args: args, sample: first}
	events, quit := make(chan tcell.Event), make(chan struct{})
	go screen.ChannelEvents(events, quit)
	defer close(quit)
	tick := time.NewTicker(time.Duration(flags.delay * float64(time.Second)))
	defer tick.Stop()
	for t.draw(); flags.times == 0 || t.printed < flags.times; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			err = t.refresh()
		case event := <-events:
			if t.handle(event) {
				return nil
			}
		}
		if err != nil {
			return err
		}
		t.draw()
	}
	return nil
}

// refresh takes the next sample.
func (t *topScreen) refresh() error {
	s, err := takeSample(t.args, t.sample)
	if err != nil {
		return err
	}
	t.sample = s
	t.printed++
	return nil
}

// handle does what the user wants, and tells whether that is to end.
func (t *topScreen) handle(event tcell.Event) (quit bool) {
	switch event := event.(type) {
	case nil:
		return true // the terminal is gone
	case *tcell.EventResize:
		t.screen.Sync()
	case *tcell.EventKey:
		return t.press(event)
	}
	return false
}

// press does what a key stands for.
func (t *topScreen) press(key *tcell.EventKey) (quit bool) {
	_, height := t.screen.Size()
	switch key.Key() {
	case tcell.KeyCtrlC, tcell.KeyEscape:
		return true
	case tcell.KeyCtrlL:
		t.screen.Sync()
	case tcell.KeyUp:
		t.scroll--
	case tcell.KeyDown:
		t.scroll++
	case tcell.KeyPgUp:
		t.scroll -= height - headerLines
	case tcell.KeyPgDn:
		t.scroll += height - headerLines
	case tcell.KeyHome:
		t.scroll = 0
	case tcell.KeyEnd:
		t.scroll = len(t.sample.rows)
	case tcell.KeyRune:
		return t.letter(key.Rune())
	}
	return false
}

// letter does what a letter stands for.
func (t *topScreen) letter(r rune) (quit bool) {
	switch r {
	case 'q', 'Q':
		return true
	case 'r':
		t.flags.reverse = !t.flags.reverse
	}
	for _, k := range sortKeys {
		if k.key == r {
			t.flags.sort = k.name
		}
	}
	return false
}

// headerLines are the lines above the rows: a summary, the keys, and the headings.
const headerLines = 3

// draw fills the terminal.
func (t *topScreen) draw() {
	t.sample.sortBy(t.flags.sort, t.flags.reverse)
	lines := t.sample.table().lines()
	_, height := t.screen.Size()
	visible := max(height-headerLines, 0)
	t.scroll = max(min(t.scroll, len(lines)-1-visible), 0)

	t.screen.Clear()
	t.line(0, fmt.Sprintf("gpc top  %s  %s, sorted by %s", t.sample.at.Format(time.TimeOnly),
		plural(uint64(len(t.sample.rows)), "container"), t.flags.sort), tcell.StyleDefault)
	t.line(1, "q quit  "+keyHelp()+"  r reverse", tcell.StyleDefault.Dim(true))
	t.line(2, lines[0], tcell.StyleDefault.Reverse(true))
	for i, text := range slices.Clone(lines[1:])[t.scroll:min(t.scroll+visible, len(lines)-1)] {
		t.line(headerLines+i, text, tcell.StyleDefault)
	}
	t.screen.Show()
}

// line writes a line, as far as it fits.
func (t *topScreen) line(y int, text string, style tcell.Style) {
	width, _ := t.screen.Size()
	x := 0
	for _, r := range text {
		if x >= width {
			return
		}
		t.screen.SetContent(x, y, r, nil, style)
		x++
	}
	if style != tcell.StyleDefault {
		for ; x < width; x++ {
			t.screen.SetContent(x, y, ' ', nil, style)
		}
	}
}
