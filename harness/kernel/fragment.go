package kernel

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
