// SPDX-License-Identifier: GPL-2.0
/*
 * Membership: which containers a task is in, and how that changes by fork, by a
 * move, and by exit.  The argument about all three is here, and fork's and exit's
 * code; that of a move is in move.c.  How membership begins and ends to be tracked at
 * all, when the first hierarchy is mounted and the last one ends, is in tracking.c.
 *
 * A task's ->containers points to the set that names its container in each
 * hierarchy.  One store of that pointer moves the task, so no reader ever finds
 * it half moved or in no container.  Idle tasks, and every task while nothing is
 * mounted, point to init_container_set, which never dies: they cost nothing.
 *
 * Who changes what, under which lock:
 *
 *   ->containers	 a move: container_mutex + siglock + both sets' locks; before
 *			 it is visible, the task's maker
 *   ->container_node	 on the set's list while the task is alive and tracked: the
 *			 set's lock
 *   ->container_counted the subsystems that have counted the task and have not
 *			 forgotten it, and the marks of a move: the set's lock;
 *			 before it is visible, its maker
 *
 * A task off its set's list (hlist_unhashed) is not born yet, has left, or is not
 * tracked.  It is never moved.
 *
 * Exit against move: the set's lock decides, and whoever comes second finds out.
 *
 *	exit				move of the task from A to B
 *	----				----------------------------
 *					lists the task, charges B
 *	lock A
 *	  off the list, bits taken
 *	unlock A
 *	uncharges A			lock A, lock B
 *					  it is on no list: nothing to move
 *					unlock both
 *					takes back what it charged B
 *
 *	lock A				lock A, lock B
 *	  (waits)			  ->containers = B, on B's list, marked
 *					unlock both
 *	  ->containers is not A: again
 *	lock B
 *	  off the list; as it is marked,
 *	  the bits are left
 *	unlock B			uncharges A
 *					lock B
 *					  off the list: tells of the exit
 *					unlock B
 *					uncharges B
 *
 * So the subsystems hear of an exit, and of the reaping, after the move, however
 * long the mover may take to tell of it.
 *
 * The charges are never fewer than the tasks: a move charges the new state before
 * the store, and uncharges the old one after it or with both sets locked, and an exit
 * uncharges the state that it finds.
 *
 * Fork against move: a child must not be born where its parent has been.  Fork
 * takes its parent's set in container_can_fork(), lets the subsystems charge it, and
 * makes the child visible much later.  Both the birth and the store of ->containers
 * happen under the siglock of the parent's thread group, which fork holds there
 * anyway.  So fork looks once more under that lock.
 *
 *	fork				move of its parent from A to B
 *	----				------------------------------
 *	child->containers = A
 *	charges A
 *					lists and charges
 *					siglock
 *					  current->containers = B
 *					siglock dropped
 *	siglock
 *	  A is not B: stale
 *	siglock dropped
 *	uncharges A, begins anew with B
 *
 * If fork takes the siglock first the child is born in A, wholly before the move;
 * else it is born in B, wholly after it.  As there is one pointer, that is so in all
 * hierarchies alike.  The reference to A that the child's pointer has keeps A from
 * being freed and made anew at the same address, so equal pointers mean equal sets.
 *
 * A thread against the move of its group: all threads move as one step, those that
 * are being made too.
 *
 *	clone				move of the group from A to B
 *	-----				-----------------------------
 *	container_fork_wait()
 *	child->containers = A
 *					container_moving = group
 *					siglock
 *					  lists the threads
 *					siglock dropped
 *					charges B for them
 *	siglock
 *	  not stale: born in A
 *	siglock dropped
 *					siglock
 *					  one is not listed yet: lists it
 *					siglock dropped
 *					charges B for it
 *					siglock
 *					  all are listed: moves them
 *					siglock dropped
 *
 * The move neither waits for a clone nor lets one wait that has begun, and may hold
 * locks: that is born, here or there.  One that comes later waits before it begins,
 * in container_fork_wait().  So at most as many threads as there were when the group
 * was named can appear meanwhile, and no storm of clones holds up the mover.
 *
 * kernel-patches/models/membership.pml has a model of all this, of move.c and tracking.c.
 */
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "internal.h"

static __always_inline struct container_set *
task_set_lock(struct task_struct *task)
	__acquires(set->lock)
{
	struct container_set *set;

	lockdep_assert_in_rcu_read_lock();
	for (;;) {
		set = rcu_dereference(task->containers);
		spin_lock_irq(&set->lock);
		if (likely(set == rcu_access_pointer(task->containers)))
			return set;
		spin_unlock_irq(&set->lock);
	}
}

/**
 * container_task_set_lock - lock the set that a task is in
 * @task: any task
 *
 * It cannot be moved until the set's lock is dropped, with spin_unlock_irq().  Under
 * rcu_read_lock(), with interrupts on.
 */
struct container_set *container_task_set_lock(struct task_struct *task)
	__acquires(set->lock)
{
	return task_set_lock(task);
}

/* Fork */

static inline void assert_siglock(void)
{
	struct sighand_struct *sighand;

	sighand = rcu_dereference_protected(current->sighand, true);
	lockdep_assert_held(&sighand->siglock);
}

