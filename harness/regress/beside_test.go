package regress

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// running returns suites for all targets, none started.
func running() []*Running {
	var all []*Running
	for _, target := range Targets() {
		r := &Running{Suite: Suite{Target: target}}
		r.more = sync.NewCond(&r.mu)
		all = append(all, r)
	}
	return all
}

func TestLongestFirst(t *testing.T) {
	var order []string
	for _, r := range longestFirst(running()) {
		order = append(order, r.Suite.Target.String())
	}
	if got := strings.Join(order, " "); got != "x86_64/debug ppc64/debug x86_64/release ppc64/release x86_64/vtime" {
		t.Errorf("the order is %s", got)
	}
}

// TestStartInTurn lets suites run two at a time: each ends only when another one has begun beside it, as far as there is one.
func TestStartInTurn(t *testing.T) {
	all := running()
	var mu sync.Mutex
	begun, now, most := 0, 0, 0
	changed := sync.NewCond(&mu)
	startInTurn(all, 2, func(r *Running) {
		mu.Lock()
		defer mu.Unlock()
		begun++
		now++
		most = max(most, now)
		mine := begun
		changed.Broadcast()
		for begun == mine && begun < len(all) {
			changed.Wait()
		}
		now--
		r.add(Event{Action: "pass", Test: r.Suite.Target.String()})
		r.note(func() { r.over = true })
	})
	for _, r := range all {
		if _, err := r.End(); err != nil {
			t.Error(err)
		}
	}
	if most != 2 {
		t.Errorf("%d ran beside each other, want 2", most)
	}
}

// TestEvents takes events while they come, in two goes.
func TestEvents(t *testing.T) {
	const n = 1000
	r := running()[0]
	go func() {
		for i := range n {
			r.add(Event{Action: "run", Test: fmt.Sprint(i)})
		}
		r.note(func() { r.over = true })
	}()
	var got, want []string
	for e := range r.Events() {
		if got = append(got, e.Test); len(got) == n/2 {
			break
		}
	}
	for e := range r.Events() {
		got = append(got, e.Test)
	}
	for i := range n {
		want = append(want, fmt.Sprint(i))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d events were taken, out of order or not the ones that were added", len(got))
	}
}
