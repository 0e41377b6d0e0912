package generate

import (
	"regexp"
	"strings"
)

// span is a part of a text, from its first byte to the one behind its last.
type span struct{ begin, end int }

func (s span) of(text string) string { return text[s.begin:s.end] }

// blank returns the text with comments, strings, characters and lines for the preprocessor overwritten with spaces: what is left is code, and
// every byte of it is where it was.
func blank(text string) string {
	out := []byte(text)
	wipe := func(begin, end int) {
		for i := begin; i < end; i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
	}
	lineBegins := true // nothing but white space in this line so far
	for i := 0; i < len(text); {
		end := i + 1
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "/*"):
			end = after(text, i+2, "*/")
			wipe(i, end)
		case strings.HasPrefix(text[i:], "//"):
			end = lineEnd(text, i)
			wipe(i, end)
		case c == '#' && lineBegins:
			end = directiveEnd(text, i)
			wipe(i, end)
		case c == '"' || c == '\'':
			end = literalEnd(text, i)
			wipe(i+1, end-1) // the quotes stay: something is there
			lineBegins = false
		case c == '\n':
			lineBegins = true
		case c != ' ' && c != '\t':
			lineBegins = false
		}
		i = end
	}
	return string(out)
}

// after returns where, from a place in the text on, the mark has ended.
func after(text string, from int, mark string) int {
	if i := strings.Index(text[from:], mark); i >= 0 {
		return from + i + len(mark)
	}
	return len(text)
}

func lineEnd(text string, from int) int {
	if i := strings.IndexByte(text[from:], '\n'); i >= 0 {
		return from + i
	}
	return len(text)
}

// directiveEnd returns where a line for the preprocessor ends, with those that continue it.
func directiveEnd(text string, from int) int {
	for {
		end := lineEnd(text, from)
		if end == len(text) || text[end-1] != '\\' {
			return end
		}
		from = end + 1
	}
}

func literalEnd(text string, from int) int {
	for i := from + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case text[from]:
			return i + 1
		}
	}
	return len(text)
}

// bodies returns what is between the braces of each function: those whose first one begins a line, after parameters or what is said of the function's locks.
func bodies(code string) []span {
	var all []span
	for i := 0; i < len(code); i++ {
		if code[i] != '{' {
			continue
		}
		end := closing(code, i)
		if (i == 0 || code[i-1] == '\n') && strings.HasSuffix(strings.TrimSpace(code[:i]), ")") {
			all = append(all, span{i + 1, end - 1})
		}
		i = end - 1
	}
	return all
}

// closing returns the place behind the bracket that belongs to the one at a place.
func closing(code string, at int) int {
	depth := 0
	for i := at; i < len(code); i++ {
		switch code[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(code)
}

// found is what a body has: what stands in the brackets of an if or a while, what stands in those of other loops, and statements that end with a
// semicolon, without it.
type found struct{ conditions, loops, statements []span }

var (
	word  = regexp.MustCompile(`^\w+`)
	label = regexp.MustCompile(`^(?:case\b[^:;{}]*|\w+\s*):`)
)

// read walks through the body of a function.
func read(code string, body span) found {
	var f found
	for i := body.begin; i < body.end; {
		rest := code[i:body.end]
		name := word.FindString(rest)
		switch {
		case name == "" && strings.ContainsAny(rest[:1], " \t\n{};"):
			i++
		case name == "else" || name == "do":
			i += len(name)
		case label.MatchString(rest):
			i += len(label.FindString(rest))
		default:
			if head := headEnd(code, name, i+len(name), body.end); name != "" && head > 0 {
				brackets := span{i + strings.IndexByte(rest, '(') + 1, head - 1}
				switch name {
				case "if", "while":
					f.conditions = append(f.conditions, brackets)
				case "for":
					f.loops = append(f.loops, brackets)
				}
				i = head
				continue
			}
			end := statementEnd(code, i, body.end)
			f.statements = append(f.statements, span{i, end})
			i = end
		}
	}
	return f
}

// headEnd returns the place behind the brackets after a name, where another statement follows them: that of an if, a loop, or a macro that is one. It
// returns 0 for other names. The while of a do has a semicolon behind it, and is a head all the same.
func headEnd(code, name string, at, end int) int {
	for at < end && (code[at] == ' ' || code[at] == '\n' || code[at] == '\t') {
		at++
	}
	if at == end || code[at] != '(' {
		return 0
	}
	head := closing(code, at)
	next := strings.TrimLeft(code[head:end], " \t\n")
	if next == "" {
		return 0
	}
	if c := next[0]; c == '{' || c == '*' || c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
		return head
	}
	if name == "if" || name == "while" || name == "for" {
		return head
	}
	return 0
}

// statementEnd returns the place of the semicolon that ends a statement.
func statementEnd(code string, at, end int) int {
	for at < end && code[at] != ';' {
		switch code[at] {
		case '(', '[', '{':
			at = closing(code, at)
		default:
			at++
		}
	}
	return min(at, end)
}
