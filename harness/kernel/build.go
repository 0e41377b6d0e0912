package kernel

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"gpc/harness/command"
	"gpc/harness/kconfig"
	"gpc/harness/machine"
	"gpc/harness/progress"
	"gpc/harness/series"
)

const (
	// buildStamp, in a build directory, names the inputs of the image that is there.
	buildStamp = ".gpc-build"
	// configStamp names the inputs of the configuration.
	configStamp = ".gpc-config"
	// objectCount holds the number of steps of the last whole build; for progress.
	objectCount = ".gpc-objects"
	// usualObjects stands for it in a first build.
	usualObjects = 1400
)

// Build is Kernel for a flavor as it is.
func (l *Lab) Build(ctx context.Context, m *machine.Machine, f Flavor) (*Image, error) {
	return l.Kernel(ctx, m, Spec{Flavor: f})
}

// Tree is a kernel tree with edits: a series and, after it, further patches.
type Tree struct {
	// Name distinguishes the tree and its builds: "pristine", "patched", what MutantTree returns, or another.
	Name   string
	Series *series.Series
	Extra  []string
}

// BuildTree is Build for a tree of its own.
func (l *Lab) BuildTree(ctx context.Context, t Tree, m *machine.Machine, f Flavor) (*Image, error) {
	return l.build(ctx, t, m, Spec{Flavor: f})
}

// build makes the kernel of a tree that is configured as s says, unless it is there.
func (l *Lab) build(ctx context.Context, t Tree, m *machine.Machine, s Spec) (*Image, error) {
	b, err := l.plan(ctx, t, m, s, s.fragments(m))
	if err != nil {
		return nil, err
	}
	if b.done() {
		return b.image() // no need to wait for others who build
	}
	unlock, err := l.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if !b.done() {
		if err := b.make(ctx); err != nil {
			return nil, fmt.Errorf("building the %s kernel for %s: %w", s.Name(), m.Name, err)
		}
	}
	return b.image()
}

// build is one kernel to be built.
type build struct {
	lab      *Lab
	tree     Tree
	machine  *machine.Machine
	spec     Spec
	source   source
	compiler string
	key      string // identifies the inputs of the image
	dir      string

	fragments []string // the names of those that are merged
	fragment  []byte   // all that is merged
}

// plan says what is to be built: a tree on a machine, configured by the named fragments and the options of s.
func (l *Lab) plan(ctx context.Context, t Tree, m *machine.Machine, s Spec, fragments []string) (*build, error) {
	if err := s.Flavor.On(m); err != nil {
		return nil, err
	}
	b := &build{lab: l, tree: t, machine: m, spec: s, fragments: fragments}
	name := m.Name + "-" + string(s.Flavor)
	if t.Name != "pristine" && t.Name != "patched" {
		name += "-" + t.Name
	}
	for _, fragment := range s.More {
		name += "-" + fragment
	}
	if len(s.Config) > 0 {
		files, err := absolute(s.Config)
		if err != nil {
			return nil, err
		}
		name += "-config-" + identify(files...)
	}
	b.dir = filepath.Join(l.home(t.Name), "kernel", name)

	var err error
	if b.source, err = findSource(); err != nil {
		return nil, err
	}
	if b.fragment, err = l.fragment(fragments, m.Name, s.Config); err != nil {
		return nil, err
	}
	edits, err := t.Series.Hash(t.Extra...)
	if err != nil {
		return nil, err
	}
	compiler, err := exec.CommandContext(ctx, m.CrossCompile+"gcc", "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("the compiler %sgcc does not run: install the packages that 'make help' names: %w", m.CrossCompile, err)
	}
	b.compiler = string(compiler)
	b.key = sum(append([]string{b.source.id, string(b.fragment), b.compiler, edits}, s.Flavor.makeArgs()...)...)
	return b, nil
}

func sum(parts ...string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(parts, "\x00"))))
}

// configKey identifies the inputs of the configuration: unlike the image, it does not change with each edited file.
func (b *build) configKey() (string, error) {
	parts := []string{b.source.id, string(b.fragment), b.compiler}
	tree := b.lab.tree(b.tree.Name)
	edited, err := series.Edited(tree)
	if err != nil {
		return "", err
	}
	for _, f := range edited {
		if strings.HasPrefix(filepath.Base(f), "Kconfig") {
			text, err := os.ReadFile(filepath.Join(tree, f))
			if err != nil {
				return "", err
			}
			parts = append(parts, f, string(text))
		}
	}
	return sum(parts...), nil
}

func stampIs(file, key string) bool {
	have, err := os.ReadFile(file)
	return err == nil && string(have) == key
}

