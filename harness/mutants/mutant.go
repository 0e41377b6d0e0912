// Package mutants proves that the in-guest tests can fail: it builds kernels with one promise broken each, and looks whether the test
// that guards the promise notices.
//
// A mutant is a patch in this directory, to be applied after the series. Lines above the patch itself describe it:
//
//	Subject: fork does not look again for a move
//	Arch: x86_64
//	Flavor: debug
//	Killed-by: TestRaceForkAgainstMoves
//	Expect: panic in container_attach
//
// Killed-by names the tests that must fail, each of them, by their whole names; With, if there is such a line, others to be run beside them, whose
// traces they look at. Expect is for a mutant that must bring the kernel
// down: "panic", or "panic in FUNCTION" where the trace has to show that function. Other text is for people.
package mutants

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gpc/harness/kernel"
	"gpc/harness/machine"
	"gpc/harness/regress"
)

// Mutant is a patch that breaks a promise of the kernel's code, and what must notice.
type Mutant struct {
	// Name is the patch's file name without its ending, and Patch its path.
	Name, Patch string
	// Subject says what is broken.
	Subject string
	// Target is the kernel that is patched.
	Target regress.Target
	// Tests are the names of the in-guest tests that must fail, and With of those that are only run.
	Tests, With []string
	// Panics tells that the kernel must panic, with PanicsIn, unless empty, among the functions of the trace.
	Panics   bool
	PanicsIn string
}

// Pattern returns the regular expression, for go test -run, that matches the mutant's tests and no others.
func (m Mutant) Pattern() string {
	return "^(" + strings.Join(slices.Concat(m.Tests, m.With), "|") + ")$"
}

// Load reads the mutants in a directory, in the order of their names. The errors of all that are not well described come as one.
func Load(dir string) ([]Mutant, error) {
	patches, err := filepath.Glob(filepath.Join(dir, "*.patch"))
	if err != nil {
		return nil, err
	}
	var all []Mutant
	var problems []error
	for _, path := range patches {
		m, err := read(path)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", path, err))
		}
		all = append(all, m)
	}
	return all, errors.Join(problems...)
}

func read(path string) (Mutant, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Mutant{}, err
	}
	m, err := parse(string(text))
	m.Name, m.Patch = strings.TrimSuffix(filepath.Base(path), ".patch"), path
	return m, err
}

var (
	headerLine = regexp.MustCompile(`^([A-Z][A-Za-z-]*): *(.*)$`)
	testName   = regexp.MustCompile(`^Test\w+$`)
	panicLine  = regexp.MustCompile(`^panic(?: in (\w+))?$`)
)

// parse reads the lines above a patch.
func parse(text string) (Mutant, error) {
	header := map[string]string{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "diff ") || strings.HasPrefix(line, "--- ") {
			break
		}
		field := headerLine.FindStringSubmatch(strings.TrimSpace(line))
		if field == nil {
			continue
		}
		if _, twice := header[field[1]]; twice {
			return Mutant{}, fmt.Errorf("the line %s: is there twice", field[1])
		}
		header[field[1]] = field[2]
	}
	for _, name := range []string{"Subject", "Arch", "Flavor", "Killed-by"} {
		if header[name] == "" {
			return Mutant{}, fmt.Errorf("above the patch there is no line %s: see 'go doc gpc/harness/mutants' for what a mutant must tell", name)
		}
	}
	m := Mutant{Subject: header["Subject"], Tests: strings.Fields(header["Killed-by"]), With: strings.Fields(header["With"])}
	for _, name := range slices.Concat(m.Tests, m.With) {
		if !testName.MatchString(name) {
			return m, fmt.Errorf("line Killed-by or With: %q is not the name of a test", name)
		}
	}
	if err := m.parseTarget(header["Arch"], header["Flavor"]); err != nil {
		return m, err
	}
	if expect, ok := header["Expect"]; ok {
		match := panicLine.FindStringSubmatch(expect)
		if match == nil {
			return m, fmt.Errorf(`line Expect: %q: only "panic" or "panic in FUNCTION" can be expected`, expect)
		}
		m.Panics, m.PanicsIn = true, match[1]
	}
	return m, nil
}

func (m *Mutant) parseTarget(arch, flavor string) error {
	var err error
	if m.Target.Machine, err = machine.ByName(arch); err != nil {
		return err
	}
	if m.Target.Flavor, err = kernel.ParseFlavor(flavor); err != nil {
		return err
	}
	if !m.Target.Flavor.Patched() {
		return fmt.Errorf("flavor %s has nothing that could be broken", flavor)
	}
	return nil
}
