// Package progress shows people how far a long step has come.
//
// On a terminal a step is one line with a bar; elsewhere it is a plain line at its start, one every half
// minute, and one at its end, so that a log stays short and a watcher still sees life. All of it goes to
// standard error. With V=1 in the environment commands speak for themselves: Verbose tells.
package progress

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// plainInterval is how often a step that takes long says so where there is no terminal.
const plainInterval = 30 * time.Second

// Verbose reports whether the user asked with V=1 to see what commands print.
func Verbose() bool { return os.Getenv("V") == "1" }

// Step is one long piece of work. Its methods may be called from several goroutines.
type Step struct {
	name  string
	total int
	start time.Time

	mu   sync.Mutex
	done int
	said time.Time
	bar  *progressbar.ProgressBar // nil without a terminal
}

// Start announces a step. total is the number of units that Add will count up to, an estimate at worst; 0 means
// that nobody knows. Done must follow.
func Start(name string, total int) *Step {
	s := &Step{name: name, total: total, start: time.Now(), said: time.Now()}
	if !term.IsTerminal(int(os.Stderr.Fd())) || Verbose() {
		fmt.Fprintf(os.Stderr, "%s ...\n", name)
		return s
	}
	limit := total
	if limit == 0 {
		limit = -1
	}
	s.bar = progressbar.NewOptions(limit,
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetDescription(name),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish())
	return s
}

// Add counts n more units as done. More than the total is shown as the total.
func (s *Step) Add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done += n
	if s.total > 0 && s.done >= s.total {
		s.done = s.total - 1 // only Done says that a step is done
	}
	switch {
	case s.bar != nil:
		_ = s.bar.Set(s.done) // a bar that cannot be drawn stops no work
	case time.Since(s.said) >= plainInterval:
		s.said = time.Now()
		fmt.Fprintf(os.Stderr, "%s ... %s\n", s.name, s.howFar())
	}
}

func (s *Step) howFar() string {
	if s.total == 0 {
		return fmt.Sprintf("%d", s.done)
	}
	return fmt.Sprintf("%d %%", 100*s.done/s.total)
}

// Done ends the step; err, if any, is left to the caller to report.
func (s *Step) Done(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := time.Since(s.start).Round(100 * time.Millisecond)
	if s.bar != nil {
		_ = s.bar.Clear()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: failed after %v\n", s.name, took)
		return
	}
	fmt.Fprintf(os.Stderr, "%s: done in %v\n", s.name, took)
}
