package containerfs

import "strings"

// Options says what a hierarchy is made of. The zero value asks for every registered subsystem.
type Options struct {
	// Subsystems names the subsystems to bind. Empty, with None unset, binds all that are registered.
	Subsystems []string
	// None asks for a hierarchy without subsystems, for job tracking only; it needs a Name.
	None bool
	// Name tells a hierarchy from others, and is what it is found by when it has no subsystem.
	Name string
	// ReleaseAgent is the program run for a released container; empty for none.
	ReleaseAgent string
	// NoPrefix leaves "SUBSYS." off the names of the subsystems' files.
	NoPrefix bool
	// NoCloneChildren has the root begin with clone_children off. It is no lasting property of the hierarchy: /proc/mounts does not show it.
	NoCloneChildren bool
}

// String returns o as mount(2) takes it.
func (o Options) String() string {
	var words []string
	switch {
	case len(o.Subsystems) > 0:
		words = append(words, o.Subsystems...)
	case !o.None:
		words = append(words, "all")
	}
	if o.None {
		words = append(words, "none")
	}
	if o.Name != "" {
		words = append(words, "name="+o.Name)
	}
	if o.NoPrefix {
		words = append(words, "noprefix")
	}
	if o.NoCloneChildren {
		words = append(words, "clone_children=0")
	}
	if o.ReleaseAgent != "" {
		words = append(words, "release_agent="+o.ReleaseAgent)
	}
	return strings.Join(words, ",")
}
