// SPDX-License-Identifier: GPL-2.0
/*
 * Membership: which containers a task is in, and how that changes by fork, by a
 * move, and by exit.
 *
 * A task's ->containers points to the set that names its container in each
 * hierarchy.  One store of that pointer moves the task, so no reader ever finds
 * it half moved or in no container.  Idle tasks, and every task while nothing is
 * mounted, point to init_container_set, which never dies: they cost nothing.
 *
 * Who changes what, under which lock:
 *
 *   ->containers	 a move: container_mutex + siglock + both sets' locks
 *   ->container_node	 on the set's list while the task is alive and something
 *			 is mounted: the set's lock
 *   ->container_counted the subsystems that have counted the task: the set's lock
 *
 * A task off its set's list (hlist_unhashed) has left or is not born yet.  It is
 * never moved, so a set's lock is enough to decide between a move and an exit:
 * whichever comes first under the lock wins, and the other finds out.
 *
 * Fork against move.  Fork reads its parent's set in container_can_fork(), lets
 * the subsystems charge it, and makes the child visible much later.  A move in
 * between would leave the child behind, or split a thread group.  Both the store
 * of ->containers and the birth of a child happen under the siglock of the same
 * thread group, which fork holds there anyway.  So fork looks once more under
 * that lock (container_fork_stale()): the parent's set is unchanged, and the
 * child lands wholly before any move to come; or it has changed, and fork undoes
 * its charges and begins anew where the parent is now, wholly after the move.
 * As there is one pointer, that is so in all hierarchies alike.
 *
 * A whole thread group moves at once, so a thread must not appear after the
 * others have been asked and charged for.  The move first publishes the group in
 * @moving, then takes its siglock.  A birth that held the siglock before is on
 * the list of threads; one that takes it later sees @moving, is stale, and waits
 * for the end of the move.  Hence one look at the list suffices, and no fork
 * storm can hold up the mover.
 *
 * Exit against move.  container_exit() takes the task off the list; see above.
 * Charges follow: a move charges the new state before the store and uncharges
 * the old one after it.  An exit uncharges the state that it finds.  If exit
 * wins, the move takes its charge back.
 *
 * Mount against fork and exit.  Tasks are on lists, and counted by subsystems,
 * only while something is mounted.  The first mount turns the static key on and
 * waits a grace period, so that every exit from then on looks at the lists; then
 * it lets forks join them, waits once more, and looks at all tasks.  Fork looks
 * between container_fork_stale() and container_join(), with interrupts off: after
 * the grace period, a birth that saw the old flags is complete and visible to the
 * walk, and all others do their part themselves.  An exit that saw the old key had
 * set PF_EXITING before it: the walk leaves such tasks alone.  Text patching is no
 * barrier on every architecture, the grace period is.
 */
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "internal.h"

DEFINE_STATIC_KEY_FALSE(containers_tracked);

/* Forks put children on lists.  Under container_mutex; read by container_join(). */
static bool tracking __read_mostly;

/* Ids of the subsystems that count tasks now.  As above. */
static unsigned long counting __read_mostly;

/*
 * Held for writing while tasks change sets.  Not container_mutex, as the opening
 * of a file needs it: that holds an active reference which the mutex's holder may
 * wait for.
 */
DECLARE_RWSEM(container_move_sem);

/* The thread group being moved, or NULL.  Written by the holder of container_mutex. */
static struct signal_struct *moving;

/* Lock the set that @task is in; it cannot be moved until it is unlocked. */
static struct container_set *task_set_lock(struct task_struct *task)
	__acquires(set->lock)
{
	struct container_set *set;

	lockdep_assert_in_rcu_read_lock();
	for (;;) {
		set = rcu_dereference(task->containers);
		spin_lock_irq(&set->lock);
		if (set == rcu_access_pointer(task->containers))
			return set;
		spin_unlock_irq(&set->lock);
	}
}

/* Fork */

/* Apart, as it needs a stack that forks in general do not. */
static noinline int wait_for_move(void)
{
	return wait_var_event_killable(&moving, READ_ONCE(moving) !=
						current->signal);
}

