package series

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// author signs commits of patches that name nobody.
const author = "Generic Process Containers <gpc@localhost>"

// git runs git in a repository of the project's own making, deaf to the user's configuration.
func git(ctx context.Context, dir string, stdin []byte, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"}, args...)...)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Env = append(gitEnviron(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Generic Process Containers", "GIT_AUTHOR_EMAIL=gpc@localhost",
		"GIT_COMMITTER_NAME=Generic Process Containers", "GIT_COMMITTER_EMAIL=gpc@localhost",
		"GIT_AUTHOR_DATE=2007-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2007-01-01T00:00:00Z")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s%s", args[0], err, out, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// gitEnviron is the environment without the variables that point git, when a hook runs us, at the user's repository.
func gitEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") })
}

// commitSteps adds a commit per step to the git work tree dir, whose HEAD is the pristine source as far as the
// series needs it.
func (s *Series) commitSteps(ctx context.Context, dir string) error {
	for _, step := range s.Steps {
		for _, f := range step.Files {
			if err := copyFile(s.FilePath(f), filepath.Join(dir, f)); err != nil {
				return err
			}
		}
		if err := gitApply(dir, s.PatchPath(step)); err != nil {
			return err
		}
		edited, err := patchedFiles(s.PatchPath(step))
		if err != nil {
			return err
		}
		if _, err := git(ctx, dir, nil, append([]string{"add", "--force", "--"}, append(edited, step.Files...)...)...); err != nil {
			return err
		}
		head, err := parseHeader(s.PatchPath(step))
		if err != nil {
			return err
		}
		if _, err := git(ctx, dir, []byte(head.message()), "commit", "--quiet", "--author", head.from, "--file", "-"); err != nil {
			return err
		}
	}
	return nil
}

// header is the commit that a patch carries.
type header struct{ from, subject, body string }

func (h header) message() string { return h.subject + "\n\n" + h.body }

// parseHeader reads what stands above a patch's "---" line: From:, Subject:, a blank line, the text.
func parseHeader(patch string) (header, error) {
	text, err := os.ReadFile(patch)
	if err != nil {
		return header{}, err
	}
	top, _, ok := strings.Cut(string(text), "\n---\n")
	if !ok {
		return header{}, fmt.Errorf("%s has no line '---' between its message and its edits", filepath.Base(patch))
	}
	fields, body, _ := strings.Cut(top, "\n\n")
	h := header{from: author, body: strings.TrimSpace(body) + "\n"}
	for _, line := range strings.Split(fields, "\n") {
		if v, ok := strings.CutPrefix(line, "From: "); ok {
			h.from = v
		}
		if v, ok := strings.CutPrefix(line, "Subject: "); ok {
			h.subject = strings.TrimSpace(strings.TrimPrefix(v, "[PATCH]"))
		}
	}
	if h.subject == "" || h.body == "\n" {
		return header{}, fmt.Errorf("%s needs a 'Subject:' and a text that says why", filepath.Base(patch))
	}
	return h, nil
}

// Export writes the complete series, new files included, to dir as one mail per step, and returns their paths in
// order. What was in dir before is deleted.
func (s *Series) Export(ctx context.Context, pristine, dir string) ([]string, error) {
	work, err := os.MkdirTemp("", "gpc-export-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	if err := s.smallRepository(ctx, pristine, work); err != nil {
		return nil, err
	}
	if err := s.commitSteps(ctx, work); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if _, err := git(ctx, work, nil, "format-patch", "--quiet", "--no-signature", "--output-directory", dir,
		fmt.Sprintf("HEAD~%d", len(s.Steps))); err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(dir, "*.patch"))
}

// smallRepository makes a git repository with just those pristine files that the series edits.
func (s *Series) smallRepository(ctx context.Context, pristine, dir string) error {
	if _, err := git(ctx, dir, nil, "init", "--quiet"); err != nil {
		return err
	}
	for _, step := range s.Steps {
		edited, err := patchedFiles(s.PatchPath(step))
		if err != nil {
			return err
		}
		for _, f := range edited {
			if err := copyFile(filepath.Join(pristine, f), filepath.Join(dir, f)); err != nil {
				return err
			}
		}
	}
	if _, err := git(ctx, dir, nil, "add", "--force", "."); err != nil {
		return err
	}
	_, err := git(ctx, dir, nil, "commit", "--quiet", "--allow-empty", "--message", "The pristine source")
	return err
}

// Apply makes dir, a fresh copy of the pristine tree, a git repository with one commit per step, for people to edit
// and for Refresh to read back.
func (s *Series) Apply(ctx context.Context, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
		return fmt.Errorf("%s is a git repository already: refresh from it, or delete it", dir)
	}
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"add", "--force", "."},
		{"commit", "--quiet", "--message", "The pristine source"},
		{"tag", pristineTag},
	} {
		if _, err := git(ctx, dir, nil, args...); err != nil {
			return err
		}
	}
	return s.commitSteps(ctx, dir)
}

