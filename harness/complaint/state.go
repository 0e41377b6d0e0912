package complaint

import "fmt"

// taints are the bits of the taint mask that a kernel sets when something has gone wrong. The others say what it was
// built with or what was loaded into it.
var taints = []struct {
	bit    int
	letter rune
	means  string
}{
	{4, 'M', "a processor reported a machine check"},
	{5, 'B', "a page was released in a bad state"},
	{7, 'D', "the kernel has died"},
	{9, 'W', "the kernel has issued a warning"},
	{14, 'L', "a soft lockup occurred"},
}

// FromState returns reports for what a kernel says about itself: its taint mask, and whether lockdep has switched itself off. It is the
// kernel's own word that something happened, for when the console does not show it.
func FromState(taint uint64, lockdepOff bool) []Report {
	var reports []Report
	add := func(text string) { reports = append(reports, Report{Title: text, Text: text}) }
	for _, t := range taints {
		if taint&(1<<t.bit) != 0 {
			add(fmt.Sprintf("the kernel is tainted %c: %s", t.letter, t.means))
		}
	}
	if lockdepOff {
		add("lockdep has switched itself off: it has found a lock used wrongly, or run out of memory")
	}
	return reports
}
