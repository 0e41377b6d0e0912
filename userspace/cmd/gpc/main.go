// Gpc shows and changes process containers from the command line.
package main

import (
	"os"

	"gpc/userspace/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
