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
 * does one beyond the group's rate of forks.  To move a task in is never refused.
 *
 * The groups above count the task too.  What a group is guaranteed is put aside in
 * its parent, used or not; only what it needs beyond that it borrows from its
 * parent, which has to have it:
 *
 *   need(group)   =  its own tasks + the sum of taken(child)
 *   taken(group)  =  the larger of need(group) and min(group)
 *
 * No fork in a group makes need(group) exceed max(group).  A fork within its
 * group's min asks nobody above, so nobody above can refuse it.
 *
 * Need and min share a word, the group's account, so that a change of either sees
 * the other, and no lock is needed.  A group is paid for before it takes, and
 * its parent paid back after it has given: at each moment a parent counts as much
 * as its children take, or more.  So a race can refuse a fork that came a moment
 * too early, but lets none through that is one too many.
 */
#include <linux/containers.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "shares.h"

struct numtasks {
	struct container_subsys_state css;
	atomic64_t account;		/* min << 32 | need */
	unsigned int max;		/* UINT_MAX for no limit */
	unsigned int level;		/* 0 for the root */
	atomic64_t rate;		/* number of an interval << 32 | its forks */
	atomic_long_t successes;
	atomic_long_t failures;
	atomic_long_t rate_failures;
	struct shares_group shares;
	struct numtasks *path[];	/* from the root down to this one */
};

/* The parameters: what there is for all.  INT_MAX stands for no limit. */
static int total_numtasks = INT_MAX;
static int forkrate = INT_MAX;
static int forkrate_interval = 1;

static struct container_subsys numtasks_subsys;

static struct numtasks *numtasks_of(struct container_subsys_state *css)
{
	return container_of(css, struct numtasks, css);
}

static struct numtasks *cont_numtasks(struct container *cont)
{
	return numtasks_of(container_subsys_state(cont, &numtasks_subsys));
}

static u64 account(u32 min, u32 need)
{
	return (u64)min << 32 | need;
}

static u32 min_in(u64 account)
{
	return upper_32_bits(account);
}

static u32 need_in(u64 account)
{
	return lower_32_bits(account);
}

/* What the parent counts for a group. */
static u32 taken_in(u64 account)
{
	return max(min_in(account), need_in(account));
}

/* Charges */

static void uncharge(struct numtasks *nt)
{
	unsigned int level = nt->level;
	u64 old;

	do {
		old = atomic64_fetch_dec(&nt->path[level]->account);
	} while (level-- && need_in(old) > min_in(old));
}

/* Is a group with this account at its maximum?  Never for what is not to be refused. */
static __always_inline bool full(struct numtasks *nt, u64 account, bool force)
{
	return !force && need_in(account) >= READ_ONCE(nt->max);
}

enum taking { TAKEN, REFUSED, BORROW };

/*
 * Let a group that need not borrow count one task more: within its guarantee, or
 * the root.  BORROW says that it has to after all.
 */
static __always_inline enum taking take_own(struct numtasks *nt, bool force)
{
	u64 old = atomic64_read(&nt->account);

	do {
		if (full(nt, old, force))
			return REFUSED;
		if (nt->level && need_in(old) >= min_in(old))
			return BORROW;
	} while (!atomic64_try_cmpxchg(&nt->account, &old, old + 1));
	return TAKEN;
}

/* Let a group whose parent has paid count one task more. */
static __always_inline bool take_paid(struct numtasks *nt, bool force)
{
	u64 old = atomic64_read(&nt->account);

	do {
		if (full(nt, old, force))
			return false;
	} while (!atomic64_try_cmpxchg(&nt->account, &old, old + 1));

	/* Within its guarantee: there was nothing to pay. */
	if (unlikely(need_in(old) < min_in(old)))
		uncharge(nt->path[nt->level - 1]);
	return true;
}

/*
 * Charge a task to a group, and to those above from which it borrows.  Inlined, as
 * each caller has one value of @force, and one of them is fork.
 */
static __always_inline bool charge(struct numtasks *nt, bool force)
{
	unsigned int level;
	enum taking taking;
	u64 now;

	do {
		/* Up to the one that need not borrow, ... */
		for (level = nt->level; level; level--) {
			now = atomic64_read(&nt->path[level]->account);
			/* Whoever cannot have it must not hold it meanwhile. */
			if (full(nt->path[level], now, force))
				return false;
			if (need_in(now) < min_in(now))
				break;
		}
		taking = take_own(nt->path[level], force);
	} while (taking == BORROW);
	if (taking == REFUSED)
		return false;

	/* ... and down from there, each paid by the one above. */
	while (level < nt->level) {
		if (!take_paid(nt->path[++level], force)) {
			uncharge(nt->path[level - 1]);
			return false;
		}
	}
	return true;
}

