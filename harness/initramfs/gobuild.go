package initramfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
)

// goVersion names the compiler and what it compiles for.
func (r recipe) goVersion() string { return runtime.Version() + " " + r.machine.GOARCH }

// goBuild compiles packages in dir for the guest, static and small, to output (a directory if it ends in a slash).
func (r recipe) goBuild(ctx context.Context, dir, output string, env []string, packages ...string) error {
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", output}, packages...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = slices.Concat(os.Environ(), r.machine.GoEnv(), env)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("go build: %w\n%s", err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

// hashFiles returns a key for salt and the names and contents of files below root.
func hashFiles(root, salt string, names ...string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, salt)
	for _, name := range names {
		f, err := os.Open(filepath.Join(root, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, name)
		n, err := io.Copy(h, f)
		f.Close()
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, n)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
