package guest

import (
	"io"
	"os"
	"strings"
	"time"

	"gpc/harness/complaint"
)

// console follows the log of a guest's console while it is written.
type console struct {
	path   string
	offset int64
	line   string    // the beginning of a line that is not complete
	grown  time.Time // when it was last seen to have grown
	// panicked and complained tell that there is what looks like a panic or a complaint. Programs can print such things, too.
	panicked, complained bool
}

// followConsole begins to follow the log at path.
func followConsole(path string) *console { return &console{path: path, grown: time.Now()} }

// look reads what has been written since the last time.
func (c *console) look() error {
	f, err := os.Open(c.path)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, c.offset, 1<<62))
	if err != nil || len(text) == 0 {
		return err
	}
	c.offset += int64(len(text))
	c.grown = time.Now()
	lines := strings.SplitAfter(c.line+string(text), "\n")
	c.line = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		c.panicked = c.panicked || complaint.IsPanic(line)
		c.complained = c.complained || complaint.Begins(line)
	}
	return nil
}
