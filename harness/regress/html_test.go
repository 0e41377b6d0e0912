package regress

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gpc/harness/complaint"
	"gpc/harness/guest"
	"gpc/harness/kernel"
	"gpc/harness/machine"
)

func TestWriteHTML(t *testing.T) {
	console := filepath.Join(t.TempDir(), "console.log")
	if err := os.WriteFile(console, []byte("[    1.0] all of the console\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	chart := filepath.Join(t.TempDir(), "chart.svg")
	if err := os.WriteFile(chart, []byte("<svg/>"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := Recorder{Chart: chart, Coverage: "coverage/index.html"}
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, f := range []string{"debug", "release"} {
		image := &kernel.Image{Machine: machine.All()[0], Name: f, Release: "6.12.1"}
		r.Record(Event{Action: "run", Package: Name(image), Test: "TestA"})
		r.Record(Event{Action: "pass", Package: Name(image), Test: "TestA", Elapsed: 0.5})
		ending := Ending{Result: guest.Result{ConsoleLog: console}, Began: began, Took: 90 * time.Second}
		if f == "debug" {
			r.Record(Event{Action: "output", Package: Name(image), Test: "TestB", Output: "<b>wrong</b>\n"})
			r.Record(Event{Action: "fail", Package: Name(image), Test: "TestB"})
			ending.Complaints = []complaint.Report{{Title: "WARNING: x", Text: "WARNING: x at y"}}
		}
		r.End(image, ending)
		began = began.Add(time.Minute)
	}
	var out strings.Builder
	if err := r.WriteHTML(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 failed", "2 passed", "x86_64/debug", "x86_64/release", "6.12.1", "1m30s", "&lt;b&gt;wrong&lt;/b&gt;", "WARNING: x at y", "500ms",
		"2m30s from", `href="coverage/index.html"`, "data:image/svg&#43;xml;base64,PHN2Zy8&#43;"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if n := strings.Count(out.String(), "all of the console"); n != 1 {
		t.Errorf("the console is there %d times, and in one guest something went wrong", n)
	}
	for _, foreign := range []string{"http://", "https://", "<script"} {
		if strings.Contains(out.String(), foreign) {
			t.Errorf("the page has %q: it must need nothing beside it", foreign)
		}
	}
}
