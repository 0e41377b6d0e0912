package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// fragment merges config fragments. Those that belong to an architecture alone need not exist.
func (l *Lab) fragment(names []string, arch string) ([]byte, error) {
	var merged bytes.Buffer
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(l.root, "images", "config", name+".config"))
		if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(name, "-"+arch) {
			continue
		}
		if err != nil {
			return nil, err
		}
		merged.Write(text)
	}
	return merged.Bytes(), nil
}

var (
	symbolSet   = regexp.MustCompile(`^(CONFIG_\w+)=(.*)$`)
	symbolUnset = regexp.MustCompile(`^# (CONFIG_\w+) is not set$`)
)

// symbols reads the values of a configuration; the last of several counts, and one that is not set has the value n.
func symbols(config []byte) map[string]string {
	values := map[string]string{}
	for _, line := range strings.Split(string(config), "\n") {
		if m := symbolSet.FindStringSubmatch(line); m != nil {
			values[m[1]] = m[2]
		} else if m := symbolUnset.FindStringSubmatch(line); m != nil {
			values[m[1]] = "n"
		}
	}
	return values
}

// verifyConfig returns an error that names each symbol which has not the value that the fragment asks for: Kconfig
// drops silently what depends on something that is off.
func verifyConfig(fragment, config []byte) error {
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
	return fmt.Errorf("the kernel cannot be configured as images/config asks (does a symbol lack what it depends on?):\n%s", strings.Join(wrong, "\n"))
}
