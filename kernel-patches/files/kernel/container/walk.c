// SPDX-License-Identifier: GPL-2.0
/*
 * Walks of the tasks of a container.
 *
 * A walk goes through the sets of the container and the tasks of each set, and holds
 * no lock between two tasks.  Who leaves a set tells the walks that stand there, so
 * births and exits do not disturb them.  But a task that is moved in *another*
 * hierarchy changes its set and stays in the container: it may go from a set that a
 * walk has before it to one that it has behind it, and be missed.
 *
 * To keep moves out would let whoever walks, if he gets no processor for a while, hold
 * up all moves of the machine.  So container_walk_tasks() finds out that
 * there has been a move and walks again; and if it has had no luck a few times,
 * somebody moves tasks without end, and it goes through all tasks of the system instead,
 * whose order no move changes.
 */
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "internal.h"

/* How often the tasks of a container are walked before all tasks are. */
#define MAX_WALKS	3

/* Let walks that were about to see @task, which leaves the list, go on after it. */
void container_set_walks_skip(struct container_set *set,
			      struct task_struct *task)
{
	struct container_task_iter *it;

	list_for_each_entry(it, &set->iters, node)
		if (it->next == task)
			it->next = hlist_entry_safe(task->container_node.next,
						    struct task_struct,
						    container_node);
}

/* Leave the walk's set and go to the next that is not dying, or to the end. */
static void iter_next_set(struct container_task_iter *it)
{
	struct container *cont = it->container;
	struct container_set *prev = it->set, *set;
	unsigned int slot = cont->root->slot;

	if (prev) {
		spin_lock_irq(&prev->lock);
		list_del(&it->node);
		spin_unlock_irq(&prev->lock);
	}

	/* A referenced set stays on the list, so @prev still has its place. */
	spin_lock_irq(&cont->lock);
	set = prev ?: list_entry(&cont->sets, struct container_set,
				 at[slot].node);
	list_for_each_entry_continue(set, &cont->sets, at[slot].node)
		if (container_set_tryget(set))
			break;
	if (list_entry_is_head(set, &cont->sets, at[slot].node))
		set = NULL;
	spin_unlock_irq(&cont->lock);

	if (prev)
		container_set_put(prev);
	it->set = set;
	if (!set)
		return;
	spin_lock_irq(&set->lock);
	it->next = hlist_entry_safe(set->tasks.first, struct task_struct,
				    container_node);
	list_add(&it->node, &set->iters);
	spin_unlock_irq(&set->lock);
}

/**
 * container_task_iter_start - begin a walk of a container's tasks
 * @cont: the container; the caller keeps it and its hierarchy
 * @it: the walk
 *
 * The walk sees each task that is in @cont from start to end, once, unless the task
 * is moved in another hierarchy meanwhile: then perhaps not at all, or twice.  Where
 * that matters use container_walk_tasks(), or hold container_mutex.  A task that is
 * born, exits, enters or leaves meanwhile may be seen or not.  Interrupts are off for
 * one task's step only.  May sleep between the calls.
 */
void container_task_iter_start(struct container *cont,
			       struct container_task_iter *it)
{
	memset(it, 0, sizeof(*it));
	it->container = cont;
	iter_next_set(it);
}

/**
 * container_task_iter_next - the next task of a walk
 * @it: the walk
 *
 * Returns a task which stays allocated until the next call, or NULL at the end.
 */
struct task_struct *container_task_iter_next(struct container_task_iter *it)
{
	if (it->task)
		put_task_struct(it->task);
	it->task = NULL;

	while (it->set) {
		spin_lock_irq(&it->set->lock);
		if (it->next) {
			it->task = get_task_struct(it->next);
			it->next = hlist_entry_safe(it->next->container_node.next,
						    struct task_struct,
						    container_node);
		}
		spin_unlock_irq(&it->set->lock);
		if (it->task)
			break;
		iter_next_set(it);
	}
	return it->task;
}

/**
 * container_task_iter_end - finish a walk, at its end or before
 * @it: the walk
 */
void container_task_iter_end(struct container_task_iter *it)
{
	if (it->task)
		put_task_struct(it->task);
	if (!it->set)
		return;
	spin_lock_irq(&it->set->lock);
	list_del(&it->node);
	spin_unlock_irq(&it->set->lock);
	container_set_put(it->set);
}