int __container_can_fork(struct task_struct *child)
{
	struct container_subsys *ss;
	struct container_set *set;
	unsigned long mask;
	unsigned int id;
	int ret;

	if (!child->pid)	/* idle tasks stay in the initial set */
		return 0;

	if (unlikely(READ_ONCE(moving) == current->signal)) {
		ret = wait_for_move();
		if (ret)
			return ret;
	}

	set = task_set_get(current);
	/* Whoever makes the child visible orders this before it. */
	RCU_INIT_POINTER(child->containers, set);

	mask = READ_ONCE(counting);
	for_each_subsys_in(ss, id, mask) {
		ret = ss->can_fork ? ss->can_fork(set->subsys[id], child) : 0;
		if (ret) {
			/* Those before this one have been charged. */
			child->container_counted = mask & (BIT(id) - 1);
			container_cancel_fork(child);
			return ret;
		}
	}
	child->container_counted = mask;
	return 0;
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
	struct container_subsys *ss;
	unsigned int id;

	for_each_subsys_in(ss, id, child->container_counted)
		if (ss->can_fork && ss->cancel_fork)
			ss->cancel_fork(set->subsys[id], child);
	child->container_counted = 0;
	RCU_INIT_POINTER(child->containers, &init_container_set);
	container_set_put(set);
}

bool __container_fork_stale(struct task_struct *child)
{
	lockdep_assert_held(&rcu_access_pointer(current->sighand)->siglock);
	if (!child->pid)
		return false;
	return READ_ONCE(moving) == current->signal ||
	       rcu_access_pointer(child->containers) !=
		       rcu_access_pointer(current->containers) ||
	       child->container_counted != READ_ONCE(counting);
}

void __container_join(struct task_struct *child)
{
	struct container_set *set = rcu_dereference_protected(child->containers,
							      true);

	lockdep_assert_held(&rcu_access_pointer(current->sighand)->siglock);
	if (!child->pid || !READ_ONCE(tracking))
		return;
	spin_lock(&set->lock);
	container_set_arrive(set);
	container_set_link(set, child);
	spin_unlock(&set->lock);
}

void __container_post_fork(struct task_struct *child)
{
	unsigned long callees = READ_ONCE(child->container_counted) &
				READ_ONCE(container_fork_hearers);
	struct container_subsys *ss;
	struct container_set *set;
	unsigned int id;

	/* The lock keeps a move's store, and so its ->attach(), behind us. */
	rcu_read_lock();
	set = task_set_lock(child);
	callees &= child->container_counted;
	for_each_subsys_in(ss, id, callees)
		ss->fork(set->subsys[id], child);
	spin_unlock_irq(&set->lock);
	rcu_read_unlock();
}

/* Exit */

void __container_exit(struct task_struct *task)
{
	struct container_subsys *ss;
	struct container_set *set;
	unsigned long counted;
	unsigned int id;

	/* Also what container_counting_stop() waits for. */
	rcu_read_lock();
	set = task_set_lock(task);
	if (!hlist_unhashed(&task->container_node)) {
		container_set_unlink(set, task);
		container_set_leave(set);
	}
	counted = task->container_counted;
	/* The others have nothing to wait for. */
	task->container_counted = counted & READ_ONCE(container_reap_hearers);
	spin_unlock_irq(&set->lock);

	/* The task's reference, which container_free() drops, keeps the set. */
	for_each_subsys_in(ss, id, counted)
		if (ss->exit)
			ss->exit(set->subsys[id], task);
	rcu_read_unlock();
}

void __container_reaped(struct task_struct *task)
{
	struct container_subsys *ss;
	struct container_set *set;
	unsigned long counted;
	unsigned int id;

	/* container_counting_stop() may be here for the same task. */
	set = task_set_lock(task);
	counted = task->container_counted;
	task->container_counted = 0;
	spin_unlock_irq(&set->lock);

	for_each_subsys_in(ss, id, counted)
		ss->reaped(set->subsys[id], task);
}

/* Move */

struct moving_task {
	struct task_struct *task;
	struct container_set *from;	/* the task's own reference keeps it */
	struct container_set *to;
	bool charged;
	bool moved;
};

struct container_move {
	struct container *to;
	struct moving_task *tasks;
	unsigned int count;
	bool some_there;		/* a live task of the group is in @to already */
};

/*
 * Note the task in @move, unless there is nothing to do.  With room for one more;
 * under the group's siglock.  Returns false for a task that has left.
 */
static bool move_add(struct container_move *move, struct task_struct *task)
{
	struct moving_task *m = &move->tasks[move->count];
	struct containerfs_root *root = move->to->root;

	if (hlist_unhashed_lockless(&task->container_node))
		return false;
	m->from = rcu_dereference_protected(task->containers,
					    lockdep_is_held(&container_mutex));
	if (m->from->at[root->slot].container == move->to) {
		move->some_there = true;
		return true;
	}
	m->task = get_task_struct(task);
	move->count++;
	return true;
}

