package models

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Litmus is a litmus test in the format of the kernel's memory model, as herd7 reads it.
type Litmus struct {
	// Name is the test's name, and its file's without the ending.
	Name string
	// Result is what herd7 must say: "Never", "Sometimes" or "Always".
	Result string
}

// LoadLitmus reads the litmus tests in a directory, in the order of their names. The errors of all that lack their form come as one.
func LoadLitmus(dir string) ([]Litmus, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.litmus"))
	if err != nil {
		return nil, err
	}
	var all []Litmus
	var problems []error
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		l, err := ParseLitmus(string(text))
		if err == nil && l.Name != strings.TrimSuffix(filepath.Base(path), ".litmus") {
			err = fmt.Errorf("its name is %q", l.Name)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", path, err))
		}
		all = append(all, l)
	}
	return all, errors.Join(problems...)
}

var (
	litmusForm = regexp.MustCompile(`(?s)^C ([\w-]+)\n\n\(\*\n(.*?) \*\)\n\n\{(.*?)\}\n\n(P0\(.*\n\}\n)\nexists \((.*)\)\n$`)
	resultLine = regexp.MustCompile(`(?m)^ \* Result: (Never|Sometimes|Always)$`)
	initial    = regexp.MustCompile(`^(\w+)=\d+$`)
	process    = regexp.MustCompile(`(?s)^P(\d+)\(([^)]*)\)\n\{\n(.*?)\n\}\n$`)
	parameter  = regexp.MustCompile(`^(?:int|atomic_t) \*(\w+)$`)
	register   = regexp.MustCompile(`^int (r\d+);$`)
	statement  = regexp.MustCompile(`^(?:(r\d+) = )?(\w+)\(([^()]*)\);$`)
	number     = regexp.MustCompile(`^\d+$`)
	condition  = regexp.MustCompile(`^(\d+):(r\d+)=\d+$`)
)

// primitives are those of the kernel's memory model that tests use: whether each returns something, and its arguments, where "*" is a
// variable that is dereferenced, "&" a pointer, and "n" a number.
var primitives = map[string]struct {
	returns   bool
	arguments string
}{
	"READ_ONCE":         {true, "*"},
	"WRITE_ONCE":        {false, "*n"},
	"smp_load_acquire":  {true, "&"},
	"smp_store_release": {false, "&n"},
	"smp_store_mb":      {false, "*n"},
	"smp_mb":            {false, ""},
	"smp_rmb":           {false, ""},
	"cmpxchg":           {true, "&nn"},
	"atomic_dec":        {false, "&"},
	"atomic_read":       {true, "&"},
	"rcu_read_lock":     {false, ""},
	"rcu_read_unlock":   {false, ""},
	"synchronize_rcu":   {false, ""},
}

// ParseLitmus reads a litmus test and checks its form: that it says what must come out, that the processes are numbered, that each
// statement is a primitive of the memory model with arguments of the right kind, and that all names are known where they are used. It
// does not know what comes out: only herd7 does.
func ParseLitmus(text string) (Litmus, error) {
	part := litmusForm.FindStringSubmatch(text)
	if part == nil {
		return Litmus{}, errors.New("it is not a name, a comment, the initial values, processes and what exists, with empty lines in between")
	}
	l := Litmus{Name: part[1]}
	result := resultLine.FindStringSubmatch(part[2])
	if result == nil {
		return l, errors.New("the comment has no line 'Result: Never', 'Sometimes' or 'Always'")
	}
	l.Result = result[1]

	shared := map[string]bool{}
	registers := map[string]map[string]bool{}
	for i, p := range splitProcesses(part[4]) {
		known, err := checkProcess(i, p, shared)
		if err != nil {
			return l, fmt.Errorf("process P%d: %w", i, err)
		}
		registers[fmt.Sprint(i)] = known
	}
	for value := range strings.SplitSeq(strings.TrimSpace(part[3]), ";") {
		value = strings.TrimSpace(value)
		if f := initial.FindStringSubmatch(value); value != "" && (f == nil || !shared[f[1]]) {
			return l, fmt.Errorf("%q is no initial value of a variable that a process uses", value)
		}
	}
	for term := range strings.SplitSeq(part[5], ` /\ `) {
		f := condition.FindStringSubmatch(term)
		if f == nil || !registers[f[1]][f[2]] {
			return l, fmt.Errorf("exists: %q is no value of a process's register", term)
		}
	}
	return l, nil
}

// splitProcesses returns the processes of a test, each with the newline that ends it.
func splitProcesses(text string) []string {
	parts := strings.SplitAfter(text, "\n}\n")
	var all []string
	for _, p := range parts {
		if p = strings.TrimPrefix(p, "\n"); p != "" {
			all = append(all, p)
		}
	}
	return all
}

// checkProcess returns the registers of process number i, and adds the variables that it uses to shared.
func checkProcess(i int, text string, shared map[string]bool) (map[string]bool, error) {
	part := process.FindStringSubmatch(text)
	if part == nil || part[1] != fmt.Sprint(i) {
		return nil, errors.New("it has not the form of a process, or another number")
	}
	variables := map[string]bool{}
	for p := range strings.SplitSeq(part[2], ", ") {
		f := parameter.FindStringSubmatch(p)
		if f == nil {
			return nil, fmt.Errorf("%q is no pointer to a variable", p)
		}
		variables[f[1]], shared[f[1]] = true, true
	}
	registers := map[string]bool{}
	for line := range strings.SplitSeq(part[3], "\n") {
		line = strings.TrimPrefix(line, "\t")
		if f := register.FindStringSubmatch(line); f != nil {
			registers[f[1]] = true
		} else if err := checkStatement(line, variables, registers); line != "" && err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
	}
	return registers, nil
}

func checkStatement(line string, variables, registers map[string]bool) error {
	part := statement.FindStringSubmatch(line)
	if part == nil {
		return errors.New("this is no statement of a litmus test")
	}
	p, known := primitives[part[2]]
	switch {
	case !known:
		return fmt.Errorf("%s is not known", part[2])
	case p.returns != (part[1] != ""):
		return fmt.Errorf("%s must be assigned if it returns something, and only then", part[2])
	case p.returns && !registers[part[1]]:
		return fmt.Errorf("register %s is not declared", part[1])
	}
	var arguments []string
	if part[3] != "" {
		arguments = strings.Split(part[3], ", ")
	}
	if len(arguments) != len(p.arguments) {
		return fmt.Errorf("%s takes %d arguments", part[2], len(p.arguments))
	}
	for i, a := range arguments {
		switch p.arguments[i] {
		case '*':
			known = strings.HasPrefix(a, "*") && variables[a[1:]]
		case '&':
			known = variables[a]
		case 'n':
			known = number.MatchString(a)
		}
		if !known {
			return fmt.Errorf("argument %q", a)
		}
	}
	return nil
}
