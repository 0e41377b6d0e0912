package lines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"gpc/harness/command"
)

// withLines returns the path of a file that has the code of an object and its lines.
func (c *code) withLines(ctx context.Context, object string) (string, error) {
	if object == "vmlinux" {
		return filepath.Join(c.image.Dir, object), nil
	}
	c.mutex.Lock()
	compile := c.compiled[object]
	if compile == nil {
		out := filepath.Join(c.scratch, fmt.Sprintf("%d.o", len(c.compiled)))
		compile = sync.OnceValues(func() (string, error) { return out, c.compile(ctx, object, out) })
		c.compiled[object] = compile
	}
	c.mutex.Unlock()
	return compile()
}

// compile compiles an object once more, into out, with debug information. If the code is not the same, it is of no use.
func (c *code) compile(ctx context.Context, object, out string) error {
	saved, err := os.ReadFile(filepath.Join(c.image.Dir, filepath.Dir(object), "."+filepath.Base(object)+".cmd"))
	if err != nil {
		return err
	}
	line, err := withDebugInfo(string(saved), object, out)
	if err != nil {
		return err
	}
	compiler := command.Command{Dir: c.image.Dir, Env: command.Environment(), Log: out + ".log"}
	if err := compiler.Run(ctx, "sh", "-c", line); err != nil {
		return err
	}
	return c.sameCode(object, out)
}

// savedCommand matches how a kernel's build notes the command that made an object.
var savedCommand = regexp.MustCompile(`(?m)^(?:saved)?cmd_\S+ := (.*)$`)

// dependencies matches the argument by which a compiler writes down what it has read.
var dependencies = regexp.MustCompile(`-Wp,-MMD,\S+ `)

// withDebugInfo returns the command that compiles an object into another file, with debug information in place of a list of dependencies; what
// follows on the compiler is left out.
func withDebugInfo(saved, object, out string) (string, error) {
	match := savedCommand.FindStringSubmatch(saved)
	if match == nil {
		return "", fmt.Errorf("nothing tells how %s was made", object)
	}
	line, _, _ := strings.Cut(match[1], " ; ")
	line = strings.NewReplacer("$$", "$", `\#`, "#", "$(pound)", "#").Replace(line)
	into := " -c -o " + object + " "
	if !strings.Contains(line, into) {
		return "", fmt.Errorf("%s was not compiled", object)
	}
	line = strings.Replace(line, into, " -g -c -o '"+strings.ReplaceAll(out, "'", `'\''`)+"' ", 1)
	return dependencies.ReplaceAllString(line, ""), nil
}

// sameCode returns an error unless all functions of an object are where they are in the other one. What follows on the compiler may add some.
func (c *code) sameCode(object, other string) error {
	was, err := functionsOf(filepath.Join(c.image.Dir, object))
	if err != nil {
		return err
	}
	is, err := functionsOf(other)
	if err != nil {
		return err
	}
	for name, all := range is {
		for _, s := range all {
			if !slices.Contains(was[name], s) {
				return errors.New(object + " has other code than its source: that was edited after the kernel was built")
			}
		}
	}
	return nil
}
