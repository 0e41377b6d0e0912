package qemu

import "strings"

// PluginVersion returns the version of the interface that an emulator's plugins are built for: the oldest that it still takes.
func PluginVersion(program string) int {
	// QEMU 9.0 is the first that takes version 2, and none before it.
	if emulatorVersion(program).before([2]int{9, 0}) {
		return 1
	}
	return 2
}

// PluginArgs are the arguments that load the plugin at path and give it its own, each NAME=VALUE.
func PluginArgs(path string, args ...string) []string {
	words := []string{"file=" + escape(path)}
	for _, arg := range args {
		words = append(words, escape(arg))
	}
	return []string{"-plugin", strings.Join(words, ",")}
}
