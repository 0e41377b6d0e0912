package mutants

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gpc/harness/guest"
	"gpc/harness/regress"
)

// Verdict is what has become of a mutant.
type Verdict string

const (
	// Killed is a mutant that its tests have noticed.
	Killed Verdict = "killed"
	// Survived is a mutant that a test has passed with, though it should not have.
	Survived Verdict = "survived"
	// NotC is a generated mutant that the compiler refuses, so it is none.
	NotC Verdict = "does not compile"
	// Failed is a mutant that nothing is known about: it could not be built, or its tests were not run to their end.
	Failed Verdict = "error"
)

// outcomes keeps how tests ended, "pass", "fail" or "skip" by name.
type outcomes map[string]string

func (o outcomes) record(e regress.Event) {
	if e.TopLevel() && e.Ends() {
		o[e.Test] = e.Action
	}
}

// judge returns the verdict on a mutant whose tests have come to the given outcomes in a guest that ended so, and the reason.
func judge(m Mutant, o outcomes, end regress.Ending) (Verdict, string) {
	var panicked *guest.PanicError
	var corrupt *guest.CorruptError
	switch {
	case len(end.NotRun) == len(m.Tests):
		return Failed, "no test has begun" + because(end.Died)
	case errors.As(end.Died, &panicked):
		return judgePanic(m, panicked)
	case errors.As(end.Died, &corrupt) && !m.Panics:
		return Killed, "the kernel complained: " + firstLine(corrupt.Text)
	case end.Died != nil:
		return Failed, end.Died.Error()
	case m.Panics:
		return Survived, "the kernel did not panic"
	}
	verdict, reason := judgeTests(m.Tests, o)
	if verdict != Killed && len(end.Complaints) > 0 {
		return Killed, "the kernel complained: " + firstLine(end.Complaints[0].Text)
	}
	return verdict, reason
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

func judgePanic(m Mutant, panicked *guest.PanicError) (Verdict, string) {
	if m.PanicsIn != "" && !regexp.MustCompile(`\b`+m.PanicsIn+`\b`).MatchString(panicked.Text) {
		return Survived, fmt.Sprintf("the kernel panicked, but not in %s\n%s", m.PanicsIn, panicked.Error())
	}
	if m.PanicsIn != "" {
		return Killed, "panic in " + m.PanicsIn
	}
	return Killed, "panic"
}

// judgeTests is the verdict of the tests alone: each must fail.
func judgeTests(tests []string, o outcomes) (Verdict, string) {
	for _, name := range tests {
		switch o[name] {
		case "fail":
		case "pass":
			return Survived, name + " passed"
		case "skip":
			return Failed, name + " was skipped"
		default:
			return Failed, name + " did not end"
		}
	}
	return Killed, strings.Join(tests, ", ") + " failed"
}

// firstLine returns the first line that says something.
func firstLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.Trim(l, "= -") != "" })
	return strings.TrimSpace(lines[max(i, 0)])
}
