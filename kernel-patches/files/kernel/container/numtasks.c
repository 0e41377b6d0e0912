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
 * many.  What cannot be refused, a move or a new guarantee, refuses no fork by being
 * under way: who was refused meanwhile asks again (numtasks_unsettled).  Only another
 * fork can, which holds its place already and then fails.
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

enum taking { TAKEN, REFUSED, BORROW };

/*
 * Let a group count one task more, of what it has left or of what its parent has
 * been @paid for, and set @need to what it needs then.  BORROW says that it has
 * nothing left after all.
 */
static __always_inline enum taking take(struct numtasks *nt, bool paid,
					u32 *need)
{
	u64 old = atomic64_read(&nt->account);
	enum taking taking;

	/* Before the account: set_total() looks at them the other way round. */
	atomic_inc(&nt->usage);
	do {
		taking = full(nt, old) ? REFUSED :
			 paid || has_left(old, 1) ? TAKEN : BORROW;
		if (unlikely(taking != TAKEN)) {
			atomic_dec(&nt->usage);
			return taking;
		}
	} while (!atomic64_try_cmpxchg(&nt->account, &old, old + 1));

	/* Within its guarantee there was nothing to pay. */
	if (paid && unlikely(has_left(old, 1)))
		numtasks_give_back(parent_of(nt), 1);
	*need = need_in(old) + 1;
	return TAKEN;
}

/* Let the groups above one, from which it does not borrow, know of @n tasks. */
static void tell_above(struct numtasks *nt, int n)
{
	unsigned int level = nt->level;

	while (level--)
		atomic_add(n, &nt->path[level]->usage);
}

/*
 * Find out from whom a group would have one task more: itself or one above that
 * need not borrow.  Returns NULL and sets @level, or returns the one that refuses.
 */
static __always_inline struct numtasks *find_owner(struct numtasks *nt,
						   unsigned int *level)
{
	struct numtasks *group;
	u64 now;

	for (*level = nt->level;; --*level) {
		group = nt->path[*level];
		now = atomic64_read(&group->account);
		if (full(group, now))
			return group;
		if (has_left(now, 1))
			return NULL;
		if (!*level)
			return group;
	}
}

/*
 * Charge a task to a group and to those above.  Returns NULL, or the group that
 * refuses, with nothing charged.
 */
static __always_inline struct numtasks *charge(struct numtasks *nt)
{
	struct numtasks *group;
	enum taking taking;
	unsigned int level;
	u32 need;

	do {
		/* Whoever cannot have it must not hold it meanwhile. */
		group = find_owner(nt, &level);
		if (group)
			return group;
		group = nt->path[level];
		tell_above(group, 1);
		taking = take(group, false, &need);
		if (taking != TAKEN)
			tell_above(group, -1);
	} while (taking == BORROW);
	if (taking == REFUSED)
		return group;

	/* From the owner down to the group, each is paid by the one above. */
	for (;;) {
		/* A new maximum, or whoever sets it sees this task. */
		if (unlikely(need > READ_ONCE(group->max))) {
			uncharge(group);
			return group;
		}
		if (level == nt->level)
			return NULL;
		group = nt->path[++level];
		if (take(group, true, &need) != TAKEN) {
			uncharge(parent_of(group));
			return group;
		}
	}
}

/* Limits and guarantees */

static void set_min(struct numtasks *nt, u32 min)
{
	write_seqlock(&numtasks_unsettled);
	numtasks_set_min(nt, min);
	write_sequnlock(&numtasks_unsettled);
}

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
		set_min(nt, min);
}

static void relax(struct shares_group *group)
{
	struct numtasks *nt = container_of(group, struct numtasks, shares);

	WRITE_ONCE(nt->max, new_max(group));
	set_min(nt, new_min(group));
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

static int usage(const struct numtasks *nt)
{
	return atomic_read(&nt->usage);
}

/*
 * Let the root have less, unless more than that is in use.  A fork that is under way
 * has either been counted or finds the new total; one that is refused for a total
 * which is then refused itself asks again.
 */
static int lower_total(struct numtasks *root, u32 total)
{
	u32 old = old_min(root);
	int ret = 0;

	write_seqlock(&numtasks_unsettled);
	numtasks_set_min(root, total);
	if (usage(root) > (int)total) {
		numtasks_set_min(root, old);
		ret = -EINVAL;
	}
	write_sequnlock(&numtasks_unsettled);
	return ret;
}

/* Divide a new total, unless more than that is in use. */
static int set_total(int total)
{
	struct numtasks *root = numtasks_of(numtasks_subsys.root_css);
	struct shares_controller *ctl = &numtasks_controller;
	int ret = 0;

	mutex_lock(&ctl->lock);
	if (usage(root) > total)
		ret = -EINVAL;
	else if (total < total_numtasks)
		ret = lower_total(root, total);
	if (!ret) {
		shares_set_total(ctl, &root->shares, total_quantity(total));
		WRITE_ONCE(total_numtasks, total);
	}
	mutex_unlock(&ctl->lock);
	return ret;
}

/*
 * A fork was refused.  May it have been let through if nothing had been under way that
 * cannot be refused?  @seq is even if we have asked that before.
 */
static noinline bool was_unsettled(unsigned int *seq)
{
	if (!(*seq & 1) && !read_seqretry(&numtasks_unsettled, *seq))
		return false;
	*seq = read_seqbegin(&numtasks_unsettled);
	return true;
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

	WARN_ON_ONCE(need_in(atomic64_read(&nt->account)) || usage(nt));
	kfree(nt);
}

static void numtasks_attach(struct container_subsys_state *to,
			    struct container_subsys_state *from,
			    struct task_struct *task)
{
	struct numtasks *nt = numtasks_of(to);

	if (from) {
		write_seqlock(&numtasks_unsettled);
		numtasks_transfer(numtasks_of(from), nt);
		write_sequnlock(&numtasks_unsettled);
	} else {
		numtasks_take_forced(nt, 1);
		atomic_inc(&nt->usage);
	}
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
 * tasks must not use up what others could.
 */
static noinline struct numtasks *charge_with_rate(struct numtasks *nt,
						  bool *too_fast)
{
	struct numtasks *limit;
	unsigned int level;
	u32 interval;

	*too_fast = false;
	limit = find_owner(nt, &level);
	if (limit)
		return limit;
	limit = numtasks_take_rate(nt, &interval);
	*too_fast = limit;
	if (limit)
		return limit;
	limit = charge(nt);
	if (limit)
		numtasks_return_rate(nt, interval);
	return limit;
}

static int numtasks_can_fork(struct container_subsys_state *css,
			     struct task_struct *child)
{
	struct numtasks *nt = numtasks_of(css), *limit;
	bool too_fast = false;
	unsigned int seq = 1;

	rcu_read_lock();	/* see numtasks_take_rate() */
	do {
		if (unlikely(READ_ONCE(numtasks_forkrate) != INT_MAX) &&
		    !asked_before(child))
			limit = charge_with_rate(nt, &too_fast);
		else
			limit = charge(nt);
	} while (unlikely(limit) && was_unsettled(&seq));
	rcu_read_unlock();

	if (likely(!limit))
		return 0;
	count_failure(nt, limit, too_fast);
	return -EAGAIN;
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
	mutex_lock(&ctl->lock);
	shares_set_total(ctl, &root->shares, total_quantity(total_numtasks));
	mutex_unlock(&ctl->lock);
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

	seq_printf(m, "numtasks: Current usage %d\n", usage(nt));
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
