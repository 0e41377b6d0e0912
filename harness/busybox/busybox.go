// Package busybox builds busybox, the guest's shell and a good part of its commands, from Debian's source package: static, for any
// machine, with what images/busybox.config names.
package busybox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"gpc/harness/command"
	"gpc/harness/kconfig"
	"gpc/harness/lockfile"
	"gpc/harness/machine"
	"gpc/harness/progress"
)

// fragmentFile names the commands and how they are to be.
const fragmentFile = "images/busybox.config"

// stampFile, in a build directory, names the inputs of the program that is there.
const stampFile = ".gpc-build"

// usualObjects is about how many steps a build has; for progress.
const usualObjects = 420

// Program is a busybox that was built.
type Program struct {
	// Path is the executable.
	Path string
	// Applets are the names under which it is a command, in order.
	Applets []string
	// Key changes whenever the program may have.
	Key string
}

// Build returns the program for m, and makes all that it needs first: source, configuration, compilation. It returns at once where nothing
// has changed. root is the repository, buildDir where built things are kept. Cancelling ctx stops the work; what is half-made is not
// trusted by the next call.
func Build(ctx context.Context, root, buildDir string, m *machine.Machine) (Program, error) {
	p, err := build(ctx, root, buildDir, m)
	if err != nil {
		return p, fmt.Errorf("busybox for %s: %w", m.Name, err)
	}
	return p, nil
}

func build(ctx context.Context, root, buildDir string, m *machine.Machine) (Program, error) {
	dir := filepath.Join(buildDir, "busybox")
	unlock, err := lockfile.Lock(ctx, filepath.Join(dir, ".lock"))
	if err != nil {
		return Program{}, err
	}
	defer unlock()
	fragment, err := os.ReadFile(filepath.Join(root, fragmentFile))
	if err != nil {
		return Program{}, err
	}
	compiler, err := exec.CommandContext(ctx, m.CrossCompile+"gcc", "--version").Output()
	if err != nil {
		return Program{}, fmt.Errorf("the compiler %sgcc does not run: install the packages that 'make help' names: %w", m.CrossCompile, err)
	}
	src, err := source(ctx, dir, logDir(buildDir))
	if err != nil {
		return Program{}, err
	}
	b := work{root: root, source: src.tree, machine: m, fragment: fragment, dir: filepath.Join(dir, m.Name), logs: logDir(buildDir)}
	key := fmt.Sprintf("%x", sha256.Sum256(bytes.Join([][]byte{[]byte(src.id), fragment, compiler, []byte(recipe)}, []byte{0})))
	if old, err := os.ReadFile(filepath.Join(b.dir, stampFile)); err != nil || string(old) != key {
		if err := b.make(ctx); err != nil {
			return Program{}, err
		}
		if err := os.WriteFile(filepath.Join(b.dir, stampFile), []byte(key), 0o644); err != nil {
			return Program{}, err
		}
	}
	applets, err := b.applets()
	return Program{Path: filepath.Join(b.dir, "busybox"), Applets: applets, Key: key}, err
}

func logDir(buildDir string) string { return filepath.Join(buildDir, "log") }

// recipe is part of the key: to be changed with what the code below asks make for.
const recipe = "1"

// work is one busybox to be built.
type work struct {
	root     string
	source   string
	machine  *machine.Machine
	fragment []byte
	dir      string
	logs     string
}

// make builds busybox anew.
func (w work) make(ctx context.Context) error {
	if err := os.RemoveAll(w.dir); err != nil {
		return err
	}
	for _, dir := range []string{w.dir, w.logs} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	step := progress.Start("build busybox for "+w.machine.Name, usualObjects)
	err := w.configure(ctx)
	if err == nil {
		err = w.run(ctx, "build", func(line string) {
			if objectLine.MatchString(line) {
				step.Add(1)
			}
		}, "", "busybox", "busybox.links")
	}
	step.Done(err)
	return err
}

var objectLine = regexp.MustCompile(`^  [A-Z]+ `)

// configure writes the configuration: what the fragment names, no other command, and busybox's defaults for the rest.
func (w work) configure(ctx context.Context) error {
	if err := w.run(ctx, "config", nil, "", "allnoconfig"); err != nil {
		return err
	}
	path := filepath.Join(w.dir, ".config")
	none, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, merge(none, w.fragment), 0o644); err != nil {
		return err
	}
	// It asks about all that is open now; an empty answer is its default.
	if err := w.run(ctx, "config", nil, "yes '' | ", "oldconfig"); err != nil {
		return err
	}
	config, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return kconfig.Verify(w.fragment, config)
}

// commandOff matches the line of a configuration that switches a command off, and not what belongs to one.
var commandOff = regexp.MustCompile(`^# (CONFIG_\w+) is not set$`)

// merge returns the fragment behind those lines of none, a configuration without anything, that switch off a command which the fragment
// does not name.
func merge(none, fragment []byte) []byte {
	named := map[string]bool{}
	for line := range strings.Lines(string(fragment)) {
		line = strings.TrimSpace(line)
		if name, ok := kconfig.Set(line); ok {
			named[name] = true
		} else if off := commandOff.FindStringSubmatch(line); off != nil {
			named[off[1]] = true
		}
	}
	var merged bytes.Buffer
	for line := range strings.Lines(string(none)) {
		off := commandOff.FindStringSubmatch(strings.TrimSpace(line))
		if off == nil || named[off[1]] || strings.HasPrefix(off[1], "CONFIG_FEATURE_") || strings.HasPrefix(off[1], "CONFIG_ASH_") {
			continue
		}
		merged.WriteString(line)
	}
	merged.Write(fragment)
	return merged.Bytes()
}

// run runs make, behind a pipe if there is one, with the output in the log called what.
func (w work) run(ctx context.Context, what string, line func(string), pipe string, targets ...string) error {
	args := append([]string{"O=" + w.dir, "CROSS_COMPILE=" + w.machine.CrossCompile,
		"CC=ccache " + w.machine.CrossCompile + "gcc", "-j" + strconv.Itoa(runtime.NumCPU())}, targets...)
	c := command.Command{
		Dir:  w.source,
		Env:  command.Cached(w.root, "SOURCE_DATE_EPOCH=1167609600"),
		Log:  filepath.Join(w.logs, "busybox-"+w.machine.Name+"-"+what+".log"),
		Line: line,
	}
	return c.Run(ctx, append([]string{"sh", "-c", pipe + `make "$@"`, "make"}, args...)...)
}

// applets lists the names of the commands. The build leaves a file with their paths.
func (w work) applets() ([]string, error) {
	links, err := os.ReadFile(filepath.Join(w.dir, "busybox.links"))
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(links)) {
		names = append(names, path.Base(strings.TrimSpace(line)))
	}
	if len(names) == 0 {
		return nil, errors.New("the build has no commands")
	}
	return names, nil
}

// exists reports whether there is a file at path.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