func (b *build) imagePath() string { return filepath.Join(b.dir, b.machine.Image) }

func (b *build) done() bool {
	_, err := os.Stat(b.imagePath())
	return err == nil && stampIs(filepath.Join(b.dir, buildStamp), b.key)
}

func (b *build) image() (*Image, error) {
	version, err := release(b.dir)
	if err != nil {
		return nil, err
	}
	return &Image{Machine: b.machine, Flavor: b.spec.Flavor, Name: b.spec.Name(), Path: b.imagePath(), Dir: b.dir,
		Config: filepath.Join(b.dir, ".config"), Symbols: filepath.Join(b.dir, "System.map"), Source: b.lab.tree(b.tree.Name), Release: version}, nil
}

func (b *build) make(ctx context.Context) error {
	if err := b.prepareTree(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(b.dir, buildStamp)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := b.configure(ctx); err != nil {
		return err
	}
	if err := b.compile(ctx); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir, buildStamp), []byte(b.key), 0o644)
}

func (b *build) prepareTree(ctx context.Context) error {
	pristine, err := b.lab.unpack(ctx, b.source, "pristine")
	if err != nil || b.tree.Name == "pristine" {
		return err
	}
	tree, err := b.lab.unpack(ctx, b.source, b.tree.Name)
	if err != nil {
		return err
	}
	return b.tree.Series.Materialize(pristine, tree, b.tree.Extra...)
}

// makeArgs are the arguments of make that all work on a machine's kernel in the build directory dir has in common.
func makeArgs(m *machine.Machine, dir string) []string {
	args := []string{"O=" + dir, "ARCH=" + m.KernelArch, "CC=ccache " + m.CrossCompile + "gcc", "-j" + strconv.Itoa(runtime.NumCPU())}
	if m.CrossCompile != "" {
		args = append(args, "CROSS_COMPILE="+m.CrossCompile)
	}
	return args
}

// makeEnv is the whole environment for it.
func (l *Lab) makeEnv() []string {
	return command.Cached(l.root, "KBUILD_BUILD_VERSION=1", "KBUILD_BUILD_TIMESTAMP=2007-01-01", "KBUILD_BUILD_USER=gpc", "KBUILD_BUILD_HOST=gpc")
}

func (b *build) runMake(ctx context.Context, what string, line func(string), args ...string) error {
	log, err := b.lab.log(filepath.Base(b.dir) + "-" + what)
	if err != nil {
		return err
	}
	c := command.Command{Dir: b.lab.tree(b.tree.Name), Env: b.lab.makeEnv(), Log: log, Line: line}
	all := slices.Concat([]string{"make"}, makeArgs(b.machine, b.dir), b.spec.Flavor.makeArgs(), args)
	return c.Run(ctx, all...)
}

func (b *build) configure(ctx context.Context) error {
	stamp := filepath.Join(b.dir, configStamp)
	config := filepath.Join(b.dir, ".config")
	key, err := b.configKey()
	if err != nil {
		return err
	}
	if _, err := os.Stat(config); err == nil && stampIs(stamp, key) {
		return nil
	}
	fragment := filepath.Join(b.dir, ".gpc-fragment")
	if err := os.WriteFile(fragment, b.fragment, 0o644); err != nil {
		return err
	}
	if err := b.runMake(ctx, "config", nil, "KCONFIG_ALLCONFIG="+fragment, "allnoconfig"); err != nil {
		return err
	}
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	if err := b.verify(text); err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(key), 0o644)
}

var objectLine = regexp.MustCompile(`^  [A-Z]+ `)

func (b *build) compile(ctx context.Context) error {
	counter := filepath.Join(b.dir, objectCount)
	total := usualObjects
	if text, err := os.ReadFile(counter); err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			total = n
		}
	}
	targets, err := b.targets()
	if err != nil {
		return err
	}
	step := progress.Start(fmt.Sprintf("build the %s kernel for %s", b.spec.Name(), b.machine.Name), total)
	count := 0
	err = b.runMake(ctx, "build", func(line string) {
		if objectLine.MatchString(line) {
			count++
			step.Add(1)
		}
	}, targets...)
	step.Done(err)
	if err == nil && count > total/2 {
		err = os.WriteFile(counter, []byte(strconv.Itoa(count)), 0o644)
	}
	return err
}

// targets are what make is to make: the image, and gdb's commands for kernels if they were asked for.
func (b *build) targets() ([]string, error) {
	config, err := os.ReadFile(filepath.Join(b.dir, ".config"))
	targets := []string{b.machine.Target}
	if kconfig.Value(config, "CONFIG_GDB_SCRIPTS") == "y" {
		targets = append(targets, "scripts_gdb")
	}
	return targets, err
}
