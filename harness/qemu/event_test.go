package qemu

import (
	"testing"

	"github.com/digitalocean/go-qemu/qmp"
)

func TestKindOf(t *testing.T) {
	reason := func(r string) map[string]any { return map[string]any{"reason": r} }
	for _, tt := range []struct {
		event qmp.Event
		want  EventKind // 0 for an event that does not matter
	}{
		{qmp.Event{Event: "GUEST_PANICKED"}, Panicked},
		{qmp.Event{Event: "SHUTDOWN", Data: reason("guest-shutdown")}, PoweredOff},
		{qmp.Event{Event: "SHUTDOWN", Data: reason("guest-reset")}, WasReset},
		{qmp.Event{Event: "RESET"}, WasReset},
		{qmp.Event{Event: "STOP"}, Stopped},
		{qmp.Event{Event: "RESUME"}, 0},
		{qmp.Event{Event: "VSERPORT_CHANGE"}, 0},
	} {
		if got, ok := kindOf(tt.event); got != tt.want || ok != (tt.want != 0) {
			t.Errorf("%v: got %v, %v; want %v", tt.event, got, ok, tt.want)
		}
	}
}
