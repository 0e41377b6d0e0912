package initramfs

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"path"
	"path/filepath"
	"strconv"

	"github.com/u-root/gobusybox/src/pkg/bb"
	"github.com/u-root/gobusybox/src/pkg/bb/findpkg"
	"github.com/u-root/gobusybox/src/pkg/golang"
	"github.com/u-root/u-root/pkg/cpio"
	"github.com/u-root/uio/ulog"
)

// commandsFile lists u-root's commands for the guest, as imports.
const commandsFile = "images/commands.go"

// commands returns the import paths of u-root's commands.
func (r recipe) commands() ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(r.root, commandsFile), nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, spec := range file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", commandsFile, err)
		}
		paths = append(paths, p)
	}
	return paths, nil
}

// urootKey changes whenever the archive of u-root's commands would.
func (r recipe) urootKey() (string, error) {
	return hashFiles(r.root, r.goVersion(), commandsFile, "go.mod", "go.sum", "harness/initramfs/uroot.go")
}

// buildURoot writes the archive of u-root's commands: one binary, and a link to it for each command.
func (r recipe) buildURoot(ctx context.Context, w io.Writer) error {
	paths, err := r.commands()
	if err != nil {
		return err
	}
	if err := r.generateURoot(paths); err != nil {
		return err
	}
	binary := filepath.Join(r.work, "bb")
	err = r.goBuild(ctx, filepath.Join(r.work, "src/bb.u-root.com/bb"), binary,
		[]string{"GO111MODULE=off", "GOPATH=" + r.work, "GOFLAGS="}, ".")
	if err != nil {
		return err
	}
	var records []cpio.Record
	for _, p := range paths {
		records = append(records, cpio.Symlink("bin/"+path.Base(p), "bb"))
	}
	bb, err := program("bin/bb", binary)
	if err != nil {
		return err
	}
	return writeArchive(w, append(records, bb))
}

// generateURoot writes the source of the one binary, a GOPATH workspace, to the work directory. Compiling it is left to goBuild:
// gobusybox would recompile the whole standard library each time.
func (r recipe) generateURoot(commands []string) error {
	return bb.BuildBusybox(ulog.Null, &bb.Opts{
		Env:          golang.Default(golang.DisableCGO(), golang.WithGOARCH(r.machine.GOARCH), golang.WithWorkingDir(r.root)),
		LookupEnv:    &findpkg.Env{},
		GenSrcDir:    r.work,
		CommandPaths: commands,
		GenerateOnly: true,
	})
}
