package models

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"gpc/harness/command"
)

// Limits of a search. One that reaches either of them is not exhaustive, and so proves nothing.
const (
	depth  = 100000 // steps in one order
	memory = 3500   // MB
)

// Verdict is what has become of a search.
type Verdict string

const (
	// Holds is a scene in which nothing can go wrong.
	Holds Verdict = "holds"
	// Found is a broken step that shows.
	Found Verdict = "found"
	// Wrong is a scene in which something goes wrong.
	Wrong Verdict = "wrong"
	// Missed is a broken step that nothing shows.
	Missed Verdict = "missed"
	// Failed is a search that nothing is known about: it could not be made, or not to its end.
	Failed Verdict = "error"
)

// Good reports whether the verdict is what it should be.
func (v Verdict) Good() bool { return v == Holds || v == Found }

// Result is how a search ended.
type Result struct {
	Search  Search
	Verdict Verdict
	// Reason says what the verdict rests on.
	Reason string
	Took   time.Duration
}

// Run makes a search in the directory work, which it makes and which keeps what SPIN wrote, the trail of an error among it. Whatever
// goes wrong on the way is a verdict; the error is ctx's.
func Run(ctx context.Context, work string, s Search) (Result, error) {
	r := Result{Search: s}
	begun := time.Now()
	output, err := s.run(ctx, work)
	r.Took = time.Since(begun)
	switch {
	case ctx.Err() != nil:
		return r, ctx.Err()
	case err != nil:
		r.Verdict, r.Reason = Failed, err.Error()
	default:
		r.Verdict, r.Reason = judge(s, output)
	}
	return r, nil
}

// run returns what the search printed.
func (s Search) run(ctx context.Context, work string) (string, error) {
	if err := os.RemoveAll(work); err != nil {
		return "", err
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return "", err
	}
	path, err := filepath.Abs(s.Path)
	if err != nil {
		return "", err
	}
	spin := []string{"spin", "-a", "-DSCENE=" + s.Scene}
	if s.Switch != "" {
		spin = append(spin, s.Switch)
	}
	log := func(name string) string { return filepath.Join(work, name+".log") }
	if err := (command.Command{Dir: work, Log: log("spin")}).Run(ctx, append(spin, path)...); err != nil {
		return "", err
	}
	// Most searches are over long before a compiler that optimizes.
	gcc := []string{"gcc", "-O0", "-w", "-DSAFETY", "-DCOLLAPSE", fmt.Sprintf("-DMEMLIM=%d", memory), "-o", "pan", "pan.c"}
	if err := (command.Command{Dir: work, Log: log("gcc")}).Run(ctx, gcc...); err != nil {
		return "", err
	}
	// What it exits with tells nothing that is not in what it prints.
	pan := []string{filepath.Join(work, "pan"), fmt.Sprintf("-m%d", depth)}
	_ = (command.Command{Dir: work, Log: log("pan")}).Run(ctx, pan...)
	text, err := os.ReadFile(log("pan"))
	return string(text), err
}

var (
	errorsLine = regexp.MustCompile(`(?m)errors: (\d+)$`)
	statesLine = regexp.MustCompile(`(?m)^ *([0-9.e+]+) states, stored`)
	causeLine  = regexp.MustCompile(`(?m)^pan:1: (.*)$`)
	cutLine    = regexp.MustCompile(`(?mi)^.*(?:max search depth too small|search not completed|memory bound|out of memory|reached -DMEMLIM).*$`)
	noErrorOf  = regexp.MustCompile(`^max search depth`)
)

// judge returns the verdict on a search that printed output, and the reason.
func judge(s Search, output string) (Verdict, string) {
	count := errorsLine.FindStringSubmatch(output)
	if count == nil {
		return Failed, "the search did not come to its end: " + strings.TrimSpace(output)
	}
	if cause := causeLine.FindStringSubmatch(output); count[1] != "0" && cause != nil && !noErrorOf.MatchString(cause[1]) {
		if s.Switch != "" {
			return Found, cause[1]
		}
		return Wrong, cause[1]
	}
	if cut := cutLine.FindString(output); cut != "" {
		return Failed, "the search is not exhaustive: " + strings.TrimSpace(cut)
	}
	states := "no"
	if f := statesLine.FindStringSubmatch(output); f != nil {
		states = f[1]
	}
	if s.Switch != "" {
		return Missed, "no error in " + states + " states"
	}
	return Holds, states + " states"
}
