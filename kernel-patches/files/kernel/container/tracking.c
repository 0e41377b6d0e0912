// SPDX-License-Identifier: GPL-2.0
/*
 * How the lists of tasks begin and end, and how a hierarchy's subsystems come to count
 * the tasks that were there before it and to forget those that are there after it.
 *
 * Tasks are on lists only while something is mounted, and counted by a subsystem only
 * while that is.  So with nothing mounted, or nothing that counts, fork and exit do
 * nothing.  Fork reads container_tracking and container_counting between the look
 * at whether the child is stale and the end of its birth, under spinlocks, for
 * which synchronize_rcu() waits.
 *
 * The first mount against a birth.  The grace period before the walk parts the births:
 * one that did not see container_tracking is complete, and so visible to the walk; one
 * that begins later joins by itself.  Between them are those that see it, are
 * visible, and have not joined yet: these are met by both.  So joining a list is
 * idempotent, under the set's lock.
 *
 *	fork				first mount
 *	----				-----------
 *					static key on; grace period
 *					container_tracking = true
 *	siglock
 *	  child is visible		grace period (waits)
 *	siglock dropped
 *					(over)
 *	siglock
 *	  child is visible		walk: the child is on no list
 *					lock; put it on the initial set's; unlock
 *	  container_tracking is true
 *	  lock
 *	  it is on a list: leave it
 *	  unlock
 *	siglock dropped
 *					grace period: all births that the walk has
 *					met have joined; tasks may be moved
 *
 * The last grace period is for moves: container_join() looks at the set that the child
 * was born in, and need not care for moves as it is the first who lists the child, but
 * for this once.
 *
 * The first mount against an exit.  The grace period after the static key is switched
 * parts the exits: rewriting code is no barrier on every architecture, a grace period
 * is.  One that did not see the key had set PF_EXITING before: the walk leaves such
 * tasks alone, dead ones among them.  One that sees the key looks at the list, under
 * the lock that the walk takes for this task.
 *
 *	exit				walk
 *	----				----
 *	PF_EXITING
 *	key is off: nothing to do
 *					lock; PF_EXITING: leave it; unlock
 *
 *	PF_EXITING
 *	key is on			lock; no PF_EXITING yet: list it; unlock
 *	lock; off the list; unlock
 *
 *	key is on
 *	lock; on no list; unlock
 *					lock; PF_EXITING: leave it; unlock
 *
 * A subsystem begins to count in the same way.  A birth that did not see its bit in
 * container_counting is on the list when the grace period is over, and the walk counts
 * it; one that sees the bit is stale unless container_can_fork() has seen it too, and so
 * was counted there.  The bit in the task, set under the lock of its set, tells the two
 * apart, and is what exit, reaping and the end of the hierarchy take, each bit once.
 *
 * The end of counting: births that have been counted are on the list when the grace
 * period is over, and the walk takes their bits; one that was counted and is not born
 * yet finds its bits stale and takes its charges back, after the hierarchy has ended if
 * need be.  The dead that have not been reaped are on no list of ours, so a walk of
 * all tasks takes their bits: whoever has left that walk's lists is between
 * container_reap_begin() and container_reap_end(), where the last grace period waits for
 * it.
 */
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/sched/task.h>

#include "internal.h"

DEFINE_STATIC_KEY_FALSE(containers_tracked);

/* Forks put children on lists.  Under container_mutex; read by container_join(). */
bool container_tracking __read_mostly;

/* Ids of the subsystems that count tasks now.  Under container_mutex; read by fork. */
u32 container_counting __read_mostly;

/*
 * A walk of all tasks looks at so many before others may run.  At few where locks are
 * checked, so that tests meet what may happen then.
 */
#define WALK_BATCH	(IS_ENABLED(CONFIG_PROVE_LOCKING) ? 16 : 1024)

/*
 * Let others run in the middle of a walk.  Returns whether it can go on from @task, of
 * the group that @leader leads: what comes after one who has left the lists is not known
 * any more.  Exec takes the old leader off before he is dead.
 */
static bool walk_rests(struct task_struct *leader, struct task_struct *task)
{
	bool there;

	get_task_struct(leader);
	get_task_struct(task);
	rcu_read_unlock();
	cond_resched();
	rcu_read_lock();
	there = pid_alive(leader) && pid_alive(task) &&
		READ_ONCE(leader->group_leader) == leader;
	put_task_struct(task);
	put_task_struct(leader);
	return there;
}

/*
 * Call @fn for each task, for some perhaps twice, and let others run in between.  Whoever
 * is there all the time is met: the lists grow at their ends, and a thread that takes its
 * leader's place by exec takes it there, too.  Those who are born or die meanwhile
 * cannot make it endless, as in the end it does not rest any more.
 */