/*
 * List the tasks to be moved.  No task joins the thread group from here on, as
 * @moving names it.
 */
static int move_collect(struct container_move *move, struct task_struct *task,
			bool whole_group)
{
	struct sighand_struct *sighand;
	struct task_struct *t;
	unsigned long flags;
	unsigned int room;
	bool found;

	sighand = lock_task_sighand(task, &flags);
	if (!sighand)
		return -ESRCH;
	room = whole_group ? get_nr_threads(task) : 1;
	spin_unlock_irqrestore(&sighand->siglock, flags);

	move->tasks = kvcalloc(room, sizeof(*move->tasks), GFP_KERNEL);
	if (!move->tasks)
		return -ENOMEM;

	sighand = lock_task_sighand(task, &flags);
	if (!sighand)
		return -ESRCH;
	if (whole_group) {
		found = false;
		rcu_read_lock();	/* for the list's checks; it cannot change */
		__for_each_thread(task->signal, t)
			if (!WARN_ON_ONCE(move->count == room))
				found |= move_add(move, t);
		rcu_read_unlock();
	} else {
		found = move_add(move, task);
	}
	spin_unlock_irqrestore(&sighand->siglock, flags);
	return found ? 0 : -ESRCH;
}

static void cancel_charges(struct container_move *move, struct moving_task *m,
			   unsigned long mask)
{
	struct container_subsys *ss;
	unsigned int id;

	for_each_subsys_in(ss, id, mask)
		if (ss->cancel_attach)
			ss->cancel_attach(move->to->subsys[id], m->task);
	m->charged = false;
}

/* Ask all subsystems of the hierarchy whether the task may move. */
static int move_charge(struct container_move *move, struct moving_task *m)
{
	unsigned long mask = move->to->root->subsys_mask;
	struct container_subsys *ss;
	unsigned long done = 0;
	unsigned int id;
	int ret;

	for_each_subsys_in(ss, id, mask) {
		ret = ss->can_attach ?
			ss->can_attach(move->to->subsys[id], m->task) : 0;
		if (ret) {
			cancel_charges(move, m, done);
			return ret;
		}
		done |= BIT(id);
	}
	m->charged = true;
	return 0;
}

/* The move of one task: the store that all of this file is about. */
static void move_switch(struct moving_task *m)
{
	/* container_mutex makes us the only one who holds two */
	spin_lock(&m->from->lock);
	spin_lock_nested(&m->to->lock, SINGLE_DEPTH_NESTING);
	if (!hlist_unhashed(&m->task->container_node)) {
		/* Arrive first: what both sets share must not look empty. */
		container_set_arrive(m->to);
		container_set_unlink(m->from, m->task);
		rcu_assign_pointer(m->task->containers, m->to);
		container_set_link(m->to, m->task);
		container_set_leave(m->from);
		m->moved = true;
	}
	spin_unlock(&m->to->lock);
	spin_unlock(&m->from->lock);
}

/* Move all that are still there.  Returns whether there was one. */
static bool move_switch_all(struct container_move *move)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < move->count; i++) {
		move_switch(&move->tasks[i]);
		any |= move->tasks[i].moved;
	}
	return any;
}

/*
 * The move, as one step for whoever takes the siglock.  Any thread will do to take
 * it; exec may have released the one that the caller named.
 */
static bool move_commit(struct container_move *move)
{
	struct sighand_struct *sighand;
	unsigned long flags;
	bool any = false;
	unsigned int i;

	down_write(&container_move_sem);
	for (i = 0; i < move->count; i++) {
		sighand = lock_task_sighand(move->tasks[i].task, &flags);
		if (!sighand)
			continue;
		any = move_switch_all(move);
		spin_unlock_irqrestore(&sighand->siglock, flags);
		break;
	}
	up_write(&container_move_sem);
	return any;
}

static void move_settle(struct container_move *move, bool any)
{
	unsigned long mask = move->to->root->subsys_mask;
	struct container_subsys *ss;
	struct moving_task *m;
	unsigned int id;

	for (m = move->tasks; m < move->tasks + move->count; m++) {
		if (!m->moved) {
			cancel_charges(move, m, mask);
			continue;
		}
		for_each_subsys_in(ss, id, mask)
			if (ss->attach)
				ss->attach(move->to->subsys[id],
					   m->from->subsys[id], m->task);
	}
	for_each_subsys_in(ss, id, mask)
		if (any && ss->post_attach)
			ss->post_attach(move->to->subsys[id]);
}

