package regress

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

// printed is what a test binary prints with -test.v=test2json, cut off in the middle of a test.
const printed = "\x16=== RUN   TestOne\n" +
	"    one_test.go:3: a word\n" +
	"\x16--- PASS: TestOne (0.25s)\n" +
	"\x16=== RUN   TestTwo\n" +
	"\x16=== RUN   TestTwo/sub\n"

func TestConvert(t *testing.T) {
	var got []string
	err := convert(context.Background(), "pkg", strings.NewReader(printed), func(e Event) {
		if e.Test != "" && (e.Action == "run" || e.Ends()) {
			got = append(got, e.Action+" "+e.Test)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "run TestOne,pass TestOne,run TestTwo,run TestTwo/sub"
	if all := strings.Join(got, ","); all != want && !strings.HasPrefix(all, want+",") {
		t.Errorf("got %s, want %s", all, want)
	}
}

// An event must come when its line is there, not when the output ends.
func TestConvertStreams(t *testing.T) {
	text, output := io.Pipe()
	begun := make(chan bool)
	done := make(chan error, 1)
	go func() {
		done <- convert(context.Background(), "pkg", text, func(e Event) {
			if e.Test == "TestOne" && e.Action == "run" {
				close(begun)
			}
		})
	}()
	if _, err := io.WriteString(output, "\x16=== RUN   TestOne\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	output.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestWriteJUnit(t *testing.T) {
	var r Recorder
	for _, e := range []Event{
		{Action: "run", Package: "x/y", Test: "A"}, {Action: "pass", Package: "x/y", Test: "A", Elapsed: 1.5},
		{Action: "run", Package: "x/y", Test: "B"}, {Action: "output", Package: "x/y", Test: "B", Output: "went wrong\n"},
		{Action: "fail", Package: "x/y", Test: "B"},
	} {
		r.Record(e)
	}
	var xml bytes.Buffer
	if err := r.WriteJUnit(&xml); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`tests="2"`, `failures="1"`, `name="x/y"`, `name="A"`, `time="1.500"`, "went wrong"} {
		if !strings.Contains(xml.String(), want) {
			t.Errorf("%s is not in\n%s", want, xml.String())
		}
	}
}
