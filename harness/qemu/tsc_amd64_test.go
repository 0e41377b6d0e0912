package qemu

import (
	"testing"
	"time"
)

// TestTSCFrequency measures once more, for longer.
func TestTSCFrequency(t *testing.T) {
	frequency := TSCFrequency()
	if frequency == 0 {
		t.Skip("this host's time stamp counter does not run evenly")
	}
	firstTime, firstCount := readBoth()
	time.Sleep(4 * tscInterval)
	lastTime, lastCount := readBoth()
	again := float64(lastCount-firstCount) / lastTime.Sub(firstTime).Seconds() / 1000
	if off := float64(frequency)/again - 1; off > 0.001 || off < -0.001 {
		t.Errorf("%d kHz at first, %.0f kHz then", frequency, again)
	}
}
