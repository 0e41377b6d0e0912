// Package generate makes mutants of C code: copies of a file with one place changed, as a slip of the hand would have it. It knows as much of C as
// the kernel's style leaves to be known: comments, strings, lines for the preprocessor, bodies of functions, and where statements begin and end.
package generate

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Kind is what is done to the code.
type Kind string

const (
	// Statement leaves out a call, an assignment, or a jump.
	Statement Kind = "statement"
	// Unlock leaves out one of a pair: what takes or drops a lock or a reference.
	Unlock Kind = "unlock"
	// Condition negates that of an if or a while.
	Condition Kind = "condition"
	// Logic takes && for ||, or the other way round.
	Logic Kind = "logic"
	// Bound is off by one: < for <=, or a 1 that is not added or taken away.
	Bound Kind = "bound"
	// Return has success for an error, or false for true.
	Return Kind = "return"
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Statement, Unlock, Condition, Logic, Bound, Return} }

// Mutant is one change of one file.
type Mutant struct {
	// File is the path of the file in the kernel's tree, and Line the line of the change, counted from 1.
	File string
	Line int
	Kind Kind
	// Begins is the line where the statement with the change begins: compilers count it as a whole.
	Begins int
	// Offset is where, in bytes, Old stands, which New takes the place of.
	Offset   int
	Old, New string
	// Text is the line, without the white space around it.
	Text string
}

// Name names the mutant among those of its tree, and is fit for a file's name.
func (m Mutant) Name() string {
	return fmt.Sprintf("%s-%d-%s", strings.ReplaceAll(strings.TrimPrefix(m.File, "kernel/"), "/", "-"), m.Offset, m.Kind)
}

// String tells where and what the mutant is.
func (m Mutant) String() string {
	s := fmt.Sprintf("%s:%d: %s: %s -> %s", m.File, m.Line, m.Kind, oneLine(m.Old), cmp.Or(oneLine(m.New), "nothing"))
	if m.Kind == Logic || m.Kind == Bound {
		s += " in " + m.Text // of several in a line, the first or not: the patch tells
	}
	return s
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Apply returns the mutant of a file's text.
func (m Mutant) Apply(text string) string {
	return text[:m.Offset] + m.New + text[m.Offset+len(m.Old):]
}

// Mutants returns all mutants of a file, in the order of their places.
func Mutants(file, text string) []Mutant {
	m := maker{file: file, text: text, code: blank(text)}
	for _, body := range bodies(m.code) {
		f := read(m.code, body)
		for _, c := range f.conditions {
			m.condition(c)
		}
		for _, l := range f.loops {
			m.within(l)
		}
		for _, s := range f.statements {
			m.statement(s)
		}
	}
	slices.SortFunc(m.made, func(a, b Mutant) int { return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Kind, b.Kind)) })
	return m.made
}

type maker struct {
	file, text, code string
	made             []Mutant
}

func (m *maker) add(kind Kind, within, at span, replacement string) {
	line := func(offset int) int { return 1 + strings.Count(m.text[:offset], "\n") }
	begin := strings.LastIndexByte(m.text[:at.begin], '\n') + 1
	m.made = append(m.made, Mutant{File: m.file, Line: line(at.begin), Kind: kind, Begins: line(within.begin), Offset: at.begin,
		Old: at.of(m.text), New: replacement, Text: strings.TrimSpace(m.text[begin:lineEnd(m.text, at.begin)])})
}

