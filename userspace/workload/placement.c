/* Scenarios that ask where a task may run, and where its memory may come from. */
#include <linux/futex.h>
#include <linux/sched.h>
#include "workload.h"
#include "spawn.h"

static struct run *current;

/*
 * The first touch of an anonymous page. An area has one for each round of a batch; then it is given back as a whole, and the next batch
 * begins with a new one.
 */
static char *area;
static long touched;

static void fault_once(void)
{
	if (touched == current->rounds) {
		check(current, !munmap(area, current->rounds * PAGE), "munmap");
		touched = 0;
	}
	if (!touched) {
		area = mmap(NULL, current->rounds * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		check(current, area != MAP_FAILED, "mmap");
	}
	area[touched++ * PAGE] = 1;
}

static void run_fault(struct run *run)
{
	current = run;
	measure(run, fault_once, 1);
}

/* One of the processes that sleep is woken. They sleep again when the batch is over: that is part of it. */
#define WAITERS	32

static int *gate;

static void wakeup_once(void)
{
	check(current, my_syscall6(__NR_futex, gate, FUTEX_WAKE, 1, NULL, NULL, 0) >= 0, "FUTEX_WAKE");
}

static void run_wakeup(struct run *run)
{
	int i, pid;

	current = run;
	gate = shared(PAGE);
	for (i = 0; i < WAITERS; i++) {
		pid = fork();
		check(run, pid >= 0, "fork");
		while (!pid)
			my_syscall6(__NR_futex, gate, FUTEX_WAIT, 0, NULL, NULL, 0);
	}
	settle();
	measure(run, wakeup_once, 1);
}

/* A task asks for the first CPU. */
static void affinity_once(void)
{
	unsigned long mask = 1;

	check(current, !my_syscall3(__NR_sched_setaffinity, 0, sizeof(mask), &mask), "sched_setaffinity");
}

static void run_affinity(struct run *run)
{
	current = run;
	measure(run, affinity_once, 1);
}

/* HERE ELSEWHERE N: N tasks sleep in HERE, which loses the second CPU and gets it back. */
static int cpus_file;

static void set_cpus(const char *list)
{
	check(current, write(cpus_file, list, strlen(list)) > 0, list);
}

static void cpus_once(void)
{
	set_cpus("0");
	set_cpus("0-1");
}

static void run_cpus(struct run *run)
{
	int tasks = atoi(run->args[2]);

	current = run;
	cpus_file = open(path_of(run->args[0], "cpuset.cpus"), O_WRONLY);
	check(run, cpus_file >= 0, run->args[0]);
	/* All come to sleep on the first CPU. */
	set_cpus("0");
	check(run, !join(run->args[0]), run->args[0]);
	while (tasks--)
		check(run, spawn(SLEEPER, NULL, __NR_pause) > 0, "clone");
	check(run, !join(run->args[1]), run->args[1]);
	measure_elapsed(run, cpus_once, 2);
}

const struct scenario placement_scenarios[] = {
	{ "fault", 0, run_fault },
	{ "wakeup", 0, run_wakeup },
	{ "affinity", 0, run_affinity },
	{ "cpus", 3, run_cpus },
	{}
};
