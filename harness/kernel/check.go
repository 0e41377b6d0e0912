package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gpc/harness/command"
	"gpc/harness/kconfig"
	"gpc/harness/machine"
	"gpc/harness/series"
)

// FailedProofs is what the proofs of CheckSeries found.
type FailedProofs struct{ found error }

// Error tells which proofs failed, and why.
func (e *FailedProofs) Error() string { return e.found.Error() }

// CheckSeries proves that the series applies, builds step by step on every machine, is clean, and leaves a kernel
// without containers as it was. It says on standard output how each proof ended, goes on after one that failed, and
// returns what all of them found as *FailedProofs; another error says that they could not be made.
func (l *Lab) CheckSeries(ctx context.Context) error {
	s, pristine, err := l.seriesAndPristine(ctx)
	if err != nil {
		return err
	}
	patches, err := s.Export(ctx, pristine, filepath.Join(l.BuildDir(), "patches"))
	if err != nil {
		return err
	}
	unlock, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()

	c := &check{lab: l, series: s, pristine: pristine, patches: patches}
	var failed error
	for _, proof := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"the series goes through git am", c.mailsApply},
		{"checkpatch.pl --strict finds nothing", c.checkpatch},
		{"each step builds without a warning", c.stepsBuild},
		{"sparse finds nothing", c.sparse},
		{"CONFIG_CONTAINERS=n changes no code", c.codeUnchanged},
	} {
		err := proof.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		result := "ok  "
		if err != nil {
			result = "FAIL"
			failed = errors.Join(failed, fmt.Errorf("%s: %w", proof.name, err))
		}
		fmt.Printf("%s  %s\n", result, proof.name)
	}
	if failed != nil {
		return &FailedProofs{failed}
	}
	return nil
}

// check is one run of the proofs.
type check struct {
	lab      *Lab
	series   *series.Series
	pristine string
	patches  []string // the exported mails
}

// mailsApply lets git am apply the mails to the pristine files that they touch.
func (c *check) mailsApply(ctx context.Context) error {
	return c.series.CheckMails(ctx, c.pristine, c.patches)
}

// checkpatch runs the kernel's own style checker over the mails. It is not asked whose new files are, which the last
// step says in MAINTAINERS, nor about macros that use an argument twice, which all that walk a list must, nor about a line of the log
// that its caller begins and ends.
func (c *check) checkpatch(ctx context.Context) error {
	log, err := c.lab.log("checkpatch")
	if err != nil {
		return err
	}
	argv := []string{"perl", "scripts/checkpatch.pl", "--strict", "--no-summary", "--terse", "--ignore", "FILE_PATH_CHANGES,MACRO_ARG_REUSE,LOGGING_CONTINUATION"}
	if err := (command.Command{Dir: c.pristine, Log: log}).Run(ctx, append(argv, c.patches...)...); err != nil {
		text, readErr := os.ReadFile(log)
		return errors.Join(errors.New(strings.TrimSpace(string(text))), readErr)
	}
	return nil
}

// stepsBuild builds the kernel after each step on every machine, with all of the step's subsystems.
func (c *check) stepsBuild(ctx context.Context) error {
	var failed error
	for n, step := range c.series.Steps {
		for _, m := range machine.All() {
			if err := c.stepBuilds(ctx, n, m); err != nil {
				failed = errors.Join(failed, fmt.Errorf("after %s on %s: %w", step.Patch, m.Name, err))
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return failed
}

func (c *check) stepBuilds(ctx context.Context, n int, m *machine.Machine) error {
	b, err := c.plan(ctx, n, m)
	if err != nil {
		return err
	}
	if err := b.make(ctx); err != nil {
		return err
	}
	if err := b.warnings("build"); err != nil {
		return err
	}
	// Once more with all that the compiler can say: our own files must be beyond reproach.
	if err := b.runMake(ctx, "warnings", nil, append([]string{"W=1"}, ourObjects(b.tree.Series)...)...); err != nil {
		return err
	}
	return b.warnings("warnings")
}

// plan is the build of all that there is after step n.
func (c *check) plan(ctx context.Context, n int, m *machine.Machine) (*build, error) {
	t := Tree{Name: "check", Series: &series.Series{Dir: c.series.Dir, Steps: c.series.Steps[:n+1]}}
	fragments := append(Release.fragments(m.Name), "debug-containers")
	b, err := c.lab.plan(ctx, t, m, Spec{Flavor: Release}, fragments)
	if err != nil {
		return nil, err
	}
	if err := b.prepareTree(ctx); err != nil {
		return nil, err
	}
	b.fragment, err = b.withoutLaterSymbols()
	return b, err
}

// withoutLaterSymbols drops from the fragment the symbols of containers that the tree does not have yet.
func (b *build) withoutLaterSymbols() ([]byte, error) {
	tree := b.lab.tree(b.tree.Name)
	edited, err := series.Edited(tree)
	if err != nil {
		return nil, err
	}
	var known strings.Builder
	for _, f := range edited {
		if strings.HasPrefix(filepath.Base(f), "Kconfig") {
			text, err := os.ReadFile(filepath.Join(tree, f))
			if err != nil {
				return nil, err
			}
			known.Write(text)
		}
	}
	var kept []string
	for _, line := range strings.Split(string(b.fragment), "\n") {
		name, ok := kconfig.Set(line)
		if ok && strings.HasPrefix(name, "CONFIG_CONTAINER") &&
			!strings.Contains(known.String(), "config "+strings.TrimPrefix(name, "CONFIG_")+"\n") {
			continue
		}
		kept = append(kept, line)
	}
	return []byte(strings.Join(kept, "\n")), nil
}

// warnings returns an error with the warnings in the log of a run of make.
func (b *build) warnings(what string) error {
	log, err := b.lab.log(filepath.Base(b.dir) + "-" + what)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(log)
	if err != nil {
		return err
	}
	var found []string
	for _, line := range strings.Split(string(text), "\n") {
		if strings.Contains(line, "warning:") || strings.Contains(line, ": error:") {
			found = append(found, line)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return errors.New(strings.Join(found, "\n"))
}

// ourObjects are the make targets of the series' own C files.
func ourObjects(s *series.Series) []string {
	var targets []string
	for _, step := range s.Steps {
		for _, f := range step.Files {
			if name, ok := strings.CutSuffix(f, ".c"); ok {
				targets = append(targets, name+".o")
			}
		}
	}
	return targets
}

// sparse runs the semantic checker over our files on every machine.
func (c *check) sparse(ctx context.Context) error {
	var failed error
	for _, m := range machine.All() {
		b, err := c.plan(ctx, len(c.series.Steps)-1, m)
		if err != nil {
			return err
		}
		if err := b.runMake(ctx, "sparse", nil, append([]string{"C=2"}, ourObjects(c.series)...)...); err != nil {
			return err
		}
		failed = errors.Join(failed, b.warnings("sparse"))
	}
	return failed
}

// codeUnchanged compares the kernels of all machines, unpatched and patched, both without containers.
func (c *check) codeUnchanged(ctx context.Context) error {
	var failed error
	for _, m := range machine.All() {
		var dirs []string
		for _, t := range []Tree{{Name: "pristine", Series: &series.Series{}}, {Name: unchanged, Series: c.series}} {
			b, err := c.lab.plan(ctx, t, m, Spec{Flavor: Vanilla}, Vanilla.fragments(m.Name))
			if err != nil {
				return err
			}
			if err := b.make(ctx); err != nil {
				return err
			}
			dirs = append(dirs, b.dir)
		}
		if err := sameCode(dirs[0], dirs[1]); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", m.Name, err))
		}
	}
	return failed
}
