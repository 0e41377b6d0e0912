/* SPDX-License-Identifier: GPL-2.0 */
/* The hook of the container subsystem cpuacct in the accounting of CPU time. */
#ifndef _LINUX_CONTAINER_CPUACCT_H
#define _LINUX_CONTAINER_CPUACCT_H

#include <linux/sched.h>

#ifdef CONFIG_CONTAINER_CPUACCT

#include <linux/jump_label.h>

DECLARE_STATIC_KEY_FALSE(container_cpuacct_mounted);

void __container_account_cputime(struct task_struct *task, int index, u64 ns);

/**
 * container_account_cputime - charge CPU time to the container of a task
 * @task: whose time it was, as far as the caller can tell: while interrupts are
 *	accounted this may be the idle task, whose time is nobody's
 * @index: kind of time, enum cpu_usage_stat; only user and plain system time
 *	is charged
 * @ns: nanoseconds
 *
 * Context: interrupts off, on the CPU that spent the time.
 */
static inline void container_account_cputime(struct task_struct *task,
					     int index, u64 ns)
{
	if (static_branch_unlikely(&container_cpuacct_mounted))
		__container_account_cputime(task, index, ns);
}

#else

static inline void container_account_cputime(struct task_struct *task,
					     int index, u64 ns) {}

#endif
#endif /* _LINUX_CONTAINER_CPUACCT_H */
