package initramfs

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/u-root/u-root/pkg/cpio"
)

// programsDir holds the project's guest programs, a directory each.
const programsDir = "userspace/cmd"

// initProgram is the program that the kernel starts.
const initProgram = "guestagent"

// programsKey changes whenever a source changes that could end up in a guest program.
func (r recipe) programsKey() (string, error) {
	sources := []string{"go.mod", "go.sum"}
	for _, dir := range []string{"userspace", "harness"} {
		err := filepath.WalkDir(filepath.Join(r.root, dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				name, err := filepath.Rel(r.root, path)
				if err != nil {
					return err
				}
				sources = append(sources, name)
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return hashFiles(r.root, r.goVersion(), sources...)
}

// buildPrograms writes the archive of the project's programs.
func (r recipe) buildPrograms(ctx context.Context, w io.Writer) error {
	bin := filepath.Join(r.work, "bin")
	if err := os.MkdirAll(bin, 0o777); err != nil {
		return err
	}
	if err := r.goBuild(ctx, r.root, bin+"/", nil, "./"+programsDir+"/..."); err != nil {
		return err
	}
	built, err := os.ReadDir(bin)
	if err != nil {
		return err
	}
	records := []cpio.Record{
		cpio.Directory("bin", 0o755),
		cpio.Symlink("init", "bin/"+initProgram),
		cpio.Symlink("bin/cpuset_release_agent", "container_release_agent"), // the name that mounts of type cpuset set by themselves
	}
	for _, entry := range built {
		record, err := program("bin/"+entry.Name(), filepath.Join(bin, entry.Name()))
		if err != nil {
			return err
		}
		records = append(records, record)
	}
	return writeArchive(w, records)
}
