package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
)

// shown returns the lines that a screen shows.
func shown(s tcell.SimulationScreen) []string {
	cells, width, height := s.GetContents()
	var lines []string
	for y := range height {
		var b strings.Builder
		for _, cell := range cells[y*width : (y+1)*width] {
			b.WriteString(string(cell.Runes))
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

func TestTopScreen(t *testing.T) {
	screen := tcell.NewSimulationScreen("UTF-8")
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	defer screen.Fini()
	screen.SetSize(80, 8)
	s := &sample{at: time.Now()}
	for i := range 20 {
		row := sampleRow{identity: identity{Hierarchy: "name=x", Path: fmt.Sprintf("/c%02d", i)}, TasksBelow: i}
		s.rows = append(s.rows, row)
	}
	s.rows[3].Path = "/\x1b[2Jevil"
	top := &topScreen{screen: screen, flags: topFlags{sort: "tasks"}, sample: s}
	top.draw()
	lines := shown(screen)
	if !strings.Contains(lines[0], "20 containers, sorted by tasks") || !strings.HasSuffix(lines[2], "CONTAINER") || !strings.HasSuffix(lines[3], "/c19") {
		t.Errorf("shown\n%s", strings.Join(lines, "\n"))
	}
	press := func(key tcell.Key, r rune) bool {
		quit := top.handle(tcell.NewEventKey(key, r, tcell.ModNone))
		top.draw()
		lines = shown(screen)
		return quit
	}
	press(tcell.KeyDown, 0)
	if !strings.HasSuffix(lines[3], "/c18") {
		t.Errorf("after an arrow\n%s", strings.Join(lines, "\n"))
	}
	press(tcell.KeyEnd, 0)
	if !strings.HasSuffix(lines[7], "/c00") {
		t.Errorf("at the end\n%s", strings.Join(lines, "\n"))
	}
	press(tcell.KeyHome, 0)
	press(tcell.KeyRune, 'p')
	if top.flags.sort != "path" || !strings.HasSuffix(lines[3], `/\x1b[2Jevil`) {
		t.Errorf("sorted by path\n%s", strings.Join(lines, "\n"))
	}
	press(tcell.KeyRune, 'r')
	if !strings.HasSuffix(lines[3], "/c19") {
		t.Errorf("the other way round\n%s", strings.Join(lines, "\n"))
	}
	// A terminal too small for anything is no reason to fail.
	for _, size := range [][2]int{{1, 1}, {3, 2}, {80, 3}} {
		screen.SetSize(size[0], size[1])
		press(tcell.KeyPgDn, 0)
	}
	if !press(tcell.KeyRune, 'q') || !press(tcell.KeyCtrlC, 0) || !top.handle(nil) {
		t.Error("it does not end when the user wants it to")
	}
}