int __container_fork_wait(void)
{
	return wait_var_event_killable(&container_moving,
				       READ_ONCE(container_moving) !=
					       current->signal);
}

/* The subsystem with this id refuses.  Those before it have been charged. */
static noinline int charge_failed(struct task_struct *child, unsigned long id,
				  int ret)
{
	child->container_counted &= BIT(id) - 1;
	container_cancel_fork(child);
	return ret;
}

/* Let the subsystems charge a child that is to be born in @set, whose reference it gets. */
static __always_inline int charge_child(struct task_struct *child,
					struct container_set *set)
{
	u32 mask = READ_ONCE(container_counting);
	struct container_subsys *ss;
	unsigned long id;
	int ret;

	/* Whoever makes the child visible orders this before it. */
	RCU_INIT_POINTER(child->containers, set);
	/* As if all had been charged.  Nobody looks until this is over. */
	child->container_counted = mask | CONTAINER_FORK_ASKED;
	for_each_subsys_in(ss, id, mask) {
		ret = ss->can_fork ? ss->can_fork(set->subsys[id], child) : 0;
		if (unlikely(ret))
			return charge_failed(child, id, ret);
	}
	return 0;
}

/* Idle tasks stay in the initial set.  Others may want a container of their own. */
static noinline int can_fork_odd(struct task_struct *child, u64 clone_flags,
				 struct container **made)
{
	struct container_set *set;
	int ret;

	child->container_counted = 0;
	if (!child->pid)
		return 0;
	set = container_clone_begin(child, clone_flags, made);
	if (IS_ERR(set))
		return PTR_ERR(set);
	ret = charge_child(child, set);
	if (!*made)
		return ret;
	if (ret)
		container_clone_cancel(*made);
	else
		child->container_counted |= CONTAINER_FORK_ODD;
	return ret;
}

int __container_can_fork(struct task_struct *child, u64 clone_flags,
			 struct container **made)
{
	if (unlikely(child->container_counted))
		return can_fork_odd(child, clone_flags, made);
	return charge_child(child, task_set_get(current));
}

/* Has container_can_fork() made a container for the child, which is not born yet? */
static bool has_container_made(struct task_struct *child)
{
	return !(~child->container_counted &
		 (CONTAINER_FORK_ASKED | CONTAINER_FORK_ODD));
}

/**
 * container_cancel_fork - undo container_can_fork()
 * @child: not visible, and never was
 *
 * May sleep.  Nothing happens where there is nothing to undo.
 */
void container_cancel_fork(struct task_struct *child)
{
	struct container_set *set = rcu_dereference_protected(child->containers,
							      true);
	struct container *made = NULL;
	struct container_subsys *ss;
	unsigned int id;

	if (has_container_made(child))
		made = container_clone_made(set);
	for_each_subsys_in(ss, id,
			   child->container_counted &
				   ~(CONTAINER_FORK_ASKED | CONTAINER_FORK_ODD))
		if (ss->can_fork && ss->cancel_fork)
			ss->cancel_fork(set->subsys[id], child);
	child->container_counted = 0;
	RCU_INIT_POINTER(child->containers, &init_container_set);
	container_set_put(set);
	if (made)
		container_clone_cancel(made);
}

/* __container_fork_stale() where something is unusual. */
static noinline bool fork_stale_slow(struct task_struct *child,
				     u32 counting)
{
	struct container_set *born = rcu_dereference_protected(child->containers,
							       true);
	struct container_set *set = rcu_dereference_protected(current->containers,
							      true);
	u32 now = counting | CONTAINER_FORK_ASKED;

	/* can_fork_odd() has done so, or there was nothing to track at that time. */
	if (!child->pid) {
		child->container_counted = 0;
		return false;
	}
	if ((born != set || child->container_counted != now) &&
	    (child->container_counted != (now | CONTAINER_FORK_ODD) ||
	     container_clone_stale(born, set)))
		return true;
	if (unlikely(READ_ONCE(set->killing)) && container_kill_due())
		return true;
	child->container_counted &= ~CONTAINER_FORK_ASKED;
	return false;
}

bool __container_fork_stale(struct task_struct *child)
{
	struct container_set *born = rcu_dereference_protected(child->containers,
							       true);
	struct container_set *set = rcu_dereference_protected(current->containers,
							      true);
	u32 counting = READ_ONCE(container_counting);

	assert_siglock();
	/* Nobody has been asked for an idle task. */
	if (unlikely(born != set ||
		     child->container_counted !=
			     (counting | CONTAINER_FORK_ASKED) ||
		     READ_ONCE(set->killing)))
		return fork_stale_slow(child, counting);
	child->container_counted = counting;
	return false;
}

/**
 * container_fork_again - what container_can_fork() has done is outdated: do it again
 * @child: not visible; container_fork_stale() said yes
 *
 * Fork may hold locks of others by now, under which container_mutex must not be taken:
 * cgroup_threadgroup_rwsem is one, whose writers hold cpu_hotplug_lock.  So if a
 * container was made for @child, it is left to container_cancel_fork(), and all of
 * clone(2) begins anew.
 *
 * Returns 0, or a negative errno.  Undone by container_cancel_fork() in both cases.
 * May sleep.
 */
