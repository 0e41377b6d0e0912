/*
 * How a scenario is measured: in a fresh process, after a warm-up, in batches between which the clock is read. The emulator counts
 * instructions, so a nanosecond of this clock, in which the processor is not idle, is an instruction.
 */
#include <linux/time.h>
#include "workload.h"

#define TIMER_LIST_SIZE	(64 << 10)

/* Nanoseconds since boot. */
unsigned long now(void)
{
	struct timespec t;

	my_syscall2(__NR_clock_gettime, CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000UL + t.tv_nsec;
}

static void note_failure(struct run *run, const char *what)
{
	run->report->error = errno;
	strlcpy(run->report->failed, what, sizeof(run->report->failed));
}

/* End the scenario's process unless ok; errno is the reason. */
void check(struct run *run, int ok, const char *what)
{
	if (ok)
		return;
	note_failure(run, what);
	exit(1);
}

/* Let what the kernel does later, such as freeing after a grace period, be done. An idle machine's time costs nothing. */
void settle(void)
{
	struct timespec quiet = { .tv_nsec = 60000000 };

	my_syscall2(__NR_nanosleep, &quiet, NULL);
}

/* Memory that fork does not copy. */
void *shared(unsigned long size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* How long the processor has been idle, in nanoseconds. Only this file tells it so exactly. */
static unsigned long idle_time(struct run *run)
{
	static const char field[] = ".idle_sleeptime :";
	static char *text;
	int n, len = 0, fd = open("/proc/timer_list", O_RDONLY);
	char *line;

	if (!text)
		text = shared(TIMER_LIST_SIZE);
	check(run, fd >= 0, "/proc/timer_list");
	while ((n = read(fd, text + len, TIMER_LIST_SIZE - 1 - len)) > 0)
		len += n;
	close(fd);
	text[len] = '\0';
	line = text;
	while (line && strncmp(line, field, sizeof(field) - 1)) {
		line = strchr(line, '\n');
		while (line && (*line == '\n' || *line == ' '))
			line++;
	}
	check(run, line != NULL, field);
	return atol(line + sizeof(field));
}

/*
 * The instructions of so many rounds, and of all that the kernel puts off until they are over: a dead process, for one, is freed
 * after a grace period. The time that the rounds took is added to *elapsed.
 */
static unsigned long batch_of(struct run *run, void (*operation)(void), long rounds, unsigned long *elapsed)
{
	unsigned long idle = idle_time(run), start = now(), end;

	while (rounds--)
		operation();
	*elapsed += now() - start;
	settle();
	end = now();
	return end - start - (idle_time(run) - idle);
}

/*
 * Batches of rounds of an operation, after one that nobody looks at. What a batch without a round costs, with its timer interrupts
 * while all settles, is not the operation's.
 */
void measure(struct run *run, void (*operation)(void), int operations_per_round)
{
	unsigned long empty, ignored = 0;
	long batch;

	run->report->operations = run->rounds * operations_per_round;
	batch_of(run, operation, run->rounds, &ignored);
	for (batch = 0; batch < run->batches; batch++) {
		mark(MARK_EMPTY);
		empty = batch_of(run, operation, 0, &ignored);
		mark(MARK_ROUNDS);
		run->report->cost[batch] = batch_of(run, operation, run->rounds, &run->report->elapsed) - empty;
		mark(MARK_OUTSIDE);
	}
}

/*
 * The same for an operation that is over when it returns, where there are several processors: each is idle at times of its own, so
 * nobody can tell when all of them were. What counts is the time that the rounds took, whichever processor worked then.
 */
void measure_elapsed(struct run *run, void (*operation)(void), int operations_per_round)
{
	unsigned long elapsed, ignored = 0;
	long batch;

	run->report->operations = run->rounds * operations_per_round;
	batch_of(run, operation, run->rounds, &ignored);
	for (batch = 0; batch < run->batches; batch++) {
		elapsed = 0;
		mark(MARK_ROUNDS);
		batch_of(run, operation, run->rounds, &elapsed);
		mark(MARK_OUTSIDE);
		run->report->cost[batch] = elapsed;
		run->report->elapsed += elapsed;
	}
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
		note_failure(run, "fork or waitpid");
		return;
	}
	if (status && !*run->report->failed)
		note_failure(run, "the scenario's process died");
	/* Its children are ours now. */
	kill(-pid, SIGKILL);
	while (waitpid(-1, &status, 0) > 0)
		;
	mark(MARK_END);
}