/* Let one group count @more, which may be negative.  Returns what its parent is to. */
static int add_one(struct numtasks *nt, int more)
{
	u64 old = atomic64_read(&nt->account), new;

	do {
		new = account(min_in(old), need_in(old) + more);
	} while (!atomic64_try_cmpxchg(&nt->account, &old, new));
	return taken_in(new) - taken_in(old);
}

/* Let a group and those above count @less no more, from the bottom up. */
static void give_back(struct numtasks *nt, int less)
{
	unsigned int level = nt->level;

	do {
		less = -add_one(nt->path[level], -less);
	} while (level-- && less);
}

/* Let a group and those above count @more, from the root down: each is paid first. */
static void pay(struct numtasks *nt, int more)
{
	unsigned int level;
	int taken;

	for (level = 0; level <= nt->level; level++) {
		taken = add_one(nt->path[level], more);
		if (level)
			give_back(nt->path[level - 1], more - taken);
	}
}

/*
 * Guarantee a group @min tasks.  With the controller's lock held.  For a moment the
 * parent counts all of a higher guarantee, whatever of it has been taken already.
 */
static void set_min(struct numtasks *nt, u32 min)
{
	struct numtasks *parent = nt->level ? nt->path[nt->level - 1] : NULL;
	u64 old = atomic64_read(&nt->account), new;
	int prepaid = 0;

	if (parent && min > min_in(old)) {
		prepaid = min - min_in(old);
		pay(parent, prepaid);
	}
	do {
		new = account(min, need_in(old));
	} while (!atomic64_try_cmpxchg(&nt->account, &old, new));
	if (parent)
		give_back(parent, prepaid - (int)(taken_in(new) - taken_in(old)));
}

static void quantities_changed(struct shares_group *group)
{
	struct numtasks *nt = container_of(group, struct numtasks, shares);

	WRITE_ONCE(nt->max, min_t(u64, group->max, UINT_MAX));
	/* What a hierarchy has as a whole is nobody's to guarantee. */
	set_min(nt, nt->level ? group->min : 0);
}

static struct shares_controller numtasks_controller = {
	.name		= "numtasks",
	.lock		= __MUTEX_INITIALIZER(numtasks_controller.lock),
	.changed	= quantities_changed,
};

/*
 * The tasks in a group and below it: what it needs, without what is put aside
 * there and not used.  While tasks come and go the answer is of no one moment, but
 * never more than the group needs.  With the controller's lock held.
 */
static unsigned int usage(struct numtasks *nt)
{
	struct shares_group *pos;
	struct numtasks *below;
	unsigned int unused = 0;
	u64 now;

	shares_for_each_below(pos, &nt->shares) {
		below = container_of(pos, struct numtasks, shares);
		now = atomic64_read(&below->account);
		unused += taken_in(now) - need_in(now);
	}
	return need_in(atomic64_read(&nt->account)) - unused;
}

/* The rate of forks */

static u32 this_interval(void)
{
	return div64_u64(get_jiffies_64(),
			 (u64)READ_ONCE(forkrate_interval) * HZ);
}

/*
 * Count a fork in the group's interval.  It stays counted even if it fails later:
 * the work has been done.
 */
static bool take_rate(struct numtasks *nt)
{
	u32 limit = READ_ONCE(forkrate), interval, forks;
	u64 old;

	if (limit == INT_MAX)
		return true;
	do {
		/* In this order, or an interval that has ended could come back. */
		old = atomic64_read_acquire(&nt->rate);
		interval = this_interval();
		forks = upper_32_bits(old) == interval ? lower_32_bits(old) : 0;
		if (forks >= limit)
			return false;
	} while (atomic64_cmpxchg(&nt->rate, old,
				  (u64)interval << 32 | (forks + 1)) != old);
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

	WARN_ON_ONCE(need_in(atomic64_read(&nt->account)));
	kfree(nt);
}

static int numtasks_can_attach(struct container_subsys_state *to,
			       struct task_struct *task)
{
	charge(numtasks_of(to), true);
	return 0;
}

static void numtasks_cancel_attach(struct container_subsys_state *to,
				   struct task_struct *task)
{
	uncharge(numtasks_of(to));
}

static void numtasks_attach(struct container_subsys_state *to,
			    struct container_subsys_state *from,
			    struct task_struct *task)
{
	if (from)
		uncharge(numtasks_of(from));
}

static int numtasks_can_fork(struct container_subsys_state *css,
			     struct task_struct *child)
{
	struct numtasks *nt = numtasks_of(css);

	if (!charge(nt, false)) {
		atomic_long_inc(&nt->failures);
		return -EAGAIN;
	}
	if (!take_rate(nt)) {
		uncharge(nt);
		atomic_long_inc(&nt->rate_failures);
		return -EAGAIN;
	}
	atomic_long_inc(&nt->successes);
	return 0;
}

