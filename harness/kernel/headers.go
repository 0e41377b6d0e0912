package kernel

import (
	"context"
	"os"
	"path/filepath"

	"gpc/harness/command"
	"gpc/harness/machine"
	"gpc/harness/progress"
)

// headersStamp, in a directory of headers, names the source that they are from.
const headersStamp = ".gpc-headers"

// Library is what programs are compiled with that have no other library. Both are of the unpatched source.
type Library struct {
	// Headers is a directory with the kernel's headers for programs.
	Headers string
	// Nolibc is the header that is the kernel's own small library.
	Nolibc string
}

// Library returns the library for programs of a machine, and makes it first where it is not there. It takes no kernel, whose build takes
// minutes.
func (l *Lab) Library(ctx context.Context, m *machine.Machine) (Library, error) {
	s, err := findSource()
	if err != nil {
		return Library{}, err
	}
	dir := filepath.Join(l.BuildDir(), "headers", m.Name)
	library := Library{Headers: filepath.Join(dir, "usr", "include"), Nolibc: filepath.Join(l.tree("pristine"), "tools/include/nolibc/nolibc.h")}
	stamp := filepath.Join(dir, headersStamp)
	if l.unpacked(s, "pristine") && stampIs(stamp, s.id) {
		return library, nil
	}
	unlock, err := l.lock(ctx)
	if err != nil {
		return Library{}, err
	}
	defer unlock()
	tree, err := l.unpack(ctx, s, "pristine")
	if err != nil {
		return Library{}, err
	}
	if err := os.RemoveAll(dir); err != nil { // those of another source, or what an interrupt has left
		return Library{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Library{}, err
	}
	log, err := l.log(m.Name + "-headers")
	if err != nil {
		return Library{}, err
	}
	step := progress.Start("headers for programs ("+m.Name+")", 0)
	c := command.Command{Dir: tree, Env: l.makeEnv(), Log: log, Line: func(string) { step.Add(1) }}
	err = c.Run(ctx, append(append([]string{"make"}, makeArgs(m, dir)...), "headers")...)
	step.Done(err)
	if err != nil {
		return Library{}, err
	}
	return library, os.WriteFile(stamp, []byte(s.id), 0o644)
}
