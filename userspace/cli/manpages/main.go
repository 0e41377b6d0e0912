// Manpages writes the manual pages of gpc, made from its own help, and the completions of the shells.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"gpc/userspace/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: manpages DIR\n\nWrite gpc*.1 to DIR/man1, and completions to DIR/completion.")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "manpages:", err)
		os.Exit(1)
	}
}

// write writes everything below dir.
func write(dir string) error {
	root := cli.New()
	root.DisableAutoGenTag = true
	pages, completions := filepath.Join(dir, "man1"), filepath.Join(dir, "completion")
	for _, d := range []string{pages, completions} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			return err
		}
	}
	if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "gpc", Manual: "Process containers"}, pages); err != nil {
		return err
	}
	return writeCompletions(root, completions)
}

// writeCompletions writes a file for each shell, under the name that the shell looks for.
func writeCompletions(root *cobra.Command, dir string) error {
	for name, write := range map[string]func(string) error{
		"gpc":      func(path string) error { return root.GenBashCompletionFileV2(path, true) },
		"_gpc":     root.GenZshCompletionFile,
		"gpc.fish": func(path string) error { return root.GenFishCompletionFile(path, true) },
	} {
		if err := write(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
