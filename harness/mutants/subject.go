package mutants

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"gpc/harness/mutants/generate"
)

// subjects name, by the files of the kernel's code, the tests that are the first to look at a mutant there: those of what the file is about. The
// first line whose file matches counts.
var subjects = []struct{ file, tests string }{
	{`^(member|move|set)\.c$`, "Move|RaceFork|RaceProcess|RaceExit|Held|Reaped|Child|KernelThreads|Idle|Subsys|FailFork|FailAttach|Exec|Hotplug|RaceKill|RaceNs|NsHeld|NsClone|KillForkBomb|RaceListing"},
	{`^(tracking|walk)\.c$`, "RaceFork|RaceReaders|RaceListing|Held|Idle|FailMount|Mount|Unmount|Hotplug|Listing|LongListing|Kill|Starved|Move|Reaped|Subsys"},
	{`^css\.c$`, "Subsys|Mkdir|Rmdir|Fail(Mount|Mkdir|Attach)|RaceForkAgainstDirectories|CpuacctBeginsAnew"},
	{`^(root|mount)\.c$`, "Mount|Unmount|Remount|ProcMounts|Subsys|FailMount|FailSecond|FailRemount|RaceForkAgainst(Mounts|FirstMount)|Legacy"},
	{`^dir\.c$`, "Mkdir|Rmdir|Removed|Rename|Ownership|LinkCounts|DeepTree|MaxDescendants|RaceMax|AutoDelete|FailMkdir|FailRename|RaceForkAgainstDirectories|File|Clone|Release|NoRelease|Subsys|ClientW|NumtasksForgets|Kill|MountReleaseAgent"},
	{`^file\.c$`, "File|Write|Number|Root|Notify|Release|NoRelease|Removed|Clone|AutoDelete|MaxDescendants|Kill|Events|Remount|Subsys"},
	{`^tasks\.c$`, "Move|Listing|LongListing|File|Write|Number|Removed|RaceListing|RaceReaders|FailRead|FailAttach|Subsys|Held"},
	{`^release\.c$`, "Release|NoRelease|AutoDelete|Program|RaceRelease|RaceAuto|RemountRelease|Mount|Events|ClientWait"},
	{`^events\.c$`, "Events|RaceEvents|ClientWait|ClientWatch|Removed"},
	{`^kill\.c$`, "Kill|RaceKill|NsHeld|GpcKill|AutoDelete"},
	{`^proc\.c$`, "Proc|Subsys|Mount"},
	{`^(clone|ns)\.c$`, "Clone|SubsysClone|Ns|RaceNs|FailNs|KillHeldClone|CpusetOfServer|CpusetClone"},
	{`^(cpuacct|container)\.c$`, "Cpuacct|RaceCpuacct|Idle"},
	{`^(shares|numtasks.*)\.c$`, "Numtasks"},
	{`^cpuset.*\.c$`, "Cpuset|FailCpuset|Legacy|Libcpuset|Cset|Tools|Starved"},
	{`^bc.*\.c$`, "BC|FailBC|GpcBean"},
}

// Tests that look at whatever can be done: random steps, and what finds the memory that the tests before it have lost.
const (
	randomSteps = "TestFuzz"
	lostMemory  = "TestWholeRunLeaksNothing"
)

// Tests returns the pattern, for go test -run, of the tests that look at a mutant first: those of the file's subject, random steps, and a look at lost
// memory. A file that nobody has thought of has all.
func Tests(m generate.Mutant) string {
	for _, s := range subjects {
		if regexp.MustCompile(s.file).MatchString(path.Base(m.File)) {
			return "^Test(" + s.tests + ")|^(" + randomSteps + "|" + lostMemory + ")$"
		}
	}
	return ""
}

// allTests returns the pattern of the tests of all these mutants' subjects.
func allTests(sample []generate.Mutant) string {
	var patterns []string
	for _, m := range sample {
		patterns = append(patterns, Tests(m))
	}
	slices.Sort(patterns)
	patterns = slices.Compact(patterns)
	if slices.Contains(patterns, "") {
		return ""
	}
	return strings.Join(patterns, "|")
}
