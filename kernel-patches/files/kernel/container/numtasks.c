// SPDX-License-Identifier: GPL-2.0
/*
 * Container subsystem numtasks: a controller of Resource Groups that deals out
 * tasks.
 *
 *   X.shares	the group's part of its parent's tasks, as shares.h tells
 *   X.stats	tasks in use, and how many forks were let through and refused;
 *		writing "res=numtasks" sets the numbers of forks to 0
 *
 * A fork in a group that has as many tasks as it may have fails with EAGAIN; so
 * does one beyond the group's rate of forks, see numtasks_rate.c.  To move a task in
 * is never refused.  A task counts until it has been reaped: what is scarce is
 * its number.
 *
 * The groups above count the task too.  What a group is guaranteed is put aside in
 * its parent, used or not; only what it needs beyond that it borrows from its
 * parent, which has to have it:
 *
 *   need(group)   =  its own tasks + the sum of taken(child)
 *   taken(group)  =  the larger of need(group) and min(group)
 *
 * No fork in a group makes need(group) exceed max(group).  A fork within its
 * group's min asks nobody above, so nobody above can refuse it.  The root is
 * guaranteed all that there is, and has nobody to borrow more from.
 *
 * Need and min share a word, the group's account, so that a change of either sees
 * the other, and no lock is needed.  A group is paid for before it takes, and
 * its parent paid back after it has given: at each moment a parent counts as much
 * as its children take, or more.  So a race lets no fork through that is one too
 * many.  What cannot be refused, a move or a change of shares, refuses no fork by being
 * under way: who was refused meanwhile asks again, see can_fork_slow().  Only another
 * fork can, which holds its place already and then fails.
 *
 * What is in use in a group and below it is counted by what is not: idle is so much of
 * need as is guaranteed to groups below and not used.  A fork or an exit within a
 * guarantee changes that of the groups above, any other only accounts.
 *
 * A task that moves is counted where it goes before anybody finds it there: so what it
 * makes there comes after it, and may be refused.
 *
 * A new limit holds as soon as the write that sets it is over.  The root's is in its
 * account.  Any other group's max is looked at again after a fork has been counted:
 * either the fork sees the new one, or the fork came first.
 *
 * kernel-patches/models/numtasks.pml has a model of all this.
 */
#include <linux/init.h>
#include <linux/sched.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/threads.h>

#include "numtasks.h"

/* What there is for all; INT_MAX stands for no limit. */
static int total_numtasks = INT_MAX;

static struct container_subsys numtasks_subsys;

static struct numtasks *numtasks_of(struct container_subsys_state *css)
{
	return container_of(css, struct numtasks, css);
}

static struct numtasks *cont_numtasks(struct container *cont)
{
	return numtasks_of(container_subsys_state(cont, &numtasks_subsys));
}

static bool full(const struct numtasks *nt, u64 account)
{
	return need_in(account) >= READ_ONCE(nt->max);
}

/* Forks and exits: one task */

/* Let a group and all above it count a task no more. */
static void uncharge(struct numtasks *nt)
{
	numtasks_leave(nt, -1);
}

/*
 * Let the groups above one have @n more idle.  Before its account changes if that is less,
 * else after: set_total() looks at them the other way round.
 */
static noinline void idle_above(struct numtasks *nt, int n)
{
	unsigned int level = nt->level;

	while (level--)
		atomic_add(n, &nt->path[level]->idle);
}

/*
 * Find out from whom a group would have one task more: itself or one above that
 * need not borrow.  Returns NULL and sets @level and @old, the account that was found
 * there, or returns the one that refuses.
 */
static __always_inline struct numtasks *find_owner(struct numtasks *nt,
						   unsigned int *level, u64 *old)
{
	struct numtasks *group;

	for (*level = nt->level;; --*level) {
		group = nt->path[*level];
		*old = atomic64_read(&group->account);
		if (*level && full(group, *old))
			return group;
		if (has_left(*old, 1))
			return NULL;
		if (!*level)
			return group;
	}
}

/* Let a group, at @level, count one task more of what it had left with account @old. */
static __always_inline bool take_own(struct numtasks *nt, unsigned int level,
				     u64 old)
{
	if (unlikely(level))
		idle_above(nt, -1);
	if (likely(atomic64_try_cmpxchg(&nt->account, &old, old + 1)))
		return true;
	if (level)
		idle_above(nt, 1);
	return false;
}

/*
 * Has a group that has counted one task more than in the account @old been full by then?
 * This sees a new maximum, or whoever sets it sees the task.
 */
static __always_inline bool was_full(struct numtasks *nt, u64 old)
{
	return unlikely(full(nt, old));
}

