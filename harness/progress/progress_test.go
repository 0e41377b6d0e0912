package progress

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// said returns what f writes to standard error, which is no terminal then.
func said(t *testing.T, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = w
	defer func() { os.Stderr = stderr }()
	f()
	w.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPlainStep(t *testing.T) {
	text := said(t, func() {
		s := Start("sort the mail", 10)
		s.Add(3) // too soon after the start to be worth a line
		s.said = time.Now().Add(-plainInterval)
		s.Add(1)
		s.said = time.Now().Add(-plainInterval)
		s.Add(100)
		s.Done(nil)
	})
	want := "sort the mail ...\nsort the mail ... 40 %\nsort the mail ... 90 %\nsort the mail: done in 0s\n"
	if text != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

func TestFailedStep(t *testing.T) {
	text := said(t, func() { Start("sort the mail", 0).Done(errors.New("no mail")) })
	if !strings.HasPrefix(text, "sort the mail ...\nsort the mail: failed after ") || strings.Contains(text, "no mail") {
		t.Errorf("got %q", text)
	}
}
