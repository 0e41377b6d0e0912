package regress

import (
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/gtr"
)

//go:embed report.html
var pageText string

var pageTemplate = template.Must(template.New("report").Parse(pageText))

// page is what the HTML report shows.
type page struct {
	tally
	// Took is the time from the first guest's beginning to the end of the last.
	Took   time.Duration
	Guests []guestPart
	// Chart is the picture itself, as an address that holds it, Measured when it was made; empty for none. Coverage leads to pages.
	Chart    template.URL
	Measured time.Time
	Coverage string
}

// tally counts tests, not their subtests.
type tally struct{ Passed, Failed, Skipped int }

// guestPart is what it shows of one guest.
type guestPart struct {
	tally
	Name, Linux, Trouble string
	Began                time.Time
	Took                 time.Duration
	// Log is the path of the console, Console its text where something went wrong.
	Log, Console string
	Tests        []testPart
}

// testPart is what it shows of a test or a subtest.
type testPart struct {
	Name, Result string
	Indent       int
	Took         time.Duration
	Output       string // of a test that did not pass
}

// WriteHTML writes what has been recorded as a page that needs nothing beside it: which tests ran on which kernel, how long they took, what those
// that failed said, and the console of a guest in which anything went wrong.
func (r *Recorder) WriteHTML(w io.Writer) error {
	p := page{Coverage: r.Coverage}
	if err := p.addChart(r.Chart); err != nil {
		return err
	}
	var first, last time.Time
	for _, s := range r.report.Packages {
		g := describeGuest(s)
		p.Guests = append(p.Guests, g)
		if first.IsZero() || g.Began.Before(first) {
			first = g.Began
		}
		if ended := g.Began.Add(g.Took); ended.After(last) {
			last = ended
		}
		p.Passed, p.Failed, p.Skipped = p.Passed+g.Passed, p.Failed+g.Failed, p.Skipped+g.Skipped
	}
	p.Took = last.Sub(first).Round(time.Second)
	return pageTemplate.Execute(w, p)
}

// addChart adds the picture at a path.
func (p *page) addChart(path string) error {
	if path == "" {
		return nil
	}
	picture, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	p.Chart = template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(picture))
	p.Measured = info.ModTime()
	return nil
}

// describeGuest describes a guest from its record.
func describeGuest(s gtr.Package) guestPart {
	g := guestPart{Name: s.Name, Began: s.Timestamp, Took: s.Duration.Round(100 * time.Millisecond)}
	for _, p := range s.Properties {
		switch p.Name {
		case propertyLinux:
			g.Linux = p.Value
		case propertyConsole:
			g.Log = p.Value
		case propertyTrouble:
			g.Trouble = p.Value
		}
	}
	for _, t := range s.Tests {
		part := testPart{Name: t.Name, Result: strings.ToLower(t.Result.String()), Indent: strings.Count(t.Name, "/"), Took: t.Duration.Round(10 * time.Millisecond)}
		if t.Result != gtr.Pass {
			part.Output = strings.Join(t.Output, "\n")
		}
		g.Tests = append(g.Tests, part)
		if part.Indent == 0 {
			g.count(t.Result)
		}
	}
	if g.Failed > 0 || g.Trouble != "" {
		text, err := os.ReadFile(g.Log)
		if err != nil {
			text = []byte(err.Error()) // the report says why there is no console
		}
		g.Console = strings.ReplaceAll(string(text), "\r", "")
	}
	return g
}

// count counts a test. One without an end is none that passed.
func (t *tally) count(result gtr.Result) {
	switch result {
	case gtr.Pass:
		t.Passed++
	case gtr.Skip:
		t.Skipped++
	default:
		t.Failed++
	}
}
