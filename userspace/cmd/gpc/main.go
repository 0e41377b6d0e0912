// Gpc shows and changes process containers from the command line.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{
		Use:   "gpc",
		Short: "Show and change process containers",
		Long: `gpc shows and changes process containers: named groups of tasks, which are directories of a mounted filesystem of type "container".

A CONTAINER is such a directory, for example /dev/container/jobs.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(listCommand(), treeCommand(), showCommand(), psCommand(), whereCommand(),
		createCommand(), removeCommand(), attachCommand(), execCommand())
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "gpc:", err)
		os.Exit(1)
	}
}