/* Let @charged and those above it count a task no more, as @limit refuses it. */
static noinline struct numtasks *refuse(struct numtasks *limit,
					struct numtasks *charged)
{
	uncharge(charged);
	return limit;
}

/*
 * Let a group count one task more, for which its parent has been paid.  Returns NULL,
 * or the group, with nothing charged any more.  With numtasks_unsettled held if @alone.
 */
static __always_inline struct numtasks *take_borrowed(struct numtasks *nt,
						      bool alone)
{
	u64 old = atomic64_read(&nt->account);

	do {
		if (unlikely(full(nt, old)))
			return refuse(nt, parent_of(nt));
	} while (unlikely(!atomic64_try_cmpxchg(&nt->account, &old, old + 1)));

	/* Within its guarantee there was nothing to pay. */
	if (unlikely(has_left(old, 1)))
		numtasks_repay(parent_of(nt), alone);
	return was_full(nt, old) ? refuse(nt, nt) : NULL;
}

/*
 * Charge a task to a group and to those above.  Returns NULL, or the group that
 * refuses, with nothing charged.  With numtasks_unsettled held if @alone.
 */
static __always_inline struct numtasks *charge(struct numtasks *nt, bool alone)
{
	struct numtasks *limit;
	unsigned int level;
	u64 old;

	/* Whoever cannot have it must not hold it meanwhile. */
	do {
		limit = find_owner(nt, &level, &old);
		if (unlikely(limit))
			return limit;
	} while (unlikely(!take_own(nt->path[level], level, old)));
	if (unlikely(level) && was_full(nt->path[level], old))
		return refuse(nt->path[level], nt->path[level]);

	/* From the owner down to the group, each is paid by the one above. */
	while (level < nt->level) {
		limit = take_borrowed(nt->path[++level], alone);
		if (unlikely(limit))
			return limit;
	}
	return NULL;
}

/* Limits and guarantees */

/* What a group is guaranteed.  There are no more numbers than PID_MAX_LIMIT. */
static u32 new_min(const struct shares_group *group)
{
	return min_t(u64, group->min, group->parent ? PID_MAX_LIMIT : UINT_MAX);
}

/*
 * The root's is in its account, as its min.  Who may use whatever its parent may is
 * refused by the parent, where the limit is.
 */
static u32 new_max(const struct shares_group *group)
{
	if (!group->parent || group->shares.max_shares == SHARES_DONT_CARE)
		return UINT_MAX;
	return min_t(u64, group->max, UINT_MAX);
}

static u32 old_min(const struct numtasks *nt)
{
	return min_in(atomic64_read(&nt->account));
}

static void tighten(struct shares_group *group)
{
	struct numtasks *nt = container_of(group, struct numtasks, shares);
	u32 min = new_min(group);

	if (new_max(group) < nt->max)
		WRITE_ONCE(nt->max, new_max(group));
	if (nt->level ? min > old_min(nt) : min < old_min(nt))
		numtasks_set_min(nt, min);
}

static void relax(struct shares_group *group)
{
	struct numtasks *nt = container_of(group, struct numtasks, shares);

	WRITE_ONCE(nt->max, new_max(group));
	numtasks_set_min(nt, new_min(group));
}

static struct shares_controller numtasks_controller = {
	.name		= "numtasks",
	SHARES_LOCKS(numtasks_controller),
	.tighten	= tighten,
	.relax		= relax,
};

static u64 total_quantity(int total)
{
	return total == INT_MAX ? SHARES_UNLIMITED : total;
}

/*
 * Divide a new total, unless more than that is in use once it is in force everywhere.  A
 * fork that is under way has been counted by then or finds the new numbers, in the root
 * or where it has a guarantee.
 */
static int divide_total(struct numtasks *root, int total)
{
	struct shares_controller *ctl = &numtasks_controller;

	shares_set_total(ctl, &root->shares, total_quantity(total));
	if (numtasks_usage(root) <= total)
		return 0;
	shares_set_total(ctl, &root->shares, total_quantity(total_numtasks));
	return -EINVAL;
}

static int set_total(int total)
{
	struct numtasks *root = numtasks_of(numtasks_subsys.root_css);
	struct shares_controller *ctl = &numtasks_controller;
	int ret = -EINVAL;

	shares_begin(ctl);
	if (numtasks_usage(root) <= total)
		ret = divide_total(root, total);
	if (!ret)
		WRITE_ONCE(total_numtasks, total);
	shares_end(ctl);
	return ret;
}

/* Callbacks, in the order of a container's and a task's life */

