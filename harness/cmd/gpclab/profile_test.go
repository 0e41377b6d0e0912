package main

import (
	"errors"
	"strings"
	"testing"
)

func TestProfileRefusesWrongWords(t *testing.T) {
	for _, tt := range []struct {
		scenario string
		flags    profileFlags
		want     string
	}{
		{"fork", profileFlags{top: 1}, "no scenario"},
		{"storm-1", profileFlags{top: 1}, "no scenario"},
		{"fork@trio/1", profileFlags{}, "--top"},
		{"fork@trio/1", profileFlags{top: 1, match: "("}, "--match"},
		{"fork@trio/1", profileFlags{top: 1, arch: "sparc"}, "choose one of"},
	} {
		err := runProfile(t.Context(), t.Output(), tt.scenario, tt.flags)
		var exit exitError
		if !errors.As(err, &exit) || exit.status != statusUsage || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %+v: %v, want %q and exit status %d", tt.scenario, tt.flags, err, tt.want, statusUsage)
		}
	}
}
