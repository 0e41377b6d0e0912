/*
 * Scenarios in which all processors do the same at the same time, to see which lines of memory several of them write. Only the plugin can tell
 * that; the workload marks when.
 */
#include "../workload.h"

/* The emulator's; the plugin knows no more. */
#define CPUS 4

static struct run *current;

/* A pipe of which nothing is read: who reads waits until all have closed the other end. */
struct gate {
	int wait, open;
};

static void make_gate(struct gate *gate)
{
	int ends[2];

	check(current, !pipe(ends), "pipe");
	gate->wait = ends[0];
	gate->open = ends[1];
}

static void wait_at(int gate)
{
	char byte;

	read(gate, &byte, 1);
}

/*
 * A processor's part, by a process that never leaves it: once to warm up, and again when the gate is open. Its own end, which another processor
 * hears of, waits for the second gate.
 */
static void work(int cpu, int ready, const struct gate *gates, void (*operation)(int cpu))
{
	unsigned long mask = 1UL << cpu;
	long round;
	char byte = 0;

	close(gates[0].open);
	close(gates[1].open);

	check(current, my_syscall3(__NR_sched_setaffinity, 0, sizeof(mask), &mask) >= 0, "sched_setaffinity");
	for (round = 0; round < current->rounds; round++)
		operation(cpu);
	check(current, write(ready, &byte, 1) == 1, "the pipe to the first process");
	wait_at(gates[0].wait);
	for (round = 0; round < current->rounds; round++)
		operation(cpu);
	check(current, write(ready, &byte, 1) == 1, "the pipe to the first process");
	wait_at(gates[1].wait);
	exit(0);
}

static void wait_for_all(int ready, const char *what)
{
	char byte;
	int cpu;

	for (cpu = 0; cpu < CPUS; cpu++)
		check(current, read(ready, &byte, 1) == 1, what);
}

/*
 * Let each processor do so many rounds. What the kernel does later is marked, too: a dead process is freed after a grace period. Processor n works in
 * containers[n], if there are any.
 */
static void on_each(struct run *run, void (*operation)(int cpu), char (*containers)[256])
{
	int cpu, status, ready[2], workers[CPUS];
	struct gate gates[2];
	unsigned long start;

	current = run;
	run->report->operations = run->rounds * CPUS;
	check(run, !pipe(ready), "pipe");
	make_gate(&gates[0]);
	make_gate(&gates[1]);
	for (cpu = 0; cpu < CPUS; cpu++) {
		check(run, !containers || !join(containers[cpu]), "a container of the processor's own");
		workers[cpu] = fork();
		check(run, workers[cpu] >= 0, "fork");
		if (!workers[cpu])
			work(cpu, ready[1], gates, operation);
	}
	wait_for_all(ready[0], "a worker that is warm");
	settle();
	start = now();
	mark(MARK_ROUNDS);
	close(gates[0].open);
	wait_for_all(ready[0], "a worker that is through");
	settle();
	mark(MARK_OUTSIDE);
	run->report->cost[0] = now() - start;
	close(gates[1].open);
	for (cpu = 0; cpu < CPUS; cpu++)
		check(run, waitpid(workers[cpu], &status, 0) > 0 && !status, "a worker");
}

/* fork + exit + wait */
static void fork_once(int cpu)
{
	int pid = fork();

	(void)cpu;
	if (!pid)
		my_syscall1(__NR_exit_group, 0);
	check(current, pid > 0 && waitpid(pid, NULL, 0) == pid, "a child");
}

/* All processors fork in the same container. */
static void run_together(struct run *run)
{
	on_each(run, fork_once, NULL);
}

/* DIR: each processor forks in a container of its own in DIR. */
static void run_apart(struct run *run)
{
	static char containers[CPUS][256];
	static char name[] = "cpu0";
	int cpu;

	for (cpu = 0; cpu < CPUS; cpu++) {
		name[3] = '0' + cpu;
		strlcpy(containers[cpu], path_of(run->args[0], name), sizeof(containers[cpu]));
		check(run, !make_container(containers[cpu]), containers[cpu]);
	}
	on_each(run, fork_once, containers);
	check(run, !join(run->args[0]), run->args[0]);
	for (cpu = 0; cpu < CPUS; cpu++)
		check(run, !rmdir(containers[cpu]), containers[cpu]);
}

/*
 * What proves the method: a counter that all processors write, and one for each in a line of its own. So of each two writes one must be found to be
 * shared, and the other not.
 */
static void plant(int cpu)
{
	__atomic_fetch_add((long *)PLANTED, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add((long *)(PLANTED + (1 + cpu) * 256), 1, __ATOMIC_RELAXED);
}

static void run_planted(struct run *run)
{
	on_each(run, plant, NULL);
}

const struct scenario sharing_scenarios[] = {
	{ "together", 0, run_together },
	{ "apart", 1, run_apart },
	{ "planted", 0, run_planted },
	{}
};
