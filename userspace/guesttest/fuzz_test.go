//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"gpc/userspace/fuzz"
)

// A sequence begins with an empty machine. More of them find more than longer ones do.
const stepsOfSequence = 100

// maxDifferences is how many sequences may show a difference before no others are tried.
const maxDifferences = 4

// fuzzNumber returns the number that a variable of the environment has, or another.
func fuzzNumber(t testing.TB, variable string, otherwise uint64) uint64 {
	t.Helper()
	text, set := os.LookupEnv(variable)
	if !set {
		return otherwise
	}
	return got(strconv.ParseUint(text, 10, 64))(t)
}

// firstSeed is where the random numbers begin where nobody says: a regression that is green must be so the next time. 'gpclab fuzz' has
// another one each time.
const firstSeed = 1

// fewSteps is how many steps are enough where nobody asks for more; the debug flavor takes several times as long for each.
func fewSteps() uint64 {
	if debugFlavor {
		return 400
	}
	return 5000
}

// Random steps: after each, errno and all that can be seen are what the model says.
func TestFuzz(t *testing.T) {
	begin(t)
	if text, set := os.LookupEnv(fuzz.SequenceVariable); set {
		ops := got(fuzz.Parse(text))(t)
		must(t, fuzz.Run(newLive(t), machineForFuzz(t), ops))
		return
	}
	fuzzFrom(t, fuzzNumber(t, fuzz.SeedVariable, firstSeed), int(fuzzNumber(t, fuzz.StepsVariable, fewSteps())))
}

// Sequences that have shown a difference once.
func TestFuzzOnceDifferent(t *testing.T) {
	for name, sequence := range map[string]string{
		// The second thread may not leave its server; the first had been charged by then, which bc.numtasks.maxheld told.
		"refused thread": "fork me t1; mount 0 bc,ns; unshare t1; fork me t2; drop t2; thread t2 t3; mkdir 0/c; own 0/c user; mkdir 0/=1/c; move 0/=1/c/tasks t3; " +
			"user move 0/c/procs t2",
	} {
		t.Run(name, func(t *testing.T) {
			begin(t)
			must(t, fuzz.Run(newLive(t), machineForFuzz(t), got(fuzz.Parse(sequence))(t)))
		})
	}
}

// fuzzFrom runs sequences of that many steps in all.
func fuzzFrom(t *testing.T, seed uint64, steps int) {
	t.Helper()
	t.Logf("seed %d", seed)
	// All that is allocated for a look dies with it. Little is alive, so the collector may let more of it lie: on an emulated processor its work is a sixth of a step.
	defer debug.SetGCPercent(debug.SetGCPercent(1000))
	l, machine := newLive(t), machineForFuzz(t)
	began, done := time.Now(), 0
	for differences := 0; steps > 0 && differences < maxDifferences; seed++ {
		if done%1000 == 0 && done > 0 {
			t.Logf("%d steps, %.0f s", done, time.Since(began).Seconds())
		}
		n := min(steps, stepsOfSequence)
		steps, done = steps-n, done+n
		ops := fuzz.NewGenerator(seed, machine, "t").Sequence(machine, n)
		err := fuzz.Run(l, machine, ops)
		if err == nil {
			continue
		}
		differences++
		t.Logf("seed %d, %d steps: %v", seed, n, err)
		message := fmt.Sprintf("Again: make fuzz SEED=%d STEPS=%d", seed, n)
		if left := l.Reset(); left != nil {
			t.Fatalf("%s\nNo other sequence can begin with an empty machine: %v", message, left)
		}
		if d, is := errors.AsType[*fuzz.Difference](err); is {
			d = fuzz.Shrink(l, machine, d, 200)
			message = fmt.Sprintf("the shortest that shows a difference: %s\n%v%s\nor: build/gpclab fuzz --sequence '%s'", fuzz.Format(d.Ops), d, message,
				fuzz.Format(d.Ops))
		}
		t.Error(message)
	}
}