/* Drop the references of the tasks to the sets that they are not in. */
static void move_free(struct container_move *move)
{
	struct moving_task *m;

	for (m = move->tasks; m < move->tasks + move->count; m++) {
		if (m->moved)
			container_set_put(m->from);
		else if (m->to)
			container_set_put(m->to);
		put_task_struct(m->task);
	}
	kvfree(move->tasks);
}

static int move_prepare(struct container_move *move, struct task_struct *task,
			bool whole_group)
{
	struct moving_task *m;
	int ret;

	ret = move_collect(move, task, whole_group);
	if (ret)
		return ret;
	for (m = move->tasks; m < move->tasks + move->count; m++) {
		m->to = container_set_find(m->from, move->to);
		if (!m->to)
			return -ENOMEM;
	}
	for (m = move->tasks; m < move->tasks + move->count; m++) {
		ret = move_charge(move, m);
		if (ret)
			return ret;
	}
	return 0;
}

static void move_cancel(struct container_move *move)
{
	struct moving_task *m;

	for (m = move->tasks; m < move->tasks + move->count; m++)
		if (m->charged)
			cancel_charges(move, m, move->to->root->subsys_mask);
}

/**
 * container_attach - move a task, or its whole thread group, into a container
 * @to: the container, not removed
 * @task: pinned by the caller
 * @whole_group: all threads, as one step or not at all
 *
 * Returns 0, also where all are in @to already; -ESRCH where all have exited, or
 * @task has left the thread group that it led (exec), -ENOMEM, or what a
 * subsystem refused with.  After an error nothing has moved.  Under
 * container_mutex; may sleep, but waits for no grace period.
 */
int container_attach(struct container *to, struct task_struct *task,
		     bool whole_group)
{
	struct container_move move = { .to = to };
	bool any;
	int ret;

	lockdep_assert_held(&container_mutex);

	/* Our reference to @task keeps its signal_struct from being used anew. */
	WRITE_ONCE(moving, task->signal);
	ret = move_prepare(&move, task, whole_group);
	any = !ret && move_commit(&move);
	/* Orders the store before the look for waiters in wake_up_var(). */
	smp_store_mb(moving, NULL);
	wake_up_var(&moving);

	if (ret)
		move_cancel(&move);
	else if (move.count)
		move_settle(&move, any);
	if (!ret && !any && !move.some_there)
		ret = -ESRCH;
	move_free(&move);
	return ret;
}

/* Mount and unmount */

static void track_task(struct task_struct *task)
{
	struct container_set *set = task_set_lock(task);

	if (!(task->flags & PF_EXITING) &&
	    hlist_unhashed(&task->container_node)) {
		container_set_arrive(set);
		container_set_link(set, task);
	}
	spin_unlock_irq(&set->lock);
}

/**
 * container_tracking_start - begin to keep lists of tasks
 *
 * For the first hierarchy.  Under container_mutex; waits for grace periods.
 */
void container_tracking_start(void)
{
	struct task_struct *p, *t;

	/* No task may join a list before every exit looks at the lists. */
	static_branch_enable(&containers_tracked);
	synchronize_rcu();
	WRITE_ONCE(tracking, true);
	synchronize_rcu();

	rcu_read_lock();
	for_each_process_thread(p, t)
		track_task(t);
	rcu_read_unlock();
}

/**
 * container_tracking_stop - keep lists of tasks no longer
 *
 * When the last hierarchy has ended: every live task is in the initial set.  The
 * key stays on until the lists are empty, as exits must leave them.  Under
 * container_mutex; waits for a grace period.
 */
void container_tracking_stop(void)
{
	struct container_set *set = &init_container_set;
	struct task_struct *task;

	WRITE_ONCE(tracking, false);
	synchronize_rcu();	/* no birth is about to join a list */

	spin_lock_irq(&set->lock);
	while (!hlist_empty(&set->tasks)) {
		task = hlist_entry(set->tasks.first, struct task_struct,
				   container_node);
		container_set_unlink(set, task);
		container_set_leave(set);
		spin_unlock_irq(&set->lock);
		cond_resched();
		spin_lock_irq(&set->lock);
	}
	spin_unlock_irq(&set->lock);
	static_branch_disable(&containers_tracked);
}

