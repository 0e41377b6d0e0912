package regress

import (
	"context"
	"iter"
	"slices"
	"sync"

	"gpc/harness/guest"
	"gpc/harness/kernel"
)

// Suite is a kernel and the tests that it is put to.
type Suite struct {
	Target Target
	// Spec says which kernel it is, Pattern which tests, as for go test -run.
	Spec    kernel.Spec
	Pattern string
}

// Running is a suite that has been started, or waits for its turn.
type Running struct {
	Suite  Suite
	yields bool // to the guest that takes longest

	mu     sync.Mutex
	more   *sync.Cond
	events []Event // that nobody has taken yet
	image  *kernel.Image
	tests  []string
	ending Ending
	err    error
	// image and tests are known when it has been built, ending when it is over, err in either case.
	built, over bool
}

// Start puts kernels to their tests, each in a guest of its own, as many beside each other as the host has places for. The guest that takes
// longest begins, and goes before the others where they all have something to do, as they find room beside it. They are told of in the order of suites nevertheless. Cancelling ctx ends all.
func Start(ctx context.Context, lab *kernel.Lab, suites []Suite) ([]*Running, error) {
	var sizes []string
	var all []*Running
	for _, s := range suites {
		sizes = append(sizes, s.Target.Machine.Memory)
		r := &Running{Suite: s}
		r.more = sync.NewCond(&r.mu)
		all = append(all, r)
	}
	places, err := guest.Places(sizes...)
	if err != nil {
		return nil, err
	}
	go startInTurn(all, places, func(r *Running) { r.run(ctx, lab) })
	return all, nil
}

// startInTurn calls run for all, so many at a time, those first that take longest.
func startInTurn(all []*Running, places int, run func(*Running)) {
	free := make(chan struct{}, places)
	for i, r := range longestFirst(all) {
		free <- struct{}{}
		r.yields = i > 0
		go func() {
			run(r)
			<-free
		}()
	}
}

// longestFirst returns the suites in the order in which they are best started: a debug kernel takes several times as long as others, and on
// x86_64, with KASAN, longest.
func longestFirst(all []*Running) []*Running {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b *Running) int { return b.Suite.Target.weight() - a.Suite.Target.weight() })
	return sorted
}

// weight grows with the time that all tests of a target take.
func (t Target) weight() int {
	switch {
	case t.Pattern() != "":
		return 0
	case t.Flavor == kernel.Debug:
		return 2
	}
	return 1
}

// run builds the kernel and runs the tests.
func (r *Running) run(ctx context.Context, lab *kernel.Lab) {
	image, err := lab.Kernel(ctx, r.Suite.Target.Machine, r.Suite.Spec)
	var tests []string
	if err == nil {
		tests, err = expected(lab, image, r.Suite.Pattern)
	}
	r.note(func() { r.built, r.image, r.tests, r.err = true, image, append(tests, Health), err })
	var ending Ending
	if err == nil {
		ending, err = RunWith(ctx, lab, image, r.Suite.Pattern, Options{Limit: Limit, Lines: true, Yields: r.yields}, r.add)
	}
	r.note(func() { r.over, r.ending, r.err = true, ending, err })
}

// note lets change set what others wait for.
func (r *Running) note(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
	r.more.Broadcast()
}

// add keeps an event until somebody takes it.
func (r *Running) add(e Event) { r.note(func() { r.events = append(r.events, e) }) }

// Built waits until the tests can begin, and returns the kernel and the names of all tests whose ends are among the events; an error if they
// cannot begin.
func (r *Running) Built() (*kernel.Image, []string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.built {
		r.more.Wait()
	}
	return r.image, r.tests, r.err
}

// Events yields the events of the tests as they come, to the last one. They can be taken once.
func (r *Running) Events() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for {
			r.mu.Lock()
			for len(r.events) == 0 && !r.over {
				r.more.Wait()
			}
			events := r.events
			r.events = nil
			r.mu.Unlock()
			if len(events) == 0 {
				return
			}
			for i, e := range events {
				if !yield(e) {
					r.mu.Lock()
					r.events = append(slices.Clone(events[i+1:]), r.events...)
					r.mu.Unlock()
					return
				}
			}
		}
	}
}

// End waits for the end, and returns what Run has: how the guest has ended, or why the tests could not be started.
func (r *Running) End() (Ending, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.over {
		r.more.Wait()
	}
	return r.ending, r.err
}
