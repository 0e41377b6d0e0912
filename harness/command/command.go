// Package command runs programs that build things: their output is of interest only when they fail, and what a user happens to have in
// the environment is none of their business.
package command

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"

	"gpc/harness/progress"
)

// Command is a program to be run.
type Command struct {
	// Dir is the working directory, our own if empty.
	Dir string
	// Env is the environment, as Environment makes it; without it, what Environment has of ours.
	Env []string
	// Log is the path of a file that takes the whole output, anew.
	Log string
	// Line is called for each line of output; it may be nil.
	Line func(line string)
}

// Run runs the program; cancelling ctx ends it and all that it has started. The error of a program that fails ends
// with the lines of its output that look like the reason.
func (c Command) Run(ctx context.Context, argv ...string) error {
	log, err := os.Create(c.Log)
	if err != nil {
		return err
	}
	defer log.Close()

	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	if cmd.Env == nil {
		cmd.Env = Environment()
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	c.follow(io.TeeReader(out, log))
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w\n%s\nthe whole output is in %s", argv[0], err, reason(c.Log), c.Log)
	}
	return nil
}

func (c Command) follow(out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if progress.Verbose() {
			fmt.Fprint(os.Stderr, line)
		}
		if c.Line != nil && line != "" {
			c.Line(line)
		}
		if err != nil {
			return
		}
	}
}

var complaint = regexp.MustCompile(`(?i)\berror\b|^E: |\*\*\*|undefined reference|no space left|cannot `)

// reason picks the lines that say why a program failed from its output, or the last ones where none looks so.
func reason(log string) string {
	const most = 20
	text, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	var picked []string
	for _, l := range lines {
		if complaint.MatchString(l) && len(picked) < most {
			picked = append(picked, l)
		}
	}
	if len(picked) == 0 {
		picked = lines[max(0, len(lines)-most):]
	}
	return strings.Join(picked, "\n")
}