/* The subsystems of a hierarchy that want to hear of each task's birth or death. */
static unsigned long counting_subsys(struct containerfs_root *root)
{
	struct container_subsys *ss;
	unsigned long mask = 0;
	unsigned int id;

	for_each_subsys_in(ss, id, root->subsys_mask)
		if (ss->can_fork || ss->fork || ss->exit || ss->reaped)
			mask |= BIT(id);
	return mask;
}

/* Let one subsystem count a task that was there before it was mounted. */
static int count_task(struct container_subsys *ss, struct task_struct *task)
{
	struct container_set *set;
	bool counted;
	int ret;

	if (READ_ONCE(task->container_counted) & BIT(ss->id))
		return 0;	/* born since the mount began */
	ret = ss->can_attach ? ss->can_attach(ss->root_css, task) : 0;
	if (ret)
		return ret;

	rcu_read_lock();
	set = task_set_lock(task);
	counted = !hlist_unhashed(&task->container_node);
	if (counted)
		task->container_counted |= BIT(ss->id);
	spin_unlock_irq(&set->lock);
	rcu_read_unlock();

	if (counted && ss->attach)
		ss->attach(ss->root_css, NULL, task);
	else if (!counted && ss->cancel_attach)
		ss->cancel_attach(ss->root_css, task);
	return 0;
}

/**
 * container_counting_start - let the subsystems of a new hierarchy count tasks
 * @root: the hierarchy; every live task is in its top
 *
 * Returns 0, or a subsystem's error; container_counting_stop() is due in both
 * cases.  Under container_mutex; may wait for a grace period.
 */
int container_counting_start(struct containerfs_root *root)
{
	unsigned long mask = counting_subsys(root);
	struct container_task_iter it;
	struct container_subsys *ss;
	struct task_struct *task;
	unsigned int id;
	int ret = 0;

	if (!mask)
		return 0;
	WRITE_ONCE(counting, counting | mask);
	synchronize_rcu();

	container_task_iter_start(&root->top, &it);
	while (!ret && (task = container_task_iter_next(&it))) {
		for_each_subsys_in(ss, id, mask) {
			ret = count_task(ss, task);
			if (ret)
				break;
		}
		cond_resched();
	}
	container_task_iter_end(&it);
	return ret;
}

/* Let the subsystems of @mask forget a task, alive or dead, that they have counted. */
static void uncount_task(struct task_struct *task, unsigned long mask)
{
	struct container_subsys *ss;
	struct container_set *set;
	unsigned long counted;
	unsigned int id;
	bool alive;

	rcu_read_lock();
	set = task_set_lock(task);
	alive = !hlist_unhashed(&task->container_node);
	counted = task->container_counted & mask;
	task->container_counted &= ~mask;
	spin_unlock_irq(&set->lock);

	for_each_subsys_in(ss, id, counted) {
		if (alive && ss->exit)
			ss->exit(set->subsys[id], task);
		if (ss->reaped)
			ss->reaped(set->subsys[id], task);
	}
	rcu_read_unlock();
}

/**
 * container_counting_stop - let the subsystems of a hierarchy forget the tasks
 * @root: the hierarchy; every live task is in its top
 *
 * Calls ->exit() for each live task that was counted, and ->reaped() for the dead
 * ones, too.  No callback of exit or reaping runs afterwards, nor one of fork for a
 * child that was born.  Under container_mutex; may wait for grace periods.
 */
void container_counting_stop(struct containerfs_root *root)
{
	unsigned long mask = counting_subsys(root);
	struct container_task_iter it;
	struct task_struct *task, *p;

	if (!mask)
		return;
	WRITE_ONCE(counting, counting & ~mask);
	synchronize_rcu();	/* births that are counted are visible */

	container_task_iter_start(&root->top, &it);
	while ((task = container_task_iter_next(&it))) {
		uncount_task(task, mask);
		cond_resched();
	}
	container_task_iter_end(&it);

	/* The dead are on no list of ours. */
	if (mask & container_reap_hearers) {
		rcu_read_lock();
		for_each_process_thread(p, task)
			if (READ_ONCE(task->container_counted) & mask)
				uncount_task(task, mask);
		rcu_read_unlock();
	}
	synchronize_rcu();	/* exits and reaping that were under way are through */
}
