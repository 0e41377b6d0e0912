package main

import (
	"bytes"
	"fmt"
	"path"
	"time"

	"gpc/harness/guest"
	"gpc/harness/kernel"
	"gpc/harness/ktap"
	"gpc/harness/regress"
)

// commandReports are reports of the tests that a command in the guest tells of, in the kernel's Test Anything Protocol.
type commandReports struct {
	*testReports
	name    string // what the command is called as a test
	began   time.Time
	parser  ktap.Parser
	partial []byte // the beginning of a line that is not complete
}

// openCommandReports prepares the reports that were asked for, of a command, or of a script if there is none.
func openCommandReports(f reportFlags, argv []string) (*commandReports, error) {
	reports, err := openReports(f)
	if err != nil {
		return nil, err
	}
	name := "script"
	if len(argv) > 0 {
		name = path.Base(argv[0])
	}
	return &commandReports{testReports: reports, name: name, began: time.Now(), parser: ktap.Parser{Now: time.Now}}, nil
}

// Write reads what the command prints.
func (r *commandReports) Write(text []byte) (int, error) {
	n := len(text)
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		r.partial = append(r.partial, line...)
		if !whole {
			return n, nil
		}
		r.parser.Line(string(r.partial))
		r.partial, text = r.partial[:0], rest
	}
}

// end writes the reports of a guest with a kernel that has ended so, and returns an error if they could not be written, or tell of a test that failed: the
// command itself may have succeeded, as kselftest's runner does.
func (r *commandReports) end(image *kernel.Image, result guest.Result, died error) error {
	ending := regress.Ending{Result: result, Died: died, Began: r.began, Took: time.Since(r.began)}
	tests, err := r.tests(image, ending)
	if err != nil {
		return err
	}
	verdict, pkg := new(testVerdict), regress.Name(image)
	for _, t := range regress.Distinct(tests) {
		regress.Report(pkg, "", t, func(e regress.Event) {
			verdict.see(e)
			r.Record(e)
		})
	}
	verdict.end(pkg, nil)
	r.End(image, ending)
	if err := r.write(); err != nil {
		return err
	}
	return verdict.err()
}

// tests returns what the command has told of; the command itself, if it has failed or told of nothing; what the kernel has tested as it booted;
// and Health.
func (r *commandReports) tests(image *kernel.Image, ending regress.Ending) ([]ktap.Test, error) {
	if len(r.partial) > 0 {
		r.parser.Line(string(r.partial))
	}
	tests := r.parser.End()
	command := ktap.Test{Name: r.name, Outcome: ktap.Passed}
	switch {
	case ending.Died != nil:
		command.Outcome, command.Output = ktap.Failed, []string{"did not end"}
	case ending.ExitStatus != 0:
		command.Outcome, command.Output = ktap.Failed, []string{fmt.Sprintf("ended with status %d", ending.ExitStatus)}
	}
	if command.Outcome == ktap.Failed || len(tests) == 0 {
		tests = append(tests, command)
	}
	if kunit, ok, err := regress.KUnitOf(image, ending.Log); err != nil {
		return nil, err
	} else if ok {
		tests = append(tests, kunit)
	}
	health := ktap.Test{Name: regress.Health, Outcome: ktap.Passed}
	if trouble := ending.Trouble(); trouble != nil {
		health.Outcome, health.Output = ktap.Failed, []string{trouble.Error()}
	}
	return append(tests, health), nil
}
