package containerfs

import "strings"

// Options says what a hierarchy is made of. The zero value asks for every registered subsystem.
type Options struct {
	// Subsystems names the subsystems to bind. Empty, with None unset, binds all that are registered.
	Subsystems []string `json:"subsystems"`
	// None asks for a hierarchy without subsystems, for job tracking only; it needs a Name.
	None bool `json:"none"`
	// Name tells a hierarchy from others, and is what it is found by when it has no subsystem.
	Name string `json:"name"`
	// ReleaseAgent is the program run for a released container; empty for none.
	ReleaseAgent string `json:"release_agent"`
	// NoPrefix leaves "SUBSYS." off the names of the subsystems' files.
	NoPrefix bool `json:"noprefix"`
	// NoCloneChildren has the root begin with clone_children off. It is no lasting property of the hierarchy: /proc/mounts does not show it.
	NoCloneChildren bool `json:"-"`
}

// String returns o as mount(8) takes it.
func (o Options) String() string { return strings.Join(o.words(), ",") }

// words returns the single options.
func (o Options) words() []string {
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
	return words
}

// ParseOptions returns what a text such as "cpuset,noprefix,release_agent=/sbin/agent" means to mount(8). Words that are no
// option name subsystems; the kernel will say whether it has them.
func ParseOptions(text string) Options {
	var o Options
	for word := range strings.SplitSeq(text, ",") {
		o.add(word)
	}
	return o
}

// add adds one option, of a user or of /proc/self/mountinfo.
func (o *Options) add(word string) {
	key, value, hasValue := strings.Cut(word, "=")
	switch {
	case key == "name" && hasValue:
		o.Name = value
	case key == "release_agent" && hasValue:
		o.ReleaseAgent = value
	case word == "noprefix":
		o.NoPrefix = true
	case word == "none":
		o.None = true
	case key == "clone_children":
		o.NoCloneChildren = value == "0"
	case word == "all" || word == "" || vfsFlags[word]:
		// Every subsystem is what is bound where none is named; flags are the superblock's.
	default:
		o.Subsystems = append(o.Subsystems, word)
	}
}

// vfsFlags are the words that the kernel itself puts before a filesystem's own options.
var vfsFlags = map[string]bool{
	"rw": true, "ro": true, "sync": true, "dirsync": true, "mand": true, "lazytime": true,
}
