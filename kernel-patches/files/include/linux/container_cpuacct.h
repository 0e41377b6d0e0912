/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hooks of the container subsystem cpuacct: in the accounting of CPU time by
 * kind, and what it has with the scheduler, which kernel/sched/container.c holds.
 */
#ifndef _LINUX_CONTAINER_CPUACCT_H
#define _LINUX_CONTAINER_CPUACCT_H

#include <linux/sched.h>

struct container_subsys_state;

#ifdef CONFIG_CONTAINER_CPUACCT

#include <linux/interrupt.h>
#include <linux/jump_label.h>
#include <linux/kernel_stat.h>
#include <linux/time64.h>

extern struct container_subsys container_cpuacct_subsys;
DECLARE_STATIC_KEY_FALSE(container_cpuacct_mounted);

/**
 * struct container_run - run time that a CPU has not charged yet; part of its rq
 * @css: whom it will be charged to: the state of the task that runs, or, while the
 *	CPU idles, of the last one that did.  NULL where there is nothing to charge.
 *	Changed under the rq's lock, with release semantics, as the charge before it
 *	must be seen by whoever sees that it is somebody else's turn
 * @origin: what the running task's own count of run time was, or would have been,
 *	when the last charge was made: the difference to what it is now is the
 *	time not charged
 * @until: when the interval of load ends, by the rq's clock
 * @start: when it began
 */
struct container_run {
	struct container_subsys_state *css;
	u64 origin;
	u64 until;
	u64 start;
};

/* kernel/sched/container.c */
void container_run_settle(int cpu, struct container_subsys_state *css, u64 now);
void container_run_move(struct task_struct *task,
			struct container_subsys_state *to);
void container_run_begin(int cpu);
void container_run_end(int cpu);
void container_run_expire(int cpu);

/* kernel/container/cpuacct.c */
void container_charge_run(struct container_run *run, int cpu, u64 ns,
			  bool running, u64 now);

enum container_cputime { CONTAINER_USER, CONTAINER_SYSTEM, NR_CONTAINER_CPUTIME };

void __container_account_cputime(struct task_struct *task,
				 enum container_cputime kind, u64 ns);
void __container_account_dead(struct task_struct *task);

/* So much of each kind a task keeps to itself, as most amounts are tiny. */
#define CONTAINER_CPUTIME_BATCH		NSEC_PER_MSEC

/* Where it keeps it. */
static inline u32 *container_cputime_kept(struct task_struct *task,
					  enum container_cputime kind)
{
	return kind == CONTAINER_USER ? &task->container_utime :
					&task->container_stime;
}

/**
 * container_account_cputime - tell what kind of CPU time it was that a task used
 * @task: whose time it was, as far as the caller can tell: while interrupts are
 *	accounted this may be the idle task, whose time is nobody's
 * @index: kind of time, enum cpu_usage_stat; only user and plain system time
 *	counts, and what ksoftirqd does for others
 * @ns: nanoseconds
 *
 * How much it was altogether is not known from here, but from the scheduler.
 * Context: interrupts off, on the CPU that spent the time.
 */
static inline void container_account_cputime(struct task_struct *task,
					     int index, u64 ns)
{
	enum container_cputime kind;
	u32 *kept;

	if (!static_branch_unlikely(&container_cpuacct_mounted))
		return;

	switch (index) {
	case CPUTIME_USER:
	case CPUTIME_NICE:
		kind = CONTAINER_USER;
		break;
	case CPUTIME_SOFTIRQ:
		/* Its own work for ksoftirqd, an interruption for all others. */
		if (task != this_cpu_ksoftirqd())
			return;
		fallthrough;
	case CPUTIME_SYSTEM:
		kind = CONTAINER_SYSTEM;
		break;
	default:
		return;
	}
	kept = container_cputime_kept(task, kind);
	ns += *kept;
	if (ns < CONTAINER_CPUTIME_BATCH)
		*kept = ns;
	else
		__container_account_cputime(task, kind, ns);
}

/**
 * container_account_dead - a task has left its CPU for ever
 * @task: dead; what kinds of time it used will be told by nobody any more
 *
 * Context: preemption off, interrupts on.
 */
static inline void container_account_dead(struct task_struct *task)
{
	if (static_branch_unlikely(&container_cpuacct_mounted))
		__container_account_dead(task);
}

/* A task begins with nothing of its parent's. */
static inline void container_cputime_init(struct task_struct *task)
{
	task->container_utime = 0;
	task->container_stime = 0;
}

#else

static inline void container_account_cputime(struct task_struct *task,
					     int index, u64 ns) {}
static inline void container_account_dead(struct task_struct *task) {}
static inline void container_cputime_init(struct task_struct *task) {}

#endif
#endif /* _LINUX_CONTAINER_CPUACCT_H */
