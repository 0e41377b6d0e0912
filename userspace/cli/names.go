package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gpc/userspace/containerfs"
)

// container returns the container that an argument names. It need not exist.
func container(arg string) (containerfs.Container, error) {
	hierarchy, path, ok := strings.Cut(arg, ":")
	if !ok || strings.Contains(hierarchy, "/") {
		if arg == "" {
			return containerfs.Container{}, usagef("an empty name is no container")
		}
		return containerfs.ByDir(arg)
	}
	if !strings.HasPrefix(path, "/") {
		return containerfs.Container{}, usagef("%q: the path behind the colon begins with a slash, as in %s:/%s", arg, hierarchy, path)
	}
	h, err := hierarchyOf(hierarchy)
	if err != nil {
		return containerfs.Container{}, err
	}
	if c := h.Container(path); filepath.IsLocal(strings.TrimPrefix(c.Path, "/")) || c.IsRoot() {
		return c, nil
	}
	return containerfs.Container{}, fmt.Errorf("%s: %w", arg, containerfs.ErrEscapes)
}

// hierarchyOf returns the hierarchy that words in front of a colon name: subsystems, "name=" and a name, or nothing for the only one.
func hierarchyOf(words string) (containerfs.Hierarchy, error) {
	if words == "" {
		return onlyHierarchy()
	}
	if name, ok := strings.CutPrefix(words, "name="); ok {
		return containerfs.ByName(name)
	}
	var h containerfs.Hierarchy
	for i, subsystem := range strings.Split(words, ",") {
		found, err := containerfs.BySubsystem(subsystem)
		if err != nil {
			return h, err
		}
		if i > 0 && found != h {
			return h, fmt.Errorf("%s: these subsystems are in different hierarchies, at %s and %s", words, h.Dir, found.Dir)
		}
		h = found
	}
	return h, nil
}

// onlyHierarchy returns the hierarchy that is mounted, if it is a single one.
func onlyHierarchy() (containerfs.Hierarchy, error) {
	mounted, err := hierarchies()
	if err != nil {
		return containerfs.Hierarchy{}, err
	}
	switch len(mounted) {
	case 0:
		return containerfs.Hierarchy{}, errNothingMounted
	case 1:
		return containerfs.Hierarchy{Dir: mounted[0].Dir}, nil
	}
	var names []string
	for _, p := range mounted {
		names = append(names, hierarchyName(p.Options))
	}
	return containerfs.Hierarchy{}, fmt.Errorf("several hierarchies are mounted: put one of %s before the colon", strings.Join(names, " or "))
}

var errNothingMounted = errors.New("no hierarchy of containers is mounted; 'gpc mount DIR' mounts one")

// hierarchies returns a mount point of each mounted hierarchy, that of its root.
func hierarchies() ([]containerfs.MountPoint, error) {
	points, err := containerfs.MountPoints()
	if err != nil {
		return nil, err
	}
	var mounted []containerfs.MountPoint
	for _, p := range points {
		known := slices.ContainsFunc(mounted, func(m containerfs.MountPoint) bool {
			return hierarchyName(m.Options) == hierarchyName(p.Options)
		})
		if _, err := containerfs.At(p.Dir); err == nil && !known {
			mounted = append(mounted, p)
		}
	}
	return mounted, nil
}

// hierarchyName is how /proc/PID/container names a hierarchy.
func hierarchyName(o containerfs.Options) string {
	return containerfs.Membership{Subsystems: o.Subsystems, Name: o.Name}.Hierarchy()
}

// identity names a container in every way, for JSON.
type identity struct {
	Hierarchy string `json:"hierarchy"`
	Path      string `json:"path"`
	Dir       string `json:"dir"`
}

func (id identity) String() string { return id.Hierarchy + ":" + id.Path }

// place is a container, and what is known of its hierarchy.
type place struct {
	containerfs.Container
	id         identity
	subsystems []string
}

// places returns the containers that args name; without any, the roots of all mounted hierarchies.
func places(args []string) ([]place, error) {
	var containers []containerfs.Container
	for _, arg := range args {
		c, err := container(arg)
		if err != nil {
			return nil, err
		}
		if !c.Exists() {
			if _, err := c.Children(); err != nil {
				return nil, err
			}
		}
		containers = append(containers, c)
	}
	if len(args) == 0 {
		mounted, err := hierarchies()
		if err != nil {
			return nil, err
		}
		if len(mounted) == 0 {
			return nil, errNothingMounted
		}
		for _, p := range mounted {
			containers = append(containers, containerfs.Hierarchy{Dir: p.Dir}.Root())
		}
	}
	var all []place
	for _, c := range containers {
		o, err := c.Hierarchy.Options()
		if err != nil {
			return nil, err
		}
		all = append(all, place{c, identity{hierarchyName(o), c.Path, c.Dir()}, o.Subsystems})
	}
	return all, nil
}

// at returns the place of another container in the same hierarchy.
func (p place) at(c containerfs.Container) place {
	return place{c, identity{p.id.Hierarchy, c.Path, c.Dir()}, p.subsystems}
}

// below returns the place and all places below it, parents first.
func (p place) below() ([]place, error) {
	var all []place
	err := p.Walk(func(c containerfs.Container) error {
		all = append(all, p.at(c))
		return nil
	})
	return all, err
}

// allPlaces returns the containers that args name and, where deep is set, all below them.
func allPlaces(args []string, deep bool) ([]place, error) {
	top, err := places(args)
	if err != nil || !deep {
		return top, err
	}
	var all []place
	for _, p := range top {
		below, err := p.below()
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}

// completeContainers offers directories of containers to the shell.
func completeContainers(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	var offered []cobra.Completion
	dir := filepath.Dir(begun)
	if strings.HasSuffix(begun, "/") {
		dir = filepath.Clean(begun)
	}
	if c, err := containerfs.ByDir(dir); err == nil {
		children, _ := c.Children()
		for _, child := range children {
			offered = append(offered, child.Dir())
		}
		return startingWith(offered, begun), directive
	}
	mounted, _ := hierarchies()
	for _, p := range mounted {
		offered = append(offered, p.Dir)
	}
	return startingWith(offered, begun), directive
}

// startingWith returns the words that begin with what has been typed.
func startingWith(words []cobra.Completion, begun string) []cobra.Completion {
	return slices.DeleteFunc(words, func(word cobra.Completion) bool { return !strings.HasPrefix(word, begun) })
}