static void for_all_tasks(void (*fn)(struct task_struct *task,
				     unsigned long mask),
			  unsigned long mask)
{
	unsigned int rests = 2 * (READ_ONCE(nr_threads) / WALK_BATCH + 1);
	struct task_struct *leader, *task;
	unsigned int seen = 0;

	rcu_read_lock();
again:
	for_each_process_thread(leader, task) {
		fn(task, mask);
		if (++seen % WALK_BATCH || !rests)
			continue;
		rests--;
		if (!walk_rests(leader, task))
			goto again;
	}
	rcu_read_unlock();
}

static void track_task(struct task_struct *task, unsigned long mask)
{
	struct container_set *set = container_task_set_lock(task);

	if (!task_has_begun_to_exit(task))
		container_set_add_task(set, task);
	spin_unlock_irq(&set->lock);
}

/**
 * container_tracking_start - begin to keep lists of tasks
 *
 * For the first hierarchy.  Under container_mutex; waits for grace periods.
 */
void container_tracking_start(void)
{
	/* No task may join a list before every exit looks at the lists. */
	static_branch_enable(&containers_tracked);
	synchronize_rcu();
	WRITE_ONCE(container_tracking, true);
	synchronize_rcu();	/* births that have missed it are visible */

	for_all_tasks(track_task, 0);
	synchronize_rcu();	/* births that were seen half way are through */
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

	WRITE_ONCE(container_tracking, false);
	synchronize_rcu();	/* no birth is about to join a list */

	spin_lock_irq(&set->lock);
	while (!hlist_empty(&set->tasks)) {
		task = hlist_entry(set->tasks.first, struct task_struct,
				   container_node);
		container_set_del_task(set, task);
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
		if (ss->can_fork || ss->born || ss->fork || ss->exit ||
		    ss->reaped)
			mask |= BIT(id);
	return mask;
}

/* Let one subsystem count a task that was there before it was mounted. */
static int count_task(struct container_subsys *ss, struct task_struct *task)
{
	struct container_set *set;
	bool counted;
	int ret;

	/*
	 * The bit of a task that has been there is ours to set.  What else fork and exit do
	 * to the word meanwhile, by plain stores under the lock of the set, is none of it: a
	 * task that exits is found off its list below.
	 */
	if (data_race(READ_ONCE(task->container_counted)) & BIT(ss->id))
		return 0;	/* born since the mount began */
	ret = ss->can_attach ? ss->can_attach(ss->root_css, task) : 0;
	if (ret)
		return ret;

	rcu_read_lock();
	set = container_task_set_lock(task);
	counted = !hlist_unhashed(&task->container_node);
	if (counted)
		task->container_counted |= BIT(ss->id) | COUNTED_MOVED;
	spin_unlock_irq(&set->lock);
	rcu_read_unlock();

	if (counted && ss->attach)
		ss->attach(ss->root_css, NULL, task);
	else if (!counted && ss->cancel_attach)
		ss->cancel_attach(ss->root_css, task);
	if (counted)
		container_unmark_moved(task);
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
	WRITE_ONCE(container_counting, container_counting | mask);
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

/*
 * Let the subsystems of @mask forget a task that they have counted, if it is alive; if it
 * is dead only where its exit has told of itself: @dead.
 */
static void uncount_task(struct task_struct *task, unsigned long mask,
			 bool dead)
{
	struct container_subsys *ss;
	struct container_set *set;
	u32 counted;
	unsigned int id;
	bool alive;

	rcu_read_lock();
	set = container_task_set_lock(task);
	alive = !hlist_unhashed(&task->container_node);
	counted = alive || dead ? task->container_counted & mask : 0;
	task->container_counted &= ~counted;
	spin_unlock_irq(&set->lock);

	for_each_subsys_in(ss, id, counted) {
		if (alive && ss->exit)
			ss->exit(set->subsys[id], task);
		if (ss->reaped)
			ss->reaped(set->subsys[id], task);
	}
	rcu_read_unlock();
}

static void uncount_dead(struct task_struct *task, unsigned long mask)
{
	/* Only whether to look: reaping may take the bits meanwhile, under the set's lock. */
	if (data_race(READ_ONCE(task->container_counted)) & mask)
		uncount_task(task, mask, true);
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
	struct task_struct *task;

	if (!mask)
		return;
	WRITE_ONCE(container_counting, container_counting & ~mask);
	synchronize_rcu();	/* births that are counted are visible */

	container_task_iter_start(&root->top, &it);
	while ((task = container_task_iter_next(&it))) {
		uncount_task(task, mask, false);
		cond_resched();
	}
	container_task_iter_end(&it);

	/* The dead are on no list of ours. */
	if (mask & container_reap_hearers) {
		/* Exits that are under way tell of themselves first. */
		synchronize_rcu();
		for_all_tasks(uncount_dead, mask);
	}
	synchronize_rcu();	/* exits and reaping that were under way are through */
}
