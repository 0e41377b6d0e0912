package fuzz

import (
	"fmt"
	"slices"
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
//	own PATH OWNER           of a file, or of a directory and its files, by the tester; OWNER is root or user
//	mode PATH OCTAL          of a file or a directory
//	fork PARENT CHILD        thread PROCESS NEW         drop PROCESS (its privileges)
//	set PARAMETER TEXT       of numtasks
//	cpu NUMBER on|off        ask TASK CPUS              to run on these, by sched_setaffinity(2)
//
// What the tester does is done by an ordinary user, the one that a process becomes which drops its privileges, where "user" stands in front.
//
//	clone PARENT CHILD       unshare PROCESS            with a new namespace, of host names
//	exec PROCESS             exit THREAD (alone)        end PROCESS    reap PROCESS
type Op struct {
	Verb string
	Args []string
	User bool
}

// arguments is how many arguments each verb has.
var arguments = map[string]int{
	"mount": 2, "remount": 2, "umount": 1,
	"mkdir": 1, "rmdir": 1, "rename": 2,
	"write": 2, "move": 2, "enter": 2,
	"own": 2, "mode": 2, "set": 2, "cpu": 2, "ask": 2,
	"clone": 2, "unshare": 1,
	"fork": 2, "thread": 2, "drop": 1, "exec": 1, "exit": 1, "end": 1, "reap": 1,
}

// byUser are the verbs of what an ordinary user tries.
var byUser = []string{"mount", "remount", "umount", "mkdir", "rmdir", "rename", "write", "move"}

func op(verb string, args ...string) Op { return Op{Verb: verb, Args: args} }

// String returns the step as Parse reads it.
func (o Op) String() string {
	words := []string{o.Verb}
	if o.User {
		words = []string{"user", o.Verb}
	}
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
		user := words[0] == "user" && len(words) > 1
		if user {
			words = words[1:]
		}
		n, known := arguments[words[0]]
		switch {
		case !known:
			return fmt.Errorf("there is no step %q", words[0])
		case len(words)-1 != n:
			return fmt.Errorf("%q takes %d arguments and has %d", words[0], n, len(words)-1)
		case user && !slices.Contains(byUser, words[0]):
			return fmt.Errorf("no user does %q", words[0])
		}
		ops = append(ops, Op{words[0], words[1:], user})
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
