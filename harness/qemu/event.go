package qemu

import (
	"time"

	"github.com/digitalocean/go-qemu/qmp"
)

// EventKind says what has happened to a guest.
type EventKind int

// What can happen to a guest.
const (
	// Panicked: the guest's kernel has panicked.
	Panicked EventKind = iota + 1
	// PoweredOff: the guest has switched its power off.
	PoweredOff
	// WasReset: the guest has reset itself, by its own wish or by a triple fault.
	WasReset
	// Stopped: the guest does not run any more. This follows the kinds above, and may have other reasons.
	Stopped
)

// String names the kind in words that fit after "the guest".
func (k EventKind) String() string {
	switch k {
	case Panicked:
		return "panicked"
	case PoweredOff:
		return "powered off"
	case WasReset:
		return "reset itself"
	case Stopped:
		return "stopped"
	}
	return "did something unknown"
}

// Event is something that has happened to a guest.
type Event struct {
	Kind EventKind
	// Time is when, by the host's clock.
	Time time.Time
}

// translate passes on the events that have a kind, until the monitor's connection ends.
func (vm *VM) translate(raw <-chan qmp.Event) {
	defer close(vm.events)
	for e := range raw {
		kind, ok := kindOf(e)
		if !ok {
			continue
		}
		select {
		case vm.events <- Event{Kind: kind, Time: time.Unix(e.Timestamp.Seconds, e.Timestamp.Microseconds*1000)}:
		case <-vm.done:
		}
	}
}

// kindOf tells which of our kinds a QMP event is, if any.
func kindOf(e qmp.Event) (EventKind, bool) {
	switch e.Event {
	case "GUEST_PANICKED":
		return Panicked, true
	case "SHUTDOWN":
		if e.Data["reason"] == "guest-reset" {
			return WasReset, true
		}
		return PoweredOff, true
	case "RESET":
		return WasReset, true
	case "STOP":
		return Stopped, true
	}
	return 0, false
}