static struct container_subsys_state *
numtasks_create(struct container_subsys *ss, struct container *cont)
{
	struct numtasks *parent = NULL, *nt;
	unsigned int level = 0;

	if (cont->parent) {
		parent = cont_numtasks(cont->parent);
		level = parent->level + 1;
	}
	nt = kzalloc(struct_size(nt, path, level + 1), GFP_KERNEL_ACCOUNT);
	if (!nt)
		return ERR_PTR(-ENOMEM);
	nt->level = level;
	nt->path[level] = nt;
	if (!parent) {
		shares_add_root(&numtasks_controller, &nt->shares,
				SHARES_UNLIMITED);
		return &nt->css;
	}
	memcpy(nt->path, parent->path, level * sizeof(nt->path[0]));
	shares_add(&numtasks_controller, &nt->shares, &parent->shares);
	return &nt->css;
}

static void numtasks_remove(struct container_subsys_state *css)
{
	shares_remove(&numtasks_controller, &numtasks_of(css)->shares);
}

static void numtasks_destroy(struct container_subsys_state *css)
{
	struct numtasks *nt = numtasks_of(css);

	WARN_ON_ONCE(need_in(atomic64_read(&nt->account)) ||
		     atomic_read(&nt->idle));
	kfree(nt);
}

static void numtasks_moving(struct container_subsys_state *to,
			    struct container_subsys_state *from,
			    struct task_struct *task)
{
	numtasks_transfer(numtasks_of(from), numtasks_of(to));
}

/* The hierarchy begins, and its root has a task. */
static void numtasks_attach(struct container_subsys_state *to,
			    struct container_subsys_state *from,
			    struct task_struct *task)
{
	/* The others have been counted by ->moving(). */
	if (!from)
		atomic64_inc(&numtasks_of(to)->account);
}

/* A failure shows where the fork was tried, and where the limit is. */
static noinline void count_failure(struct numtasks *nt, struct numtasks *limit,
				   bool too_fast)
{
	atomic_long_inc(too_fast ? &nt->rate_failures : &nt->failures);
	if (limit != nt)
		atomic_long_inc(too_fast ? &limit->rate_failures :
					   &limit->failures);
}

/*
 * Has can_fork() been asked about this child before?  Then it has been given its own
 * start time in between; before, it has a copy of its parent's.
 */
static bool asked_before(const struct task_struct *child)
{
	return child->start_time != current->start_time;
}

/*
 * Charge a fork, and count it for the rate.  One that would be refused for want of
 * tasks must not use up what others could.  With numtasks_unsettled held if @alone.
 */
static noinline struct numtasks *try_fork(struct numtasks *nt,
					  struct task_struct *child,
					  bool alone, bool *too_fast)
{
	struct numtasks *limit = NULL;
	unsigned int level;
	u32 interval;
	bool rated;
	u64 old;

	rcu_read_lock();	/* see numtasks_take_rate() */
	*too_fast = false;
	rated = READ_ONCE(numtasks_forkrate) != INT_MAX && !asked_before(child);
	if (rated) {
		limit = find_owner(nt, &level, &old);
		if (limit)
			goto out;
		limit = numtasks_take_rate(nt, &interval);
		*too_fast = limit;
		if (limit)
			goto out;
	}
	limit = charge(nt, alone);
	if (limit && rated)
		numtasks_return_rate(nt, interval);
out:
	rcu_read_unlock();
	return limit;
}

/*
 * A fork was refused, or has to be counted for the rate.  It is refused for good if
 * nothing was under way meanwhile that cannot be refused itself: no change of shares,
 * no move.  Else it asks for the last time with those kept out.  Whoever changes shares
 * waits for nothing until he is through.
 */
static noinline int can_fork_slow(struct numtasks *nt, struct task_struct *child)
{
	struct shares_controller *ctl = &numtasks_controller;
	unsigned int changes = raw_read_seqcount(&ctl->changes);
	unsigned int moves = raw_read_seqcount(&numtasks_unsettled.seqcount);
	struct numtasks *limit;
	bool too_fast;

	limit = try_fork(nt, child, false, &too_fast);
	if (limit && ((changes | moves) & 1 ||
		      read_seqcount_retry(&ctl->changes, changes) ||
		      read_seqretry(&numtasks_unsettled, moves))) {
		mutex_lock(&ctl->lock);
		write_seqlock_irq(&numtasks_unsettled);
		limit = try_fork(nt, child, true, &too_fast);
		write_sequnlock_irq(&numtasks_unsettled);
		mutex_unlock(&ctl->lock);
	}
	if (!limit)
		return 0;
	count_failure(nt, limit, too_fast);
	return -EAGAIN;
}