static int walk_sets(struct container *cont,
		     int (*fn)(struct task_struct *task, void *data),
		     void *data)
{
	struct container_task_iter it;
	struct task_struct *task;
	int ret = 0;

	container_task_iter_start(cont, &it);
	while (!ret && (task = container_task_iter_next(&it))) {
		ret = fn(task, data);
		cond_resched();
	}
	container_task_iter_end(&it);
	return ret;
}

/* Tasks found, each pinned; @count may be more than there was room for. */
struct task_batch {
	struct task_struct **tasks;
	size_t room;
	size_t count;
};

/* Is the task, found on the system's lists, in @cont?  Under RCU. */
static bool task_is_in(struct task_struct *task, struct container *cont)
{
	struct container_set *set = rcu_dereference(task->containers);

	/* One that is not exiting is off its set's list only while it is moved. */
	if (task_has_begun_to_exit(task)) {
		/* It may leave the list right now, and be seen once more. */
		if (data_race(hlist_unhashed_lockless(&task->container_node)))
			return false;
	}
	return READ_ONCE(set->at[cont->root->slot].container) == cont;
}

static void batch_fill(struct task_batch *batch, struct container *cont)
{
	struct task_struct *p, *t;

	rcu_read_lock();
	for_each_process_thread(p, t) {
		if (!task_is_in(t, cont))
			continue;
		if (batch->count < batch->room)
			batch->tasks[batch->count] = get_task_struct(t);
		batch->count++;
	}
	rcu_read_unlock();
}

static void batch_free(struct task_batch *batch)
{
	size_t i;

	for (i = 0; i < min(batch->count, batch->room); i++) {
		put_task_struct(batch->tasks[i]);
		cond_resched();
	}
	kvfree(batch->tasks);
}

/* Pin all tasks of @cont.  Returns 0 or -ENOMEM. */
static int batch_make(struct task_batch *batch, struct container *cont)
{
	size_t room = 64;

	for (;;) {
		batch->count = 0;
		batch->room = room;
		batch->tasks = kvmalloc_array(room, sizeof(*batch->tasks),
					      GFP_KERNEL_ACCOUNT);
		if (!batch->tasks)
			return -ENOMEM;
		batch_fill(batch, cont);
		if (batch->count <= batch->room)
			return 0;
		room = 2 * batch->count;
		batch_free(batch);
	}
}

static int walk_system(struct container *cont,
		       int (*fn)(struct task_struct *task, void *data),
		       void *data)
{
	struct task_batch batch;
	size_t i;
	int ret;

	ret = batch_make(&batch, cont);
	if (ret)
		return ret;
	for (i = 0; i < batch.count && !ret; i++) {
		ret = fn(batch.tasks[i], data);
		cond_resched();
	}
	batch_free(&batch);
	return ret;
}

/**
 * container_walk_tasks - call a function for each task of a container
 * @cont: the container; the caller keeps it and its hierarchy
 * @fn: called with the task, which stays allocated meanwhile, and @data; may sleep.
 *	Anything but 0 ends the walk
 * @data: for @fn
 *
 * Calls @fn at least once for each task that is in @cont all the time, whatever moves
 * there are meanwhile; for one that is born, exits, enters or leaves perhaps.  It may
 * be called more than once for a task, but takes no longer for all moves of others.
 *
 * Returns what @fn returned last, 0 where there are no tasks, or -ENOMEM.  Holds no
 * lock while it calls @fn, and keeps nobody from moving tasks.  May sleep.
 */
int container_walk_tasks(struct container *cont,
			 int (*fn)(struct task_struct *task, void *data),
			 void *data)
{
	unsigned long moves;
	unsigned int i;
	int ret;

	for (i = 0; i < MAX_WALKS; i++) {
		/*
		 * A task is missed if it moves after the walk has been at the set it
		 * goes to and before the walk is at the one it comes from.  The move
		 * counts itself with both locked: so after the first read, which
		 * comes before the walk unlocks the one, and before the second,
		 * which comes after the walk has locked the other.
		 */
		moves = READ_ONCE(container_moves);
		ret = walk_sets(cont, fn, data);
		if (ret || moves == READ_ONCE(container_moves))
			return ret;
	}
	return walk_system(cont, fn, data);
}
