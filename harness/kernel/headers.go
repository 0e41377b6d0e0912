package kernel

import (
	"context"
	"os"
	"path/filepath"

	"gpc/harness/command"
	"gpc/harness/progress"
)

// headersStamp, in a build directory, names the image whose user headers are there.
const headersStamp = ".gpc-headers"

// Headers returns a directory with the kernel's headers for programs, of the architecture that image is for, and makes them first
// where they are not there. With nolibc, in the source tree's tools/include/nolibc, they are enough to build a program.
func (l *Lab) Headers(ctx context.Context, image *Image) (string, error) {
	dir, stamp := filepath.Join(image.Dir, "usr", "include"), filepath.Join(image.Dir, headersStamp)
	key, err := os.ReadFile(filepath.Join(image.Dir, buildStamp))
	if err != nil {
		return "", err
	}
	if stampIs(stamp, string(key)) {
		return dir, nil
	}
	unlock, err := l.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	log, err := l.log(filepath.Base(image.Dir) + "-headers")
	if err != nil {
		return "", err
	}
	step := progress.Start("headers for programs ("+image.Machine.Name+")", 0)
	c := command.Command{Dir: image.Source, Env: l.makeEnv(), Log: log, Line: func(string) { step.Add(1) }}
	err = c.Run(ctx, append(append([]string{"make"}, makeArgs(image.Machine, image.Dir)...), "headers")...)
	step.Done(err)
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(stamp, key, 0o644)
}
