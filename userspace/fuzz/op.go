package fuzz

import (
	"fmt"
	"strconv"
	"strings"
)

// Op is one step of a sequence: a verb and what it is about. It is written as text, verb first, words that would be read wrongly quoted as
// in Go; so a sequence can be printed, shortened and repeated without the seed that it came from.
//
// Files and directories are named POINT/PATH, where POINT is one of the places where hierarchies are mounted; tasks have names of their own,
// "me" is the tester.
//
//	mount POINT OPTIONS      remount POINT OPTIONS      umount POINT
//	mkdir DIR                rmdir DIR                  rename OLD NEW
//	write FILE TEXT          in one write(2), by the tester
//	move FILE TASK           write the task's number to a file tasks or procs
//	enter FILE TASK          the task itself writes 0 to it
//	fork PARENT CHILD        thread PROCESS NEW         drop PROCESS (its privileges)
//	exec PROCESS             exit THREAD (alone)        end PROCESS    reap PROCESS
type Op struct {
	Verb string
	Args []string
}

// arguments is how many arguments each verb has.
var arguments = map[string]int{
	"mount": 2, "remount": 2, "umount": 1,
	"mkdir": 1, "rmdir": 1, "rename": 2,
	"write": 2, "move": 2, "enter": 2,
	"fork": 2, "thread": 2, "drop": 1, "exec": 1, "exit": 1, "end": 1, "reap": 1,
}

func op(verb string, args ...string) Op { return Op{verb, args} }

// String returns the step as Parse reads it.
func (o Op) String() string {
	words := []string{o.Verb}
	for _, a := range o.Args {
		if a == "" || strings.ContainsFunc(a, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == ';' || r == '\'' || r == '\\' }) {
			a = strconv.Quote(a)
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// Format returns a sequence as one line.
func Format(ops []Op) string {
	var texts []string
	for _, o := range ops {
		texts = append(texts, o.String())
	}
	return strings.Join(texts, "; ")
}

// Parse reads a sequence: steps with semicolons between.
func Parse(text string) ([]Op, error) {
	var ops []Op
	var words []string
	end := func() error {
		if len(words) == 0 {
			return nil
		}
		n, known := arguments[words[0]]
		switch {
		case !known:
			return fmt.Errorf("there is no step %q", words[0])
		case len(words)-1 != n:
			return fmt.Errorf("%q takes %d arguments and has %d", words[0], n, len(words)-1)
		}
		ops = append(ops, op(words[0], words[1:]...))
		words = nil
		return nil
	}
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		switch rest[0] {
		case ';':
			if err := end(); err != nil {
				return nil, err
			}
			rest = rest[1:]
		case '"':
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, fmt.Errorf("a quoted word has no end: %.40s", rest)
			}
			word, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, err
			}
			words = append(words, word)
			rest = rest[len(quoted):]
		default:
			n := strings.IndexAny(rest, " \t\n;")
			if n < 0 {
				n = len(rest)
			}
			words = append(words, rest[:n])
			rest = rest[n:]
		}
	}
	if err := end(); err != nil {
		return nil, err
	}
	return ops, nil
}