// pristineTag marks, in a tree made by Apply, the commit below the series.
const pristineTag = "gpc-pristine"

// Refresh rewrites the series in its directory from the commits above the pristine one in the git tree dir: each
// becomes a step, its edits to existing files a patch, its new files real files.
func (s *Series) Refresh(ctx context.Context, dir string) error {
	list, err := git(ctx, dir, nil, "rev-list", "--reverse", pristineTag+"..HEAD")
	if err != nil {
		return fmt.Errorf("%s is not a tree that 'gpclab series apply' made: %w", dir, err)
	}
	if dirty, err := git(ctx, dir, nil, "status", "--porcelain"); err != nil || dirty != "" {
		return errors.Join(err, fmt.Errorf("%s has changes in no commit: commit them first, for example with 'git commit --amend'", dir))
	}
	fresh := map[string][]byte{}
	var order strings.Builder
	order.WriteString("# The series in order: a patch, and the new files that its step brings (paths below files/).\n")
	for n, commit := range strings.Fields(list) {
		if err := refreshStep(ctx, dir, commit, n+1, fresh, &order); err != nil {
			return err
		}
	}
	fresh["series"] = []byte(order.String())
	return s.replaceBy(fresh)
}

// refreshStep adds one commit to what the series' directory will hold.
func refreshStep(ctx context.Context, dir, commit string, n int, fresh map[string][]byte, order *strings.Builder) error {
	added, err := git(ctx, dir, nil, "diff-tree", "-r", "--no-commit-id", "--name-only", "--diff-filter=A", commit)
	if err != nil {
		return err
	}
	changed, err := git(ctx, dir, nil, "diff-tree", "-r", "--no-commit-id", "--name-only", commit)
	if err != nil {
		return err
	}
	var edits []string
	for _, f := range strings.Fields(changed) {
		if _, err := git(ctx, dir, nil, "cat-file", "-e", pristineTag+":"+f); err == nil {
			edits = append(edits, f)
			continue
		}
		// A new file is kept as it is in the end, whichever commits changed it.
		text, err := git(ctx, dir, nil, "show", "HEAD:"+f)
		if err != nil {
			return err
		}
		fresh[filepath.Join("files", f)] = []byte(text + "\n")
	}
	if len(edits) == 0 {
		return fmt.Errorf("commit %.12s edits no existing file: each step needs at least one edit", commit)
	}
	message, err := git(ctx, dir, nil, "show", "--no-patch", "--format=From: %an <%ae>%nSubject: [PATCH] %s%n%n%b", commit)
	if err != nil {
		return err
	}
	diff, err := git(ctx, dir, nil, append([]string{"show", "--format=", "--no-color", commit, "--"}, edits...)...)
	if err != nil {
		return err
	}
	name, err := git(ctx, dir, nil, "show", "--no-patch", "--format=%f", commit)
	if err != nil {
		return err
	}
	name = fmt.Sprintf("%04d-%s.patch", n, name)
	fresh[name] = []byte(message + "\n\n---\n" + diff + "\n")
	fmt.Fprintln(order, strings.TrimSpace(name+" "+strings.Join(strings.Fields(added), " ")))
	return nil
}

// replaceBy makes the series' directory hold just the given files, its README left alone.
func (s *Series) replaceBy(fresh map[string][]byte) error {
	var old []string
	for _, step := range s.Steps {
		old = append(old, step.Patch)
		for _, f := range step.Files {
			old = append(old, filepath.Join("files", f))
		}
	}
	for name, text := range fresh {
		if err := writeFile(filepath.Join(s.Dir, name), text); err != nil {
			return err
		}
	}
	for _, name := range old {
		if _, kept := fresh[name]; !kept {
			if err := os.Remove(filepath.Join(s.Dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckMails lets git am apply exported mails to the pristine files that they touch, and compares the result with
// what the series makes of them.
func (s *Series) CheckMails(ctx context.Context, pristine string, mails []string) error {
	work, err := os.MkdirTemp("", "gpc-am-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := s.smallRepository(ctx, pristine, work); err != nil {
		return err
	}
	if _, err := git(ctx, work, nil, append([]string{"am", "--quiet"}, mails...)...); err != nil {
		return err
	}
	want, err := os.MkdirTemp("", "gpc-series-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(want)
	files, err := s.apply(pristine, want, nil)
	if err != nil {
		return err
	}
	for _, f := range files {
		a, err := os.ReadFile(filepath.Join(work, f))
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(want, f))
		if err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			return fmt.Errorf("after git am, %s is not what the series makes of it", f)
		}
	}
	return nil
}
