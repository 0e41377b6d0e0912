/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What fork, exit, kthreads and /proc call of the container framework.  The argument
 * about their order is in kernel/container/member.c.
 */
#ifndef _LINUX_CONTAINER_HOOKS_H
#define _LINUX_CONTAINER_HOOKS_H

#include <linux/containers.h>

#ifdef CONFIG_CONTAINERS

/*
 * With no hierarchy active fork stores what container_fork() does, and the rest are
 * branches never taken.
 */
DECLARE_STATIC_KEY_FALSE(containers_tracked);

/* Ids of the subsystems that have a ->fork(). */
extern u32 container_fork_hearers;

/*
 * In ->container_counted, while a task is being made: container_can_fork() has given
 * it its set.  No subsystem has this id.
 */
#define CONTAINER_FORK_ASKED	BIT(31)

/* The thread group that is being moved as a whole, or NULL. */
extern struct signal_struct *container_moving;

int __container_fork_wait(void);

/*
 * There, too: the child is an idle task, or may want a container of its own.  With
 * CONTAINER_FORK_ASKED it has got one.
 */
#define CONTAINER_FORK_ODD	BIT(30)
static_assert(CONFIG_MAX_CONTAINER_SUBSYS <= 28);	/* two more marks: internal.h */

int __container_can_fork(struct task_struct *child, u64 clone_flags,
			 struct container **made);
bool __container_fork_stale(struct task_struct *child);
int container_fork_again(struct task_struct *child);
void __container_join(struct task_struct *child);
void __container_post_fork(struct task_struct *child, struct container *made);
void container_cancel_fork(struct task_struct *child);
int __container_unshare(unsigned long flags);
void __container_exit(struct task_struct *task);
void __container_reaped(struct task_struct *task);
void container_set_put(struct container_set *set);

/**
 * container_fork - give a task that is being made its first membership
 * @child: a copy of its parent's task_struct that nobody else knows of yet
 *
 * No reference of the parent's is copied; from here on @child is a task like
 * others to task_container().
 */
static inline void container_fork(struct task_struct *child)
{
	RCU_INIT_POINTER(child->containers, &init_container_set);
	child->container_node.pprev = NULL;	/* so it is on no list */
	child->container_counted = 0;
}

/**
 * container_fork_wait - let a move of this thread group come to its end
 *
 * For all that call copy_process() and may make a thread, before it takes any lock, as
 * the mover may be long.  Not in copy_process() itself: there it makes the compiler
 * keep what it needs all the way in memory, some 30 instructions a fork.
 *
 * Returns 0, or -ERESTARTSYS where the caller is to die.  May sleep.
 */
static inline int container_fork_wait(void)
{
	if (static_branch_unlikely(&containers_tracked) &&
	    unlikely(READ_ONCE(container_moving) == current->signal))
		return __container_fork_wait();
	return 0;
}

/**
 * container_fork_odd - mark a child as one that container_can_fork() has to look at
 * @child: a child that nobody else knows of yet, between container_fork() and
 *	container_can_fork(): an idle task, for one
 */
static inline void container_fork_odd(struct task_struct *child)
{
	child->container_counted = CONTAINER_FORK_ODD;
}

/**
 * container_fork_namespaces - tell that a child may have new namespaces
 * @child: as for container_fork_odd()
 */
static inline void container_fork_namespaces(struct task_struct *child)
{
	if (static_branch_unlikely(&containers_tracked))
		container_fork_odd(child);
}

/**
 * container_can_fork - let @child be born where its parent is, or in a new container
 *	below that, or not at all
 * @child: has its pid; not visible yet
 * @clone_flags: what the fork was asked for
 * @made: for container_post_fork(), which alone knows whether there is something in it
 *
 * Returns 0, or a negative errno with nothing to undo.  Context: the parent's, with
 * no lock that is held while anybody waits for container_mutex; may sleep.
 * Undone by container_cancel_fork().
 */
static inline int container_can_fork(struct task_struct *child,
				     u64 clone_flags, struct container **made)
{
	if (static_branch_unlikely(&containers_tracked))
		return __container_can_fork(child, clone_flags, made);
	return 0;
}

/**
 * container_fork_stale - has something happened to the parent since
 *	container_can_fork()?
 * @child: about to become visible
 *
 * It may have moved, or its containers are being killed.  If so the caller drops these
 * locks, calls container_fork_again() and comes back.
 * Context: tasklist_lock and the siglock of current are held until after
 * container_join().
 */
static inline bool container_fork_stale(struct task_struct *child)
{
	/* The key may have been turned off since container_can_fork(). */
	if (static_branch_unlikely(&containers_tracked) ||
	    child->container_counted)
		return __container_fork_stale(child);
	return false;
}

