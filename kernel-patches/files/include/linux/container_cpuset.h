/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the container subsystem cpuset and the kernel have with each other besides
 * include/linux/cpuset.h: the hook in fork, and a question to the deadline scheduler.
 */
#ifndef _LINUX_CONTAINER_CPUSET_H
#define _LINUX_CONTAINER_CPUSET_H

#include <linux/sched.h>

#ifdef CONFIG_CONTAINER_CPUSET

#include <linux/jump_label.h>

DECLARE_STATIC_KEY_FALSE(container_cpusets_existed);

void __container_cpuset_post_fork(struct task_struct *child, bool alone);
bool dl_task_leaves_domain(struct task_struct *p, const struct cpumask *cpus);

/**
 * container_cpuset_post_fork - let a new task be where its cpuset is
 * @child: has been born and is visible, but has not run yet
 * @alone: it was born in a container that had been made for it
 *
 * What @child copied of its parent may have changed before it could be found.
 * Context: the parent's, no lock held, may sleep.
 */
static inline void container_cpuset_post_fork(struct task_struct *child,
					      bool alone)
{
	if (static_branch_unlikely(&container_cpusets_existed))
		__container_cpuset_post_fork(child, alone);
}

#else

static inline void container_cpuset_post_fork(struct task_struct *child,
					      bool alone) {}

#endif
#endif /* _LINUX_CONTAINER_CPUSET_H */
