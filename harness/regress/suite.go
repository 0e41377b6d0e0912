package regress

import (
	"context"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"gpc/harness/kernel"
	"gpc/harness/machine"
)

// suiteDir is the package of the in-guest tests, and guestProgram what they are called in the guest.
const (
	suiteDir     = "userspace/guesttest"
	guestProgram = "guesttest"
)

// libraryDir is the package of the client library, and libraryProgram what its own tests are called in the guest: one of the in-guest tests runs
// them against the kernel.
const (
	libraryDir     = "userspace/containerfs"
	libraryProgram = "containerfs.test"
)

// tags returns the build tags that choose the tests for a flavor.
func tags(f kernel.Flavor) []string {
	switch {
	case f == kernel.Debug:
		return []string{"guest", "debug"}
	case f.InjectsFailures():
		return []string{"guest", "debug", "nolockdep"}
	}
	return []string{"guest"}
}

// Tests returns the names of the tests that pattern matches, in the order in which they run. The pattern is that of go test -run; only
// the part before its first slash counts. root is the repository's directory.
func Tests(root string, m *machine.Machine, f kernel.Flavor, pattern string) ([]string, error) {
	top, _, _ := strings.Cut(pattern, "/")
	matches, err := regexp.Compile(top)
	if err != nil {
		return nil, fmt.Errorf("%q does not describe names of tests: %w", pattern, err)
	}
	guest := build.Default
	guest.GOOS, guest.GOARCH, guest.CgoEnabled = "linux", m.GOARCH, false
	guest.BuildTags = tags(f)
	pkg, err := guest.ImportDir(filepath.Join(root, suiteDir), 0)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range pkg.TestGoFiles {
		all, err := testsIn(filepath.Join(pkg.Dir, file))
		if err != nil {
			return nil, err
		}
		for _, name := range all {
			if matches.MatchString(name) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// testsIn returns the names of the test functions in a source file.
func testsIn(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != "TestMain" {
			names = append(names, f.Name.Name)
		}
	}
	return names, nil
}

// buildSuite compiles the tests for a guest, into a directory to be laid over its root.
func buildSuite(ctx context.Context, lab *kernel.Lab, m *machine.Machine, f kernel.Flavor) (string, error) {
	dir := filepath.Join(lab.BuildDir(), guestProgram, m.Name+"-"+string(f))
	for program, pkg := range map[string]string{guestProgram: suiteDir, libraryProgram: libraryDir} {
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-trimpath", "-buildvcs=false", "-ldflags=-s -w",
			"-tags", strings.Join(tags(f), ","), "-o", filepath.Join(dir, program), "./"+pkg)
		cmd.Dir = lab.Root()
		cmd.Env = append(os.Environ(), m.GoEnv()...)
		if out, err := cmd.CombinedOutput(); err != nil {
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			return "", fmt.Errorf("building the in-guest tests: %w\n%s", err, out)
		}
	}
	return dir, nil
}