/**
 * container_join - put @child on the list of its container's tasks
 * @child: visible now, and no idle task; container_fork_stale() said no
 *
 * Context: the siglock of current, since container_fork_stale().
 */
static inline void container_join(struct task_struct *child)
{
	if (static_branch_unlikely(&containers_tracked))
		__container_join(child);
}

/**
 * container_post_fork - tell the subsystems that @child has been born
 * @child: visible, has not run
 * @made: what container_can_fork() has left there
 *
 * May sleep.
 */
static inline void container_post_fork(struct task_struct *child,
				       struct container *made)
{
	if (static_branch_unlikely(&containers_tracked) &&
	    READ_ONCE(child->container_counted) &
		    READ_ONCE(container_fork_hearers))
		__container_post_fork(child, made);
}

/**
 * container_unshare - let current have a container of its own for new namespaces
 * @flags: of unshare(2), valid ones
 *
 * Returns 0, or a negative errno where nothing has changed: see container_clone().
 * There is no undoing it: the last thing to be tried before the namespaces are
 * current's.  May sleep.
 */
static inline int container_unshare(unsigned long flags)
{
	if (static_branch_unlikely(&containers_tracked))
		return __container_unshare(flags);
	return 0;
}

/**
 * container_exit - take an exiting task out of its container
 * @task: current, with PF_EXITING set
 *
 * It counts nowhere any more and cannot be moved, but task_container() knows
 * for ever where it was.
 */
static inline void container_exit(struct task_struct *task)
{
	if (static_branch_unlikely(&containers_tracked))
		__container_exit(task);
}

/**
 * container_reap_begin - a dead task is about to leave the lists of all tasks
 *
 * Until container_reap_end(), container_counting_stop() either finds the task on
 * those lists or waits for it.  Costs nothing without preemptible RCU.
 */
static inline void container_reap_begin(void)
	__acquires(RCU)
{
	rcu_read_lock();
}

/**
 * container_reap_end - a dead task has been reaped
 * @task: pinned; its numbers are free
 *
 * Its subsystems hear of it only where one has asked for that.  Interrupts on.
 */
static inline void container_reap_end(struct task_struct *task)
	__releases(RCU)
{
	if (static_branch_unlikely(&containers_tracked) &&
	    READ_ONCE(task->container_counted))
		__container_reaped(task);
	rcu_read_unlock();
}

/**
 * container_free - drop a dead task's reference to its set
 * @task: nobody can reach it any more
 *
 * Any context.
 */
static inline void container_free(struct task_struct *task)
{
	struct container_set *set = rcu_dereference_raw(task->containers);

	if (set != &init_container_set)
		container_set_put(set);
}

/**
 * container_init_kthreadd - keep the parent of all kernel threads where it is
 *
 * Its children inherit that until container_kthread_ready().  Context: kthreadd
 * itself, before it makes the first one.
 */
static inline void container_init_kthreadd(void)
{
	current->container_unready = 1;
}

/**
 * container_kthread_ready - let a kernel thread be moved from here on
 *
 * Its creator, who alone may bind it to a CPU, has done so by now or never will.
 * Context: the new thread itself, woken by its creator.
 */
static inline void container_kthread_ready(void)
{
	current->container_unready = 0;
}

int proc_container_show(struct seq_file *m, struct pid_namespace *ns,
			struct pid *pid, struct task_struct *task);

#else /* !CONFIG_CONTAINERS */

static inline void container_fork(struct task_struct *child) {}
static inline int container_fork_wait(void) { return 0; }
static inline void container_fork_odd(struct task_struct *child) {}
static inline void container_fork_namespaces(struct task_struct *child) {}
static inline int container_can_fork(struct task_struct *child,
				     u64 clone_flags, struct container **made)
{
	return 0;
}

static inline bool container_fork_stale(struct task_struct *child)
{
	return false;
}

static inline void container_join(struct task_struct *child) {}
static inline void container_post_fork(struct task_struct *child,
				       struct container *made) {}
static inline int container_unshare(unsigned long flags) { return 0; }
static inline void container_cancel_fork(struct task_struct *child) {}
static inline int container_fork_again(struct task_struct *child) { return 0; }
static inline void container_exit(struct task_struct *task) {}
static inline void container_reap_begin(void) {}
static inline void container_reap_end(struct task_struct *task) {}
static inline void container_free(struct task_struct *task) {}
static inline void container_init_kthreadd(void) {}
static inline void container_kthread_ready(void) {}

#endif /* CONFIG_CONTAINERS */
#endif /* _LINUX_CONTAINER_HOOKS_H */
