// Package kconfig compares configurations of Kconfig, which the kernel has and busybox too, with what was asked for.
package kconfig

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
)

var (
	set   = regexp.MustCompile(`^(CONFIG_\w+)=(.*)$`)
	unset = regexp.MustCompile(`^# (CONFIG_\w+) is not set$`)
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

// Verify returns an error that names each symbol which has not the value in config that the fragment asks for: Kconfig
// drops silently what depends on something that is off.
func Verify(fragment, config []byte) error {
	have := symbols(config)
	var wrong []string
	for name, want := range symbols(fragment) {
		got, ok := have[name]
		if !ok {
			got = "n"
		}
		if got != want {
			wrong = append(wrong, fmt.Sprintf("%s is %s, not %s", name, got, want))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	sort.Strings(wrong)
	return fmt.Errorf("the configuration is not as images/ asks (does a symbol lack what it depends on?):\n%s", strings.Join(wrong, "\n"))
}
