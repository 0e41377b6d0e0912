// Package complaint finds what a kernel complains about: warnings, bugs, oopses, the findings of its own checkers, and
// panics, each cut out of the console whole, with its trace.
package complaint

import (
	"fmt"
	"regexp"
	"strings"
)

// Report is one complaint.
type Report struct {
	// Title is the line that says what is wrong, without its time.
	Title string
	// Text is the whole report, as it stood on the console.
	Text string
}

// kernelLine matches a line of the kernel's: its time in seconds, the thread or processor if those are shown, and the message.
var kernelLine = regexp.MustCompile(`^(?:<\d+>)?\[ *(\d+\.\d{6})\](?:\[ *[TC]\d+\])? (.*)$`)

// beginnings match messages that begin a report, or say in the middle of one what it is about.
var beginnings = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`WARNING: `,
	`BUG: `, `BUG \S+ \(.*\): `, `kernel BUG at `,
	`Oops: `, `Unable to handle kernel `, `general protection fault`, `divide error`, `invalid opcode`, `stack segment`,
	`Internal error: `, `Kernel attempted to `,
	`INFO: task .* blocked for more than `, `INFO: trying to register non-static key`, `INFO: possible `,
	`rcu: INFO: .* (?:self-)?detected .*stall`, `INFO: rcu.* detected .*stall`, `rcu: rcu_\S+ kthread (?:starved|timer)`,
	`watchdog: BUG: `, `watchdog: .*hard LOCKUP`, `NMI watchdog: `,
	`UBSAN: `, `KASAN: `, `KCSAN: `, `ODEBUG: `,
	`refcount_t: `, `list_(?:add|del)\S* corruption`,
	`bad: scheduling from the idle thread`, `softirq: huh, entered softirq`, `DEBUG_LOCKS_WARN_ON`,
	`\S+\[\d+\]: segfault .* in init`,
	`Kernel panic - not syncing`,
}, "|") + `)`)

// harmless matches what looks like a report and is none: an emulated pseries machine without its slow firmware begins
// with an empty NVRAM.
var harmless = regexp.MustCompile(`^WARNING: nvram corruption detected: 0-length partition`)

// The lines around a report. A bar opens and closes those of lockdep, KASAN and KCSAN.
var (
	opening = regexp.MustCompile(`^-{8,}\[ cut here \]-{8,}`)
	bar     = regexp.MustCompile(`^={20,}$`)
	closing = regexp.MustCompile(`^---\[ end `)
)

// trace matches what only a report with more than one line has.
var trace = regexp.MustCompile(`^(?:Call Trace:|CPU: |NIP|RIP)`)

// maxSilence is how long, in seconds, a kernel may be silent inside one report.
const maxSilence = 1.0

// maxLines is how long a report may be: longer than any, and short enough to read.
const maxLines = 200

// corrupting matches messages by which the kernel says that its memory is not what it should be.
var corrupting = regexp.MustCompile(`^(?:BUG: KASAN: |BUG: KFENCE: |BUG \S+ \(.*\): |BUG: Bad page |list_(?:add|del)\S* corruption)`)

// IsPanic tells whether a line of a console is one by which the kernel panics, or looks so.
func IsPanic(line string) bool {
	return strings.HasPrefix(message(line), "Kernel panic - not syncing")
}

// Begins tells whether a line of a console begins a report, or looks so.
func Begins(line string) bool {
	m := message(line)
	return beginnings.MatchString(m) && !harmless.MatchString(m)
}

// Corrupt tells whether there is a report among the lines by which the kernel says that its own memory is not what it should be.
func Corrupt(lines string) bool {
	for line := range strings.Lines(lines) {
		if corrupting.MatchString(message(line)) {
			return true
		}
	}
	return false
}

// message is what a line of the kernel's says, empty for a line of somebody else's.
func message(line string) string {
	match := kernelLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
	if match == nil {
		return ""
	}
	return match[2]
}

// Find returns the reports in a console's text, in order. A report reaches to the line that closes it, to the beginning
// of the next one, or to where the kernel fell silent. Lines that are not the kernel's do not count.
func Find(console string) []Report {
	var c cutter
	lines := kernelLines(console)
	for i, l := range lines {
		announced := i+1 < len(lines) && beginnings.MatchString(lines[i+1].message)
		c.take(l, announced)
	}
	c.finish()
	return c.reports
}

// line is a line of the kernel's.
type line struct {
	time    float64
	message string
	text    string // as it stood on the console
}

// kernelLines returns the kernel's lines on a console.
func kernelLines(console string) []line {
	var lines []line
	for text := range strings.Lines(console) {
		text = strings.TrimRight(text, "\r\n")
		match := kernelLine.FindStringSubmatch(text)
		if match == nil {
			continue
		}
		l := line{message: match[2], text: text}
		fmt.Sscan(match[1], &l.time)
		lines = append(lines, l)
	}
	return lines
}

// cutter collects reports from lines.
type cutter struct {
	reports []Report
	current []line // the report under way, empty if none is
	title   string
}

// take takes the next line. announced says that the line after it begins a report.
func (c *cutter) take(l line, announced bool) {
	if n := len(c.current); n > 0 && (n >= maxLines || l.time-c.current[n-1].time > maxSilence) {
		c.finish()
	}
	isBar := bar.MatchString(l.message)
	closes := closing.MatchString(l.message) || isBar && len(c.current) > 0
	opens := opening.MatchString(l.message) || isBar && !closes && announced
	if opens {
		c.finish()
	}
	begins := beginnings.MatchString(l.message) && !harmless.MatchString(l.message)
	if len(c.current) == 0 && !opens && !begins {
		return
	}
	c.current = append(c.current, l)
	if begins && c.title == "" {
		c.title = l.message
	}
	if closes {
		c.finish()
	}
}

// finish ends the report under way. One without a title has been cut off before it could say anything.
func (c *cutter) finish() {
	if len(c.current) > 0 {
		c.shorten()
		texts := make([]string, len(c.current))
		for i, l := range c.current {
			texts[i] = l.text
		}
		if c.title == "" {
			c.title = c.current[min(1, len(c.current)-1)].message
		}
		c.reports = append(c.reports, Report{Title: c.title, Text: strings.Join(texts, "\n")})
	}
	c.current, c.title = nil, ""
}

// shorten leaves of a report that has neither frame nor trace only its first line: the others merely followed soon.
func (c *cutter) shorten() {
	for _, l := range c.current {
		if framed(l.message) || trace.MatchString(l.message) {
			return
		}
	}
	c.current = c.current[:1]
}

// framed reports whether a message is one of those around a report.
func framed(message string) bool {
	return opening.MatchString(message) || bar.MatchString(message) || closing.MatchString(message)
}

// Join returns the texts of reports, with an empty line between them.
func Join(reports []Report) string {
	texts := make([]string, len(reports))
	for i, r := range reports {
		texts[i] = r.Text
	}
	return strings.Join(texts, "\n\n")
}