static int numtasks_can_fork(struct container_subsys_state *css,
			     struct task_struct *child)
{
	struct numtasks *nt = numtasks_of(css);
	bool charged;

	rcu_read_lock();	/* as in try_fork() */
	charged = likely(READ_ONCE(numtasks_forkrate) == INT_MAX) &&
		  likely(!charge(nt, false));
	rcu_read_unlock();
	return likely(charged) ? 0 : can_fork_slow(nt, child);
}

static void numtasks_cancel_fork(struct container_subsys_state *css,
				 struct task_struct *child)
{
	uncharge(numtasks_of(css));
}

static void numtasks_born(struct container_subsys_state *css,
			  struct task_struct *child)
{
	atomic_long_inc(&numtasks_of(css)->successes);
}

static void numtasks_reaped(struct container_subsys_state *css,
			    struct task_struct *task)
{
	uncharge(numtasks_of(css));
}

static void reset_stats(struct numtasks *nt)
{
	atomic_long_set(&nt->successes, 0);
	atomic_long_set(&nt->failures, 0);
	atomic_long_set(&nt->rate_failures, 0);
}

/* Each hierarchy begins with a root as new. */
static void numtasks_bind(struct container_subsys *ss, struct container *top)
{
	struct numtasks *root = numtasks_of(ss->root_css);
	struct shares_controller *ctl = &numtasks_controller;

	shares_add_root(ctl, &root->shares, SHARES_UNLIMITED);
	shares_begin(ctl);
	shares_set_total(ctl, &root->shares, total_quantity(total_numtasks));
	shares_end(ctl);
	reset_stats(root);
}

/* Files */

static int show_shares(struct seq_file *m, void *v)
{
	shares_show(&numtasks_controller,
		    &cont_numtasks(seq_container(m))->shares, m);
	return 0;
}

static int write_shares(struct kernfs_open_file *of, char *buf)
{
	return shares_write(&numtasks_controller,
			    &cont_numtasks(of_container(of))->shares, buf);
}

static int show_stats(struct seq_file *m, void *v)
{
	struct numtasks *nt = cont_numtasks(seq_container(m));

	seq_printf(m, "numtasks: Current usage %d\n",
		   numtasks_usage(nt));
	seq_printf(m, "numtasks: Number of successes %ld\n",
		   atomic_long_read(&nt->successes));
	seq_printf(m, "numtasks: Number of failures %ld\n",
		   atomic_long_read(&nt->failures));
	seq_printf(m, "numtasks: Number of forkrate failures %ld\n",
		   atomic_long_read(&nt->rate_failures));
	return 0;
}

static int write_stats(struct kernfs_open_file *of, char *buf)
{
	int ret = shares_check_res(&numtasks_controller, buf);

	if (!ret)
		reset_stats(cont_numtasks(of_container(of)));
	return ret;
}

static struct cftype numtasks_files[] = {
	/* four numbers and their names */
	{ .name = "shares", .seq_show = show_shares, .write = write_shares,
	  .max_write_len = 160 },
	{ .name = "stats", .seq_show = show_stats, .write = write_stats },
};

static int numtasks_populate(struct container_subsys *ss,
			     struct container *cont)
{
	return container_add_files(cont, ss, numtasks_files,
				   ARRAY_SIZE(numtasks_files));
}

static struct container_subsys numtasks_subsys = {
	.name		= "numtasks",
	.create		= numtasks_create,
	.remove		= numtasks_remove,
	.destroy	= numtasks_destroy,
	.populate	= numtasks_populate,
	.bind		= numtasks_bind,
	.moving		= numtasks_moving,
	.attach		= numtasks_attach,
	.can_fork	= numtasks_can_fork,
	.cancel_fork	= numtasks_cancel_fork,
	.born		= numtasks_born,
	.reaped		= numtasks_reaped,
};

static int __init numtasks_init(void)
{
	return container_register_subsys(&numtasks_subsys);
}
subsys_initcall(numtasks_init);

/* The parameter total_numtasks; the others are in numtasks_rate.c */

static int param_set_total(const char *text, const struct kernel_param *kp)
{
	int total, ret;

	ret = numtasks_parse_limit(text, &total);
	if (ret)
		return ret;
	if (container_subsys_active(&numtasks_subsys))
		return set_total(total);
	WRITE_ONCE(total_numtasks, total);	/* the command line; see bind */
	return 0;
}

static const struct kernel_param_ops total_ops = {
	.set = param_set_total,
	.get = numtasks_get_limit,
};

module_param_cb(total_numtasks, &total_ops, &total_numtasks, 0644);