var (
	// untouched are assertions and messages: who leaves one out breaks no promise.
	untouched = regexp.MustCompile(`\b(?:WARN\w*|BUG\w*|BUILD_BUG\w*|lockdep_\w+|might_\w+|assert_\w+|\w+_assert\w*|ASSERT_\w+|RCU_LOCKDEP_WARN|` +
		`static_assert|pr_\w+|printk\w*|cond_resched\w*|cpu_relax|kunit_\w+|H?LIST_HEAD|DE(?:FINE|CLARE)_\w+)\s*\(`)
	// idle are calls that do nothing on machines of 64 bits.
	idle = regexp.MustCompile(`^u64_stats_update_\w+\(`)
	// place is something that can be assigned to.
	place      = `\*?\w+(?:(?:->|\.)\w+|\[[^\]=]*\])*`
	assignment = regexp.MustCompile(`(?s)^` + place + `\s*(?:[-+|&^*/%]|<<|>>)?=[^=].*$`)
	counting   = regexp.MustCompile(`^(?:(?:\+\+|--)` + place + `|` + place + `(?:\+\+|--))$`)
	call       = regexp.MustCompile(`^\w+\(`)
	jump       = regexp.MustCompile(`^(?:continue|break|goto\s+\w+)$`)
	returns    = regexp.MustCompile(`(?s)^return\s+(.*)$`)
	// paired are the names of what has a counterpart.
	paired = regexp.MustCompile(`^(?:\w*lock(?:_\w+)?|\w+_(?:get|put)(?:_\w+)?|\w+_(?:begin|end)(?:_\w+)?|(?:get|put)_\w+|(?:up|down)_(?:read|write)\w*|` +
		`(?:preempt|migrate)_(?:en|dis)able\w*|local_irq_\w+|complete(?:_all)?)\(`)
	failure   = regexp.MustCompile(`^(?:-E[A-Z0-9]+|ret|err|error|PTR_ERR\(\w+\))$`)
	less      = regexp.MustCompile(`(<=|>=|<|>)`)
	one       = regexp.MustCompile(`\s[-+] 1\b`)
	connected = regexp.MustCompile(`&&|\|\|`)
)

// condition makes the mutants of what stands in the brackets of an if or a while.
func (m *maker) condition(at span) {
	if untouched.MatchString(at.of(m.code)) {
		return
	}
	m.add(Condition, at, at, "!("+at.of(m.text)+")")
	m.within(at)
}

// statement makes those of a statement without brackets of its own.
func (m *maker) statement(at span) {
	code := strings.TrimRight(at.of(m.code), " \t\n")
	at.end = at.begin + len(code)
	if untouched.MatchString(code) || idle.MatchString(code) {
		return
	}
	switch value := returns.FindStringSubmatch(code); {
	case value != nil:
		m.returned(at, span{at.end - len(value[1]), at.end})
	case call.MatchString(code) && closing(code, strings.IndexByte(code, '(')) == len(code):
		kind := Statement
		if paired.MatchString(code) {
			kind = Unlock
		}
		m.add(kind, at, at, "")
	case assignment.MatchString(code), counting.MatchString(code), jump.MatchString(code):
		m.add(Statement, at, at, "")
	}
	m.within(at)
}

// returned makes those of what a function returns.
func (m *maker) returned(statement, value span) {
	switch text := value.of(m.code); {
	case text == "true":
		m.add(Return, statement, value, "false")
	case text == "false":
		m.add(Return, statement, value, "true")
	case failure.MatchString(text):
		m.add(Return, statement, value, "0")
	}
}

// within makes the mutants of operators.
func (m *maker) within(at span) {
	code := at.of(m.code)
	other := map[string]string{"<": "<=", "<=": "<", ">": ">=", ">=": ">", "&&": "||", "||": "&&"}
	for _, i := range less.FindAllStringIndex(code, -1) {
		if op := code[i[0]:i[1]]; lone(code, i[0], i[1]) {
			m.add(Bound, at, span{at.begin + i[0], at.begin + i[1]}, other[op])
		}
	}
	for _, i := range one.FindAllStringIndex(code, -1) {
		m.add(Bound, at, span{at.begin + i[0], at.begin + i[1]}, "")
	}
	for _, i := range connected.FindAllStringIndex(code, -1) {
		m.add(Logic, at, span{at.begin + i[0], at.begin + i[1]}, other[code[i[0]:i[1]]])
	}
}

// lone tells whether what looks like an operator that compares stands by itself: it is no part of -> or of one that shifts.
func lone(code string, begin, end int) bool {
	return begin > 0 && code[begin-1] == ' ' && end < len(code) && (code[end] == ' ' || code[end] == '\n')
}
