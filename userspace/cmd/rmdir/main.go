// Rmdir removes empty directories, as POSIX describes it. Containers are directories that only rmdir(2) removes, and u-root's shell
// commands have none that calls it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run removes the directories that args name, and returns the exit status: 1 if one could not be removed, 2 for wrong usage.
func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("rmdir", flag.ContinueOnError)
	flags.SetOutput(stderr)
	parents := flags.Bool("p", false, "remove the directories above in DIR's path too, from the last to the first")
	flags.Usage = func() {
		fmt.Fprint(stderr, "Usage: rmdir [-p] DIR...\n\nRemove directories, which must be empty.\n\n")
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() == 0:
		flags.Usage()
		return 2
	}
	status := 0
	for _, dir := range flags.Args() {
		if err := remove(dir, *parents); err != nil {
			fmt.Fprintln(stderr, "rmdir:", err)
			status = 1
		}
	}
	return status
}

// remove removes a directory and, where parents is set, those above it in its path, up to the first that cannot be removed.
func remove(dir string, parents bool) error {
	if err := unix.Rmdir(dir); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	above := filepath.Dir(filepath.Clean(dir))
	if !parents || above == "." || above == "/" {
		return nil
	}
	return remove(above, parents)
}
