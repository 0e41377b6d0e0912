package doctest

import (
	"fmt"
	"os"
	"path/filepath"
)

// Texts returns the documents below root that one of the patterns matches, by their path from there. A pattern that matches none is an error:
// no document is forgotten because it has been moved.
func Texts(root string, patterns ...string) (map[string]string, error) {
	texts := map[string]string{}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		if len(paths) == 0 {
			return nil, fmt.Errorf("no document is called %s", pattern)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return nil, err
			}
			texts[name] = string(text)
		}
	}
	return texts, nil
}
