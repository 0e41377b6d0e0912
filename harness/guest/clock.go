package guest

import (
	"fmt"
	"time"

	"gpc/harness/complaint"
)

// clockTolerance is how far, as a part, a guest's clock may be off the host's. A clock that was calibrated wrongly is off by more.
const clockTolerance = 0.04

// clock compares the guest's clock with the host's. The host knows of each reading only that it was taken after the question and before the
// answer came, however long the two were under way; so it knows bounds of the time between two readings, and a busy host makes
// them wider, never wrong.
type clock struct {
	known              bool
	first              time.Duration // the guest's first reading
	firstMin, firstMax time.Time     // the host's time when that was taken is between these
	off                string        // what is wrong with the clock, empty for nothing
}

// told takes a reading of the guest's clock that was asked for at one time and arrived at another.
func (c *clock) told(reading time.Duration, asked, arrived time.Time) {
	if !c.known {
		*c = clock{known: true, first: reading, firstMin: asked, firstMax: arrived}
		return
	}
	c.compare(reading-c.first, asked.Sub(c.firstMax), arrived.Sub(c.firstMin))
}

// ended takes a reading that nobody asked for: when it was taken is known only from above.
func (c *clock) ended(reading time.Duration, arrived time.Time) {
	if c.known {
		c.compare(reading-c.first, 0, arrived.Sub(c.firstMin))
	}
}

// compare compares the time that passed in the guest with the least and the most that can have passed on the host.
func (c *clock) compare(passed, least, most time.Duration) {
	slow := float64(passed) < float64(least)*(1-clockTolerance)
	fast := float64(passed) > float64(most)*(1+clockTolerance)
	if !slow && !fast {
		return
	}
	c.off = fmt.Sprintf("the guest's clock is wrong: %v passed in the guest while between %v and %v passed on the host",
		passed.Round(time.Millisecond), max(least, 0).Round(time.Millisecond), most.Round(time.Millisecond))
}

// report returns what is wrong with the clock as a complaint.
func (c *clock) report() []complaint.Report {
	if c.off == "" {
		return nil
	}
	return []complaint.Report{{Title: c.off, Text: c.off}}
}
