// SPDX-License-Identifier: GPL-2.0
/*
 * Moves: a task, or all threads of a group as one step, go to another container.
 * What makes them safe beside forks and exits, and the order of all steps, is told
 * in member.c.
 *
 * A move lists its tasks, asks and charges for each that is new, and once the list
 * is whole it switches them all under the group's siglock.  What it has charged for
 * those that are not there any more goes back.
 */
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "internal.h"

/* The thread group being moved, or NULL.  Written by the holder of container_mutex. */
struct signal_struct *container_moving __read_mostly;

/*
 * Changes with each task that moves, while the locks of both sets are held: see
 * container_walk_tasks().
 */
unsigned long container_moves;

struct moving_task {
	struct task_struct *task;
	struct container_set *from;	/* the task's own reference keeps it */
	struct container_set *to;
	bool charged;
	bool moved;
	bool marked;			/* COUNTED_MOVED */
};

struct container_move {
	struct container *to;
	bool whole_group;
	const struct cred *cred;	/* whose wish it is; NULL for the kernel's */
	struct moving_task *tasks;	/* or &one, while that is enough */
	unsigned int room;
	unsigned int seen;		/* as many tasks at least need room */
	unsigned int count;		/* of listed tasks */
	unsigned int ready;		/* of those asked and charged for */
	bool some_there;		/* a live task of the group is in @to already */
	bool done;			/* all who are still there have moved */
	bool any_moved;
	struct moving_task one;
};

static void move_free_list(struct container_move *move)
{
	if (move->tasks != &move->one)
		kvfree(move->tasks);
}

/* Make room for all tasks that are to be listed, as far as can be known. */
static int move_make_room(struct container_move *move, struct task_struct *task)
{
	unsigned int room = 1;
	struct moving_task *tasks;

	if (move->whole_group)
		/* A guess: threads come and go.  A round that meets more says so. */
		room = data_race(get_nr_threads(task));
	room = max(room, move->seen);
	if (room <= move->room)
		return 0;
	tasks = kvmalloc_array(room, sizeof(*tasks), GFP_KERNEL);
	if (!tasks)
		return -ENOMEM;
	memcpy(tasks, move->tasks, move->count * sizeof(*tasks));
	move_free_list(move);
	move->tasks = tasks;
	move->room = room;
	return 0;
}

/*
 * List the task, unless there is nothing to do, or no room.  Those listed before come
 * in the same order; @seen of them have been met.  Returns false for a task that has
 * left.  Under the group's siglock.
 */
static bool move_list_task(struct container_move *move,
			   struct task_struct *task, unsigned int *seen)
{
	struct container_set *from;

	/* It may leave right now, or later, under its set's lock: that is looked at again. */
	if (data_race(hlist_unhashed_lockless(&task->container_node)))
		return false;
	from = rcu_dereference_protected(task->containers,
					 lockdep_is_held(&container_mutex));
	if (from->at[move->to->root->slot].container == move->to) {
		move->some_there = true;
		return true;
	}
	while (*seen < move->count && move->tasks[*seen].task != task)
		++*seen;
	if (*seen == move->count && move->count < move->room) {
		move->tasks[move->count++] = (struct moving_task) {
			.task = get_task_struct(task),
			.from = from,
		};
	}
	++*seen;
	return true;
}

/*
 * List all tasks that are not listed yet.  Returns whether one is alive.  Under the
 * group's siglock.
 */
