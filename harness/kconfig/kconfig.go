// Package kconfig compares configurations of Kconfig, which the kernel has and busybox too, with what was asked for.
package kconfig

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	set   = regexp.MustCompile(`^(CONFIG_\w+)=(.*)$`)
	unset = regexp.MustCompile(`^# (CONFIG_\w+) is not set$`)
	// value is one that Kconfig writes itself: y, m or n, a number, or a text in quotes.
	value = regexp.MustCompile(`^([ymn]|-?[0-9]+|0[xX][0-9a-fA-F]+|".*")?$`)
)

// Value returns the value of a symbol in a configuration, n where it is not set.
func Value(config []byte, name string) string {
	if value, ok := symbols(config)[name]; ok {
		return value
	}
	return "n"
}

// symbols reads the values of a configuration; the last of several counts, and one that is not set has the value n.
func symbols(config []byte) map[string]string {
	values := map[string]string{}
	for _, line := range strings.Split(string(config), "\n") {
		line = strings.TrimSpace(line)
		if m := set.FindStringSubmatch(line); m != nil {
			values[m[1]] = m[2]
		} else if m := unset.FindStringSubmatch(line); m != nil {
			values[m[1]] = "n"
		}
	}
	return values
}

// Set returns the name of the symbol that a line of a configuration gives a value.
func Set(line string) (name string, ok bool) {
	m := set.FindStringSubmatch(line)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// Has tells whether a configuration gives a symbol a value.
func Has(config []byte, name string) bool {
	_, ok := symbols(config)[name]
	return ok
}

// Nonsense returns the number of the first line that is neither empty, nor a comment, nor gives a symbol a value and nothing else, as a
// comment behind it; 0 if there is none.
func Nonsense(config []byte) int {
	for n, line := range strings.Split(string(config), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if m := set.FindStringSubmatch(line); m == nil || !value.MatchString(m[2]) {
			return n + 1
		}
	}
	return 0
}

// Trim returns a configuration whose lines have nothing around them: Kconfig passes over those that begin with a blank.
func Trim(config []byte) []byte {
	var lines []string
	for _, line := range strings.Split(string(config), "\n") {
		lines = append(lines, strings.TrimSpace(line))
	}
	return []byte(strings.Join(lines, "\n"))
}

// Option is a symbol that has not the value that was asked for.
type Option struct{ Name, Want, Got string }

// String says what is wrong with the symbol.
func (o Option) String() string { return fmt.Sprintf("%s is %s, not %s", o.Name, o.Got, o.Want) }

// DroppedError has the symbols that a configuration should have had otherwise.
type DroppedError struct{ Options []Option }

// Error names them.
func (e *DroppedError) Error() string {
	var lines []string
	for _, o := range e.Options {
		lines = append(lines, o.String())
	}
	return "the configuration is not as images/ asks (does a symbol lack what it depends on?):\n" + strings.Join(lines, "\n")
}

// Verify returns a *DroppedError with each symbol which has not the value in config that the fragment asks for: Kconfig
// drops silently what depends on something that is off.
func Verify(fragment, config []byte) error {
	have := symbols(config)
	var wrong []Option
	for name, want := range symbols(fragment) {
		got, ok := have[name]
		if !ok {
			got = "n"
		}
		if got != want {
			wrong = append(wrong, Option{name, want, got})
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.SortFunc(wrong, func(a, b Option) int { return strings.Compare(a.Name, b.Name) })
	return &DroppedError{wrong}
}
