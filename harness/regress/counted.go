package regress

import "gpc/harness/guest"

// countedScript runs the tests that its arguments are, with their output on standard error, and then writes gcov's counts to standard output.
const countedScript = `exec 3>&1 1>&2
"$@" 3>&-
status=$?
GUESTTEST_HELPER=gcov "$1" 1>&3 3>&- || exit
exit $status`

// job is what boot makes a job of.
func (o Options) job() guest.Job {
	if o.Counts == nil {
		return guest.Job{Env: o.Env}
	}
	return guest.Job{Argv: []string{"/bin/sh", "-c", countedScript, "sh"}, Env: o.Env, Stdout: o.Counts}
}
