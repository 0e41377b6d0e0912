/*
 * How a scenario is measured: in a fresh process, after a warm-up, in batches between which the clock is read. Where the emulator
 * counts instructions, a nanosecond of this clock is an instruction.
 */
#include <linux/time.h>
#include "workload.h"

/* Nanoseconds since boot. */
unsigned long now(void)
{
	struct timespec t;

	my_syscall2(__NR_clock_gettime, CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000UL + t.tv_nsec;
}

static void fail(struct run *run, const char *what)
{
	run->report->error = errno;
	strlcpy(run->report->failed, what, sizeof(run->report->failed));
}

/* End the scenario's process unless ok; errno is the reason. */
void check(struct run *run, int ok, const char *what)
{
	if (ok)
		return;
	fail(run, what);
	exit(1);
}

/* Batches of rounds of an operation, after one batch that nobody looks at. */
void measure(struct run *run, void (*operation)(void), int operations_per_round)
{
	unsigned long start;
	long batch, round;

	run->report->operations = run->rounds * operations_per_round;
	for (batch = -1; batch < run->batches; batch++) {
		start = now();
		for (round = 0; round < run->rounds; round++)
			operation();
		if (batch >= 0)
			run->report->ns[batch] = now() - start;
	}
}

/* Let what the kernel does later, such as freeing after a grace period, be done. An idle machine's time costs nothing. */
static void settle(void)
{
	struct timespec quiet = { .tv_nsec = 200000000 };

	my_syscall2(__NR_nanosleep, &quiet, NULL);
}

/*
 * Run a scenario in a new process, which first joins the containers. Its result is in run->report, and nothing of it is left
 * when this returns.
 */
void run_scenario(const struct scenario *scenario, struct run *run, char **containers, int nr_containers)
{
	int i, status, pid;

	settle();
	memset(run->report, 0, sizeof(*run->report));
	pid = fork();
	if (!pid) {
		check(run, !setpgid(0, 0), "setpgid");
		for (i = 0; i < nr_containers; i++)
			check(run, !join(containers[i]), containers[i]);
		scenario->run(run);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		fail(run, "fork or waitpid");
		return;
	}
	if (status && !*run->report->failed)
		fail(run, "the scenario's process died");
	/* Its children are ours now. */
	kill(-pid, SIGKILL);
	while (waitpid(-1, &status, 0) > 0)
		;
}