static bool move_list(struct container_move *move, struct task_struct *task,
		      bool *complete)
{
	unsigned int seen = 0;
	struct task_struct *t;
	bool found = false;

	move->some_there = false;	/* who was there may have exited since */
	if (move->whole_group) {
		rcu_read_lock();	/* for the list's checks; it cannot change */
		__for_each_thread(task->signal, t)
			found |= move_list_task(move, t, &seen);
		rcu_read_unlock();
	} else {
		found = move_list_task(move, task, &seen);
	}
	move->seen = seen;
	*complete = seen <= move->count;
	return found;
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

/**
 * container_may_attach - ask the subsystems of a container whether a task may come
 * @to: the container
 * @task: pinned by the caller
 * @cred: of whoever wants that; NULL for the kernel itself
 *
 * Returns 0 or what the first that objects says.  Under container_mutex; may sleep.
 */
int container_may_attach(struct container *to, struct task_struct *task,
			 const struct cred *cred)
{
	struct container_subsys *ss;
	unsigned int id;
	int ret;

	for_each_subsys_in(ss, id, to->root->subsys_mask) {
		ret = ss->may_attach ?
			ss->may_attach(to->subsys[id], task, cred) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

/* Have all subsystems of the hierarchy charge for the task, or refuse it. */
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

/* Ask whether the task may move, and find the set that it is to be in. */
static int move_prepare(struct container_move *move, struct moving_task *m)
{
	int ret = container_may_attach(move->to, m->task, move->cred);

	if (ret)
		return ret;
	m->to = container_set_find(m->from, move->to);
	return m->to ? 0 : -ENOMEM;
}

/* Tell the subsystems of the hierarchy, before anybody can see it. */
static void move_tell_before(struct container_move *move, struct moving_task *m)
{
	unsigned long mask = move->to->root->subsys_mask;
	struct container_subsys *ss;
	unsigned int id;

	for_each_subsys_in(ss, id, mask)
		if (ss->moving)
			ss->moving(move->to->subsys[id], m->from->subsys[id],
				   m->task);
}

/* Tell the subsystems of the hierarchy, at once. */
static void move_tell(struct container_move *move, struct moving_task *m)
{
	unsigned long mask = move->to->root->subsys_mask;
	struct container_subsys *ss;
	unsigned int id;

	for_each_subsys_in(ss, id, mask)
		if (ss->moved)
			ss->moved(move->to->subsys[id], m->task);
}

/* The move of one task: the store that all of this file is about. */
static void move_switch(struct container_move *move, struct moving_task *m)
{
	/* container_mutex makes us the only one who holds two */
	spin_lock(&m->from->lock);
	spin_lock_nested(&m->to->lock, SINGLE_DEPTH_NESTING);
	if (!hlist_unhashed(&m->task->container_node)) {
		/* What both sets share must not look empty meanwhile. */
		container_set_arrive(m->to);
		container_set_del_task(m->from, m->task);
		move_tell_before(move, m);
		rcu_assign_pointer(m->task->containers, m->to);
		move_tell(move, m);
		container_set_add_task(m->to, m->task);
		container_set_leave(m->to);
		WRITE_ONCE(container_moves, container_moves + 1);
		if (m->task->container_counted) {
			m->task->container_counted |= COUNTED_MOVED;
			m->marked = true;
		}
		m->moved = true;
		move->any_moved = true;
	}
	spin_unlock(&m->to->lock);
	spin_unlock(&m->from->lock);
}

/*
 * List who is there, and if nobody is new move all, in one step as far as the siglock's
 * takers can see.  Returns whether a task is alive.
 */
static bool move_step(struct container_move *move, struct task_struct *task)
{
	bool found, complete;
	unsigned int i;

	found = move_list(move, task, &complete);
	if (complete && move->ready == move->count) {
		for (i = 0; i < move->count; i++)
			move_switch(move, &move->tasks[i]);
		move->done = true;
	}
	return found;
}

/*
 * One round: a step, and for whoever was new in it, find the sets and ask the
 * subsystems.  Each round but the first two is for at least one clone that had begun
 * before the group was named in container_moving: they come to an end.
 */
static int move_round(struct container_move *move, struct task_struct *task)
{
	struct sighand_struct *sighand;
	bool found = false;
	unsigned long flags;
	unsigned int i;
	int ret;

	ret = move_make_room(move, task);
	if (ret)
		return ret;
	/* Any thread will do to take the lock; exec may have released the first. */
	for (i = 0; i <= move->count; i++) {
		sighand = lock_task_sighand(i ? move->tasks[i - 1].task : task,
					    &flags);
		if (!sighand)
			continue;
		found = move_step(move, task);
		spin_unlock_irqrestore(&sighand->siglock, flags);
		break;
	}
	if (!found)
		return -ESRCH;

	/* Nobody is charged for a move that another thread may not make: it would show. */
	for (i = move->ready; i < move->count; i++) {
		ret = move_prepare(move, &move->tasks[i]);
		if (ret)
			return ret;
	}
	for (; move->ready < move->count; move->ready++) {
		ret = move_charge(move, &move->tasks[move->ready]);
		if (ret)
			return ret;
	}
	return 0;
}

static void move_settle(struct container_move *move)
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
		if (m->marked)
			container_unmark_moved(m->task);
	}
	for_each_subsys_in(ss, id, mask)
		if (move->any_moved && ss->post_attach)
			ss->post_attach(move->to->subsys[id]);
}

/* Drop the references of the tasks to the sets that they are not in. */
static void move_free(struct container_move *move)
{
	struct moving_task *m;

	for (m = move->tasks; m < move->tasks + move->count; m++) {
		if (m->moved)
			container_set_put_locked(m->from);
		else if (m->to)
			container_set_put_locked(m->to);
		put_task_struct(m->task);
	}
	move_free_list(move);
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
 * @cred: of whoever wants that; NULL for the kernel itself
 *
 * Returns 0, also where all are in @to already; -ESRCH where all have exited, or
 * @task has left the thread group that it led (exec), -ENOMEM, or what a
 * subsystem refused with.  After an error nothing has moved.  Under
 * container_mutex; may sleep, but waits for no grace period.
 */
int container_attach(struct container *to, struct task_struct *task,
		     bool whole_group, const struct cred *cred)
{
	struct container_move move = {
		.to = to,
		.whole_group = whole_group,
		.cred = cred,
		.tasks = &move.one,
		.room = 1,
	};
	int ret;

	lockdep_assert_held(&container_mutex);

	/* Our reference to @task keeps its signal_struct from being used anew. */
	if (whole_group)
		WRITE_ONCE(container_moving, task->signal);
	do {
		ret = move_round(&move, task);
	} while (!ret && !move.done);
	if (whole_group) {
		/* Orders the store before the look for waiters in wake_up_var(). */
		smp_store_mb(container_moving, NULL);
		wake_up_var(&container_moving);
	}

	if (ret)
		move_cancel(&move);
	else if (move.count)
		move_settle(&move);
	if (!ret && !move.any_moved && !move.some_there)
		ret = -ESRCH;
	move_free(&move);
	return ret;
}
