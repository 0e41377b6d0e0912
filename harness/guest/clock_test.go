package guest

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	start := time.Now()
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	reading := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	for _, tt := range []struct {
		name  string
		told  [][3]float64 // the reading, when it was asked for, when it arrived
		ended [2]float64   // the reading, when it arrived
		wrong bool
	}{
		{"right", [][3]float64{{5, 0, 0.1}, {15, 10, 10.1}, {105, 100, 100.1}}, [2]float64{106, 101.1}, false},
		{"only one reading", [][3]float64{{5, 0, 0.1}}, [2]float64{5.5, 0.6}, false},
		{"answers that come late", [][3]float64{{5, 0, 0.1}, {6, 1, 40}, {50, 45, 80}}, [2]float64{60, 80}, false},
		{"fast", [][3]float64{{5, 0, 0.1}, {42, 1, 1.1}}, [2]float64{43, 1.2}, true},
		{"slow", [][3]float64{{5, 0, 0.1}, {14, 10, 10.1}}, [2]float64{14, 10.2}, true},
		{"fast, in a short life", [][3]float64{{5, 0, 0.1}}, [2]float64{42, 1.2}, true},
		{"five per cent in the long run", [][3]float64{{0, 0, 0.1}, {105, 100, 100.1}}, [2]float64{106, 101}, true},
		{"within what is tolerated", [][3]float64{{0, 0, 0.1}, {102, 100, 100.1}}, [2]float64{102, 101}, false},
		{"no reading at all", nil, [2]float64{100, 1}, false},
	} {
		var c clock
		for _, r := range tt.told {
			c.told(reading(r[0]), at(r[1]), at(r[2]))
		}
		c.ended(reading(tt.ended[0]), at(tt.ended[1]))
		if found := len(c.report()) > 0; found != tt.wrong {
			t.Errorf("%s: complaint %q, want one: %v", tt.name, c.off, tt.wrong)
		}
	}
}
