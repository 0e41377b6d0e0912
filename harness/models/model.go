// Package models searches the Promela models in kernel-patches/models: each scene in all orders of its steps, where nothing may go wrong,
// and each scene with one step broken, where something must.
//
// The comment that a model begins with lists, for people and for this package, its scenes, which are chosen by -DSCENE=, and the switches
// that break a step, with the scene in which each must be found:
//
//	1  A task moves while it forks.
//	-DLOOK_ONCE   1  fork does not look again
//
// Litmus tests, which are there for orderings that rest on barriers, are looked at for their form alone: see ParseLitmus.
package models

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Model is a file that SPIN reads.
type Model struct {
	// Name is the file's name without its ending, and Path its path.
	Name, Path string
	// Searches are the scenes, and then the switches, each in its scene.
	Searches []Search
}

// Search is one scene of a model, as it is or with one step broken.
type Search struct {
	// Model is the model's name, and Path its path.
	Model, Path string
	// Scene is the number of the scene.
	Scene string
	// Switch is the option that breaks a step, "" for none.
	Switch string
	// Subject says what happens in the scene, or what is broken.
	Subject string
}

// Name returns what --run looks at: the model, the scene, and the switch if there is one.
func (s Search) Name() string {
	name := s.Model + "/" + s.Scene
	if s.Switch != "" {
		name += "/" + strings.TrimPrefix(s.Switch, "-D")
	}
	return name
}

// Load reads the models in a directory, in the order of their names. The errors of all that are not well described come as one.
func Load(dir string) ([]Model, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.pml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("there is no model in %s", dir)
	}
	var all []Model
	var problems []error
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		m, err := parse(string(text))
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", path, err))
		}
		m.Name, m.Path = strings.TrimSuffix(filepath.Base(path), ".pml"), path
		for i := range m.Searches {
			m.Searches[i].Model, m.Searches[i].Path = m.Name, path
		}
		all = append(all, m)
	}
	return all, errors.Join(problems...)
}

var (
	sceneLine  = regexp.MustCompile(`^ \*\s+(\d+)  (\S.*)$`)
	switchLine = regexp.MustCompile(`^ \*\s+(-D\w+(?:=\d+)?)\s+(\d+)  (\S.*)$`)
	asks       = regexp.MustCompile(`(?m)^#\s*(?:ifdef|ifndef|elif|if)\b(.*)$`)
	defined    = regexp.MustCompile(`(?m)^#\s*define\s+(\w+)`)
	macro      = regexp.MustCompile(`\b[A-Z][A-Z_]*\b`)
)

// parse reads what the comment at a model's beginning lists, and compares it with what the model asks for.
func parse(text string) (Model, error) {
	var m Model
	head, body, found := strings.Cut(text, "*/")
	if !strings.HasPrefix(text, "/*") || !found {
		return m, errors.New("it does not begin with a comment")
	}
	var scenes []string
	var broken []Search
	for line := range strings.Lines(head) {
		line = strings.TrimRight(line, "\n")
		if f := switchLine.FindStringSubmatch(line); f != nil {
			broken = append(broken, Search{Switch: f[1], Scene: f[2], Subject: f[3]})
		} else if f := sceneLine.FindStringSubmatch(line); f != nil {
			scenes = append(scenes, f[1])
			m.Searches = append(m.Searches, Search{Scene: f[1], Subject: f[2]})
		}
	}
	if len(scenes) == 0 || len(broken) == 0 {
		return m, errors.New("the comment at its beginning lists no scene, or no switch: see 'go doc gpc/harness/models'")
	}
	m.Searches = append(m.Searches, broken...)
	return m, errors.Join(checkScenes(scenes, broken), checkSwitches(body, broken))
}

func checkScenes(scenes []string, broken []Search) error {
	for i, s := range scenes {
		if slices.Contains(scenes[:i], s) {
			return fmt.Errorf("scene %s is listed twice", s)
		}
	}
	for _, s := range broken {
		if !slices.Contains(scenes, s.Scene) {
			return fmt.Errorf("%s is to be found in scene %s, which is not listed", s.Switch, s.Scene)
		}
	}
	return nil
}

// checkSwitches returns an error unless the switches that are listed are those that the model's text asks for.
func checkSwitches(body string, broken []Search) error {
	asked := map[string]bool{}
	for _, c := range asks.FindAllStringSubmatch(body, -1) {
		for _, name := range macro.FindAllString(c[1], -1) {
			asked[name] = true
		}
	}
	listed := map[string]bool{}
	for _, d := range defined.FindAllStringSubmatch(body, -1) {
		listed[d[1]] = true
	}
	for _, s := range broken {
		name, _, _ := strings.Cut(strings.TrimPrefix(s.Switch, "-D"), "=")
		listed[name] = true
		if !asked[name] {
			return fmt.Errorf("%s is listed, but nothing in the model asks for it", s.Switch)
		}
	}
	for name := range asked {
		if !listed[name] {
			return fmt.Errorf("the model asks for %s, which is not listed", name)
		}
	}
	return nil
}
