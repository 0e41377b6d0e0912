package guest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gpc/harness/complaint"
	"gpc/harness/qemu"
)

// PanicError is a kernel that has panicked.
type PanicError struct {
	// Text is what the kernel said about it, its trace included.
	Text string
	// ConsoleLog is the path of the whole console.
	ConsoleLog string
}

// Error tells what the kernel said.
func (e *PanicError) Error() string {
	return fmt.Sprintf("the kernel panicked; the whole console is in %s\n%s", e.ConsoleLog, e.Text)
}

// CorruptError is a kernel that has found its own memory not to be what it should be. Nothing that it does afterwards says anything.
type CorruptError struct {
	// Text is what the kernel said about it.
	Text string
	// ConsoleLog is the path of the whole console.
	ConsoleLog string
}

// Error tells what the kernel said.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("the kernel's memory is corrupt, so the guest was ended; the whole console is in %s\n%s", e.ConsoleLog, e.Text)
}

// ComplaintError is a kernel that has complained, and gone on.
type ComplaintError struct {
	// Reports are its complaints, at least one.
	Reports []complaint.Report
	// ConsoleLog is the path of the whole console.
	ConsoleLog string
}

// Error tells what the kernel said.
func (e *ComplaintError) Error() string {
	return fmt.Sprintf("the kernel complained; the whole console is in %s\n%s", e.ConsoleLog, complaint.Join(e.Reports))
}

// Complaint returns what the kernel complained of as a *ComplaintError, nil for nothing.
func (r Result) Complaint() error {
	if len(r.Complaints) == 0 {
		return nil
	}
	return &ComplaintError{Reports: r.Complaints, ConsoleLog: r.ConsoleLog}
}

// StuckError is a guest that did not come to its end: it lived longer than it was allowed to, or did not even answer any more.
type StuckError struct {
	// After is the time that it was allowed, or for which it was silent.
	After time.Duration
	// Silent tells that the guest did not answer, or did not come up and said nothing.
	Silent bool
	// Where tells what its processors were at.
	Where string
	// Tail is what the console showed last.
	Tail string
	// ConsoleLog is the path of the whole console.
	ConsoleLog string
}

// Error tells where the guest was, and what the console showed last.
func (e *StuckError) Error() string {
	what := "the guest was not done after"
	if e.Silent {
		what = "the guest hangs: nothing was heard of it for"
	}
	return fmt.Sprintf("%s %v; the whole console is in %s, its last lines are\n%s\nits processors were at\n%s", what, e.After, e.ConsoleLog, e.Tail, e.Where)
}

// EndedError is a guest that ended before its command did.
type EndedError struct {
	// Kind is how: qemu.PoweredOff or qemu.WasReset.
	Kind qemu.EventKind
	// ConsoleLog is the path of the whole console.
	ConsoleLog string
}

// Error tells how the guest ended.
func (e *EndedError) Error() string {
	return fmt.Sprintf("the guest %v before its command had ended; the whole console is in %s", e.Kind, e.ConsoleLog)
}

// OnPurpose says that the guest switched itself off in good order, as it does for a user who types poweroff.
func (e *EndedError) OnPurpose() bool { return e.Kind == qemu.PoweredOff }

// tailLines is how many lines of the console a guest that is stuck shows, contextLines how many before a panic's first report.
const (
	tailLines    = 20
	contextLines = 4
)

// describe completes an error with what is on the console.
func describe(err error, log, console string, found []complaint.Report) error {
	console = strings.ReplaceAll(console, "\r", "")
	var panicked *PanicError
	var corrupt *CorruptError
	var stuck *StuckError
	var ended *EndedError
	switch {
	case errors.As(err, &panicked):
		panicked.ConsoleLog, panicked.Text = log, lastLines(console, tailLines)
		if len(found) > 0 {
			// All that follows the first report may belong to the panic, and what comes just before may say why.
			before, after, _ := strings.Cut(console, found[0].Text)
			panicked.Text = lastLines(before, contextLines) + "\n" + found[0].Text + strings.TrimRight(after, "\n")
		}
	case errors.As(err, &corrupt):
		corrupt.ConsoleLog, corrupt.Text = log, complaint.Join(found)
	case errors.As(err, &stuck):
		stuck.ConsoleLog, stuck.Tail = log, lastLines(console, tailLines)
	case errors.As(err, &ended):
		ended.ConsoleLog = log
	}
	return err
}

// lastLines returns the last n lines of text.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// explain lets all that is told of a kernel's troubles be explained, in one text.
func explain(with func(string) string, err error, found []complaint.Report) {
	var texts []*string
	for i := range found {
		texts = append(texts, &found[i].Text)
	}
	var panicked *PanicError
	var corrupt *CorruptError
	var stuck *StuckError
	switch {
	case errors.As(err, &panicked):
		texts = append(texts, &panicked.Text)
	case errors.As(err, &corrupt):
		texts = append(texts, &corrupt.Text)
	case errors.As(err, &stuck):
		texts = append(texts, &stuck.Tail, &stuck.Where)
	}
	const between = "\x00\n"
	var all []string
	for _, t := range texts {
		all = append(all, *t)
	}
	for i, t := range strings.SplitN(with(strings.Join(all, between)), between, len(texts)) {
		*texts[i] = t
	}
}