static void numtasks_cancel_fork(struct container_subsys_state *css,
				 struct task_struct *child)
{
	struct numtasks *nt = numtasks_of(css);

	atomic_long_dec(&nt->successes);
	uncharge(nt);
}

static void numtasks_exit(struct container_subsys_state *css,
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

static u64 total_quantity(int total)
{
	return total == INT_MAX ? SHARES_UNLIMITED : total;
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

/* A fork that fails after a reset takes back a success from before it. */
static long count_of(atomic_long_t *count)
{
	return max(atomic_long_read(count), 0L);
}

static int show_stats(struct seq_file *m, void *v)
{
	struct numtasks *nt = cont_numtasks(seq_container(m));
	unsigned int now;

	mutex_lock(&numtasks_controller.lock);
	now = usage(nt);
	mutex_unlock(&numtasks_controller.lock);
	seq_printf(m, "numtasks: Current usage %u\n", now);
	seq_printf(m, "numtasks: Number of successes %ld\n",
		   count_of(&nt->successes));
	seq_printf(m, "numtasks: Number of failures %ld\n",
		   count_of(&nt->failures));
	seq_printf(m, "numtasks: Number of forkrate failures %ld\n",
		   count_of(&nt->rate_failures));
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
	.can_attach	= numtasks_can_attach,
	.cancel_attach	= numtasks_cancel_attach,
	.attach		= numtasks_attach,
	.can_fork	= numtasks_can_fork,
	.cancel_fork	= numtasks_cancel_fork,
	.exit		= numtasks_exit,
};

static int __init numtasks_init(void)
{
	return container_register_subsys(&numtasks_subsys);
}
subsys_initcall(numtasks_init);

/* Parameters, on the command line and in /sys/module/numtasks/parameters/ */

#define UNLIMITED_TEXT	"unlimited"

static int parse_positive(const char *text, int *value)
{
	if (kstrtoint(text, 10, value) || *value < 1)
		return -EINVAL;
	return 0;
}

static int parse_limit(const char *text, int *value)
{
	if (sysfs_streq(text, UNLIMITED_TEXT)) {
		*value = INT_MAX;
		return 0;
	}
	return parse_positive(text, value);
}

/*
 * Divide a new total, unless there are more tasks than that.  The root is limited
 * before its tasks are counted: a fork that comes later sees the new limit, one
 * that is under way may be counted as if it had come before.
 */
static int set_total(int total)
{
	struct numtasks *root = numtasks_of(numtasks_subsys.root_css);
	struct shares_controller *ctl = &numtasks_controller;
	unsigned int old_max;
	int ret = 0;

	mutex_lock(&ctl->lock);
	old_max = root->max;
	/* The store comes before the look at the tasks. */
	smp_store_mb(root->max, min_t(u64, total_quantity(total), UINT_MAX));
	if (usage(root) > total) {
		WRITE_ONCE(root->max, old_max);
		ret = -EINVAL;
	} else {
		shares_set_total(ctl, &root->shares, total_quantity(total));
		WRITE_ONCE(total_numtasks, total);
	}
	mutex_unlock(&ctl->lock);
	return ret;
}

static int param_set_total(const char *text, const struct kernel_param *kp)
{
	int total, ret;

	ret = parse_limit(text, &total);
	if (ret)
		return ret;
	if (container_subsys_active(&numtasks_subsys))
		return set_total(total);
	WRITE_ONCE(total_numtasks, total);	/* the command line; see bind */
	return 0;
}

static int param_set_limit(const char *text, const struct kernel_param *kp)
{
	int limit, ret;

	ret = parse_limit(text, &limit);
	if (!ret)
		WRITE_ONCE(*(int *)kp->arg, limit);
	return ret;
}

static int param_get_limit(char *buffer, const struct kernel_param *kp)
{
	int limit = READ_ONCE(*(int *)kp->arg);

	return limit == INT_MAX ? sysfs_emit(buffer, UNLIMITED_TEXT "\n") :
				  sysfs_emit(buffer, "%d\n", limit);
}

static int param_set_interval(const char *text, const struct kernel_param *kp)
{
	int interval, ret;

	ret = parse_positive(text, &interval);
	if (!ret)
		WRITE_ONCE(forkrate_interval, interval);
	return ret;
}

static const struct kernel_param_ops total_ops = {
	.set = param_set_total,
	.get = param_get_limit,
};

static const struct kernel_param_ops limit_ops = {
	.set = param_set_limit,
	.get = param_get_limit,
};

static const struct kernel_param_ops interval_ops = {
	.set = param_set_interval,
	.get = param_get_int,
};

module_param_cb(total_numtasks, &total_ops, &total_numtasks, 0644);
module_param_cb(forkrate, &limit_ops, &forkrate, 0644);
module_param_cb(forkrate_interval, &interval_ops, &forkrate_interval, 0644);
