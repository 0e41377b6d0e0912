package kernel

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

// command is a program whose output is of interest only when it fails.
type command struct {
	dir  string
	env  []string
	log  string            // file that takes the whole output, anew
	line func(line string) // called for each line of output; may be nil
}

// run runs the program; cancelling ctx ends it and all that it has started. The error of a program that fails ends
// with the lines of its output that look like the reason.
func (c command) run(ctx context.Context, argv ...string) error {
	log, err := os.Create(c.log)
	if err != nil {
		return err
	}
	defer log.Close()

	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), c.env...)
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
		return fmt.Errorf("%s: %w\n%s\nthe whole output is in %s", argv[0], err, reason(c.log), c.log)
	}
	return nil
}

func (c command) follow(out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if progress.Verbose() {
			fmt.Fprint(os.Stderr, line)
		}
		if c.line != nil && line != "" {
			c.line(line)
		}
		if err != nil {
			return
		}
	}
}

var complaint = regexp.MustCompile(`(?i)\berror\b|\*\*\*|undefined reference|no space left|cannot `)

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
