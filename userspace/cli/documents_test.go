package cli

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"gpc/harness/doctest"
)

// calls matches a call of gpc in a line of text. Those in blocks are typed into a guest by harness/doctest.
var calls = regexp.MustCompile("`(gpc [^`]*)`")

// Every call of gpc that the documents speak of is one that gpc understands.
func TestCallsInDocuments(t *testing.T) {
	found := 0
	texts, err := doctest.Texts("../..", "*.md", "docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range texts {
		for _, call := range calls.FindAllStringSubmatch(text, -1) {
			found++
			if err := understood(strings.Fields(call[1])[1:]); err != nil {
				t.Errorf("%s: %s: %v", path, call[1], err)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d calls are in the documents: they are not found any more", found)
	}
}

// understood returns an error if gpc would call these arguments wrong.
func understood(args []string) error {
	if args[0] == "COMMAND" {
		args[0] = "ls"
	}
	cmd, rest, err := New().Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); errors.Is(err, pflag.ErrHelp) || len(rest) == 0 { // or it is only named
		return nil
	} else if err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}
