/* Scenarios that make processes and threads, or switch between them. */
#include <linux/futex.h>
#include <linux/sched.h>
#include "workload.h"
#include "spawn.h"

#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
		CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static struct run *current;

static void wait_for(int pid)
{
	check(current, pid > 0 && waitpid(pid, NULL, 0) == pid, "a child");
}

/* fork + exit + wait */
static void fork_once(void)
{
	int pid = fork();

	if (!pid)
		my_syscall1(__NR_exit_group, 0);
	wait_for(pid);
}

static void run_fork(struct run *run)
{
	current = run;
	measure(run, fork_once, 1);
}

/* fork + unshare of a namespace + exit + wait */
static void unshare_once(void)
{
	int pid = fork(), status, failed;

	if (!pid) {
		/* On a line of its own: a system call inside another's arguments would share its registers. */
		failed = my_syscall1(__NR_unshare, CLONE_NEWUTS) != 0;
		my_syscall1(__NR_exit_group, failed);
	}
	check(current, pid > 0 && waitpid(pid, &status, 0) == pid && !status, "unshare");
}

static void run_unshare(struct run *run)
{
	current = run;
	measure(run, unshare_once, 1);
}

/* clone of a thread + its end + join */
static void thread_once(void)
{
	static int tid;
	long ret = spawn(THREAD, &tid, __NR_exit);
	int seen;

	check(current, ret > 0, "clone");
	while ((seen = *(volatile int *)&tid))
		my_syscall6(__NR_futex, &tid, FUTEX_WAIT, seen, NULL, NULL, 0);
}

static void run_thread(struct run *run)
{
	current = run;
	measure(run, thread_once, 1);
}

/* fork + exec of this program, which sees that it is not the first process and ends, + wait */
static void exec_once(void)
{
	char *argv[] = { "/init", NULL };
	int pid = fork();

	if (!pid) {
		execve(argv[0], argv, argv + 1);
		my_syscall1(__NR_exit_group, 1);
	}
	wait_for(pid);
}

static void run_exec(struct run *run)
{
	current = run;
	measure(run, exec_once, 1);
}

/* A byte goes to another process and comes back: two switches. */
static int there[2], back[2];

static void switch_once(void)
{
	char byte = 0;

	check(current, write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1, "a pipe");
}

static void run_switch(struct run *run)
{
	char byte;
	int pid;

	current = run;
	check(run, !pipe(there) && !pipe(back), "pipe");
	pid = fork();
	check(run, pid >= 0, "fork");
	if (!pid)
		while (read(there[0], &byte, 1) == 1)
			write(back[1], &byte, 1);
	measure(run, switch_once, 2);
}

/* A processor's part in a storm of forks. */
static void storm_on(int cpu, int gate)
{
	unsigned long mask = 1UL << cpu;
	long round;
	char byte;

	check(current, my_syscall3(__NR_sched_setaffinity, 0, sizeof(mask), &mask) >= 0, "sched_setaffinity");
	read(gate, &byte, 1); /* returns when all are there and the other end is closed */
	for (round = 0; round < current->rounds; round++)
		fork_once();
	exit(0);
}

/* CPUS: processes fork on so many processors at the same time. The operation is one fork on each. */
static void run_storm(struct run *run)
{
	int cpus = atoi(run->args[0]), cpu, status, gate[2], workers[64];
	unsigned long start;
	long batch;

	current = run;
	check(run, cpus >= 1 && cpus <= 64, "the number of processors");
	run->report->operations = run->rounds;
	for (batch = 0; batch < run->batches; batch++) {
		check(run, !pipe(gate), "pipe");
		for (cpu = 0; cpu < cpus; cpu++) {
			workers[cpu] = fork();
			check(run, workers[cpu] >= 0, "fork");
			if (!workers[cpu]) {
				close(gate[1]);
				storm_on(cpu, gate[0]);
			}
		}
		msleep(50);
		start = now();
		close(gate[1]);
		for (cpu = 0; cpu < cpus; cpu++)
			check(run, waitpid(workers[cpu], &status, 0) > 0 && !status, "a worker");
		run->report->cost[batch] = now() - start;
		close(gate[0]);
	}
}

const struct scenario process_scenarios[] = {
	{ "fork", 0, run_fork },
	{ "unshare", 0, run_unshare },
	{ "thread", 0, run_thread },
	{ "exec", 0, run_exec },
	{ "switch", 0, run_switch },
	{ "storm", 1, run_storm },
	{}
};
