package qemu

import (
	"bytes"
	"os"
	"sync"
	"time"
)

// rdtsc reads the processor's time stamp counter.
func rdtsc() uint64

// tscInterval is how long the counter is watched, pairs how often it and the clock are read at each end. The two reads of the best pair are
// well below a microsecond apart, busy host or not, so the result is right to some millionths.
const (
	tscInterval = 25 * time.Millisecond
	pairs       = 20
)

// TSCFrequency returns the frequency of the host's time stamp counter in kHz, by which that of an x86 guest runs, too; 0 if that counter
// does not run evenly. A guest that has to find out itself compares it with devices that a busy host emulates too late.
var TSCFrequency = sync.OnceValue(func() int {
	if info, err := os.ReadFile("/proc/cpuinfo"); err != nil || !bytes.Contains(info, []byte(" constant_tsc")) {
		return 0
	}
	firstTime, firstCount := readBoth()
	time.Sleep(tscInterval)
	lastTime, lastCount := readBoth()
	return int((lastCount - firstCount) * uint64(time.Second/1000) / uint64(lastTime.Sub(firstTime)))
})

// readBoth reads clock and counter at the same time, or as good as that.
func readBoth() (at time.Time, count uint64) {
	best := time.Hour
	for range pairs {
		before := time.Now()
		c := rdtsc()
		if took := time.Since(before); took < best {
			best, at, count = took, before.Add(took/2), c
		}
	}
	return at, count
}
