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

// skeleton is what the guest's root has besides programs.
func skeleton() []cpio.Record {
	return []cpio.Record{
		cpio.Directory("bin", 0o755),
		cpio.Directory("dev", 0o755),
		cpio.CharDev("dev/console", 0o600, 5, 1),
		cpio.Directory("etc", 0o755),
		cpio.StaticFile("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", 0o644),
		cpio.StaticFile("etc/group", "root:x:0:\nnogroup:x:65534:\n", 0o644),
		cpio.Directory("proc", 0o755),
		cpio.Directory("root", 0o700),
		cpio.Symlink("sbin", "bin"),
		cpio.Directory("sys", 0o755),
		cpio.Directory("tmp", 0o777|cpio.S_ISVTX),
	}
}

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

// busyboxKey changes whenever the archive of u-root's commands would.
func (r recipe) busyboxKey() (string, error) {
	return hashFiles(r.root, r.goVersion(), commandsFile, "go.mod", "go.sum", "harness/initramfs/busybox.go")
}

// buildBusybox writes the archive of u-root's commands: one binary, and a link to it for each command.
func (r recipe) buildBusybox(ctx context.Context, w io.Writer) error {
	paths, err := r.commands()
	if err != nil {
		return err
	}
	if err := r.generateBusybox(paths); err != nil {
		return err
	}
	binary := filepath.Join(r.work, "bb")
	err = r.goBuild(ctx, filepath.Join(r.work, "src/bb.u-root.com/bb"), binary,
		[]string{"GO111MODULE=off", "GOPATH=" + r.work, "GOFLAGS="}, ".")
	if err != nil {
		return err
	}
	records := skeleton()
	for _, p := range paths {
		records = append(records, cpio.Symlink("bin/"+path.Base(p), "bb"))
	}
	bb, err := program("bin/bb", binary)
	if err != nil {
		return err
	}
	return writeArchive(w, append(records, bb))
}

// generateBusybox writes the source of the one binary, a GOPATH workspace, to the work directory. Compiling it is left to goBuild:
// gobusybox would recompile the whole standard library each time.
func (r recipe) generateBusybox(commands []string) error {
	return bb.BuildBusybox(ulog.Null, &bb.Opts{
		Env:          golang.Default(golang.DisableCGO(), golang.WithGOARCH(r.machine.GOARCH), golang.WithWorkingDir(r.root)),
		LookupEnv:    &findpkg.Env{},
		GenSrcDir:    r.work,
		CommandPaths: commands,
		GenerateOnly: true,
	})
}
