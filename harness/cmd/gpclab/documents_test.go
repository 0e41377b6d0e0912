package main

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"gpc/harness/doctest"
)

// What is typed on the host: calls of gpclab, and make's targets in code, blocks of it or between backquotes.
var (
	calls   = regexp.MustCompile("build/gpclab ([a-z-][^`#|\n]*)")
	words   = regexp.MustCompile(`'[^']*'|\S+`)
	targets = regexp.MustCompile("(?m)(?:^    |^\\$ |`|\\| )(?:[A-Z_0-9]+=\\S+ )?make ([a-z][a-z0-9-]*)")
)

// Every call of gpclab and every target that the documents speak of is there.
func TestCommandsInDocuments(t *testing.T) {
	const repository = "../../../"
	makefile, err := os.ReadFile(repository + "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	texts, err := doctest.Texts(repository, "*.md", "docs/*.md", "kernel-patches/*.md", "kernel-patches/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range texts {
		for _, call := range calls.FindAllStringSubmatch(text, -1) {
			found["gpclab"]++
			if err := understood(words.FindAllString(call[1], -1)); err != nil {
				t.Errorf("%s: gpclab %s: %v", path, call[1], err)
			}
		}
		for _, target := range targets.FindAllStringSubmatch(text, -1) {
			found["make"]++
			if !strings.Contains(string(makefile), "\n"+target[1]+":") {
				t.Errorf("%s: make has no target %s", path, target[1])
			}
		}
	}
	if found["gpclab"] < 8 || found["make"] < 10 {
		t.Errorf("only %v are in the documents: they are not found any more", found)
	}
}

// understood returns an error if gpclab would call these arguments wrong.
func understood(args []string) error {
	cmd, rest, err := newRootCommand().Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); errors.Is(err, pflag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if cmd.Args == nil {
		return nil
	}
	return cmd.Args(cmd, cmd.Flags().Args())
}