int container_fork_again(struct task_struct *child)
{
	container_kill_forker();
	if (has_container_made(child)) {
		set_thread_flag(TIF_SIGPENDING);
		return -ERESTARTNOINTR;
	}
	container_cancel_fork(child);
	/*
	 * Whatever the static key says, which is many places in the code that change one
	 * by one: if this one and that in container_fork_stale() did not agree, fork
	 * would come back for ever.
	 */
	return charge_child(child, task_set_get(current));
}

void __container_join(struct task_struct *child)
{
	struct container_set *set = rcu_dereference_protected(child->containers,
							      true);
	struct container_subsys *ss;
	u32 callees;
	unsigned long id;

	assert_siglock();
	if (!READ_ONCE(container_tracking))
		return;
	/*
	 * container_tracking_start() may have seen the child already.  A move may
	 * have met it, and waits for the lock with what it has to tell.
	 */
	spin_lock(&set->lock);
	container_set_add_task(set, child);
	callees = READ_ONCE(child->container_counted) &
		  READ_ONCE(container_birth_hearers);
	for_each_subsys_in(ss, id, callees)
		ss->born(set->subsys[id], child);
	spin_unlock(&set->lock);
}

void __container_post_fork(struct task_struct *child, struct container *made)
{
	u32 callees = READ_ONCE(container_fork_hearers) & ~CONTAINER_FORK_ODD;
	struct container_subsys *ss;
	struct container_set *set;
	unsigned int id;
	bool odd;

	/* The lock keeps a move's store, and so its ->attach(), behind us. */
	rcu_read_lock();
	set = container_task_set_lock(child);
	odd = child->container_counted & CONTAINER_FORK_ODD;
	child->container_counted &= ~CONTAINER_FORK_ODD;
	callees &= child->container_counted;
	for_each_subsys_in(ss, id, callees)
		ss->fork(set->subsys[id], child);
	spin_unlock_irq(&set->lock);
	rcu_read_unlock();

	/* Only now: where the child is may not be where it was born. */
	if (odd)
		container_clone_end(made, child);
}

/* Exit */

void __container_exit(struct task_struct *task)
{
	struct container_subsys *ss;
	struct container_set *set;
	u32 counted;
	unsigned long id;

	/* Also what container_counting_stop() waits for. */
	rcu_read_lock();
	set = task_set_lock(task);
	container_set_del_task(set, task);
	counted = task->container_counted;
	if (unlikely(counted & COUNTED_MOVED))
		counted = 0;	/* see container_unmark_moved() */
	else	/* The others have nothing to wait for. */
		task->container_counted = counted &
					  READ_ONCE(container_reap_hearers);
	spin_unlock_irq(&set->lock);

	/* The task's reference, which container_free() drops, keeps the set. */
	for_each_subsys_in(ss, id, counted & READ_ONCE(container_exit_hearers))
		ss->exit(set->subsys[id], task);
	rcu_read_unlock();
}

void __container_reaped(struct task_struct *task)
{
	struct container_subsys *ss;
	struct container_set *set;
	u32 counted;
	unsigned long id;

	/* container_counting_stop() may be here for the same task. */
	set = task_set_lock(task);
	counted = task->container_counted;
	if (unlikely(counted & COUNTED_MOVED)) {
		task->container_counted |= COUNTED_REAPED;
		counted = 0;	/* see container_unmark_moved() */
	} else {
		task->container_counted = 0;
	}
	spin_unlock_irq(&set->lock);

	for_each_subsys_in(ss, id, counted)
		ss->reaped(set->subsys[id], task);
}

/**
 * container_unmark_moved - end what COUNTED_MOVED began
 * @task: marked and pinned by the caller
 *
 * The subsystems have heard of its move: tell them what has become of it since; the
 * rest it tells them itself.  Under container_mutex.
 */
void container_unmark_moved(struct task_struct *task)
{
	struct container_subsys *ss;
	struct container_set *set;
	u32 counted;
	bool exited, reaped;
	unsigned int id;

	rcu_read_lock();
	set = container_task_set_lock(task);
	exited = hlist_unhashed(&task->container_node);
	counted = task->container_counted & ~COUNTED_MARKS;
	if (!exited)
		task->container_counted = counted;
	spin_unlock_irq(&set->lock);
	if (!exited)
		goto out;

	/* A task off its set's list is not moved again: the set stays. */
	for_each_subsys_in(ss, id, counted)
		if (ss->exit)
			ss->exit(set->subsys[id], task);

	counted &= READ_ONCE(container_reap_hearers);
	spin_lock_irq(&set->lock);
	reaped = task->container_counted & COUNTED_REAPED;
	task->container_counted = reaped ? 0 : counted;
	spin_unlock_irq(&set->lock);
	if (reaped)
		for_each_subsys_in(ss, id, counted)
			ss->reaped(set->subsys[id], task);
out:
	rcu_read_unlock();
}
