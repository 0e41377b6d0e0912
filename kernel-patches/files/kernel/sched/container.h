/* SPDX-License-Identifier: GPL-2.0 */
/* The scheduler's part of the container subsystem cpuacct: see container.c. */
#ifndef _KERNEL_SCHED_CONTAINER_H
#define _KERNEL_SCHED_CONTAINER_H

#include <linux/container_cpuacct.h>
#include <linux/containers.h>

#include "sched.h"

#ifdef CONFIG_CONTAINER_CPUACCT

void __container_sched_switch(struct rq *rq, struct task_struct *prev,
			      struct task_struct *next);

/*
 * The state of a task that is about to run on @rq.  A move that stores another set
 * meanwhile waits for the rq's lock, and then sees that the task runs.
 */
static inline struct container_subsys_state *
container_run_css(struct rq *rq, struct task_struct *task)
{
	struct container_set *set;

	set = rcu_dereference_check(task->containers,
				    lockdep_is_held(__rq_lockp(rq)));
	return READ_ONCE(set->subsys[container_cpuacct_subsys.id]);
}

/**
 * container_sched_switch - a CPU goes from one task to another
 * @rq: its runqueue, locked; the clock is up to date
 * @prev: the task that ran; its run time is up to date
 * @next: the task that is to run
 *
 * As long as the tasks of one container take turns, or the CPU idles in between,
 * their time is put together and nothing is charged.
 */
static inline void container_sched_switch(struct rq *rq,
					  struct task_struct *prev,
					  struct task_struct *next)
{
	struct container_run *run = &rq->container_run;

	if (!static_branch_unlikely(&container_cpuacct_mounted))
		return;
	if (unlikely(rq_clock(rq) >= run->until ||
		     (next != rq->idle &&
		      container_run_css(rq, next) != run->css)))
		__container_sched_switch(rq, prev, next);
	else
		run->origin += next->se.sum_exec_runtime -
			       prev->se.sum_exec_runtime;
}

#else

static inline void container_sched_switch(struct rq *rq,
					  struct task_struct *prev,
					  struct task_struct *next) {}

#endif
#endif /* _KERNEL_SCHED_CONTAINER_H */
