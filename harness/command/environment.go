package command

import (
	"os"
	"slices"
	"strings"
)

// ours are the variables that a program gets from us: where programs, and places to keep things, are. Everything else, ARCH,
// CROSS_COMPILE, KCFLAGS, LLVM, MAKEFLAGS, CPATH or TAR_OPTIONS for example, would change what is built, and no stamp would tell.
var ours = []string{"PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "http_proxy", "https_proxy", "no_proxy"}

// Environment returns those of our own variables that programs are to see, and more, as NAME=VALUE. Programs speak English: their output
// is searched.
func Environment(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !slices.Contains(ours, name) && !strings.HasPrefix(name, "CCACHE_")
	})
	return append(append(env, "LC_ALL=C"), more...)
}

// Cached is Environment for compilers that run through ccache below the directory root: with it the cache serves clones in other folders, too, but for
// what has debug information, which names the folder.
func Cached(root string, more ...string) []string {
	cache := []string{"CCACHE_BASEDIR=" + root, "CCACHE_HASHDIR=1", "CCACHE_SLOPPINESS=time_macros"}
	return Environment(append(cache, more...)...)
}
