// SPDX-License-Identifier: GPL-2.0
/*
 * What a group counts and cannot be refused: tasks that are moved, and guarantees.
 * numtasks.c tells what is counted.
 *
 * What is idle is lowered first of all and raised last: at each moment a group's need
 * less that is as much as there is, or more.
 */
#include "numtasks.h"

/*
 * Held for writing while a group counts more than there is: a task is on its way from
 * one group to another, or a guarantee is being paid or paid back.  Only for a moment.
 * Where interrupts take spinlocks they are off, always: tasks are moved under the siglock.
 */
DEFINE_SEQLOCK(numtasks_unsettled);

/*
 * Let a group, and those above that have lent it that, need less, which is idle.  From
 * the bottom up: a parent counts as much as its children, or more, meanwhile.
 */
static void give_back(struct numtasks *nt, u32 less)
{
	unsigned int level = nt->level;
	u64 old;

	do {
		atomic_sub(less, &nt->path[level]->idle);
		old = atomic64_fetch_sub(less, &nt->path[level]->account);
		less = taken_in(old) - taken_in(old - less);
	} while (level-- && less);
}

/**
 * numtasks_repay - let a group need one task less, which it has idle
 * @nt: the group, whose child has paid for one that it was guaranteed
 * @alone: numtasks_unsettled is held
 *
 * So nobody finds the task twice in numtasks_usage().  Any context.
 */
void numtasks_repay(struct numtasks *nt, bool alone)
{
	unsigned long flags;

	if (alone) {
		give_back(nt, 1);
		return;
	}
	write_seqlock_irqsave(&numtasks_unsettled, flags);
	give_back(nt, 1);
	write_sequnlock_irqrestore(&numtasks_unsettled, flags);
}

/* Let a group need @more of what it has left, if it has. */
static bool take_left(struct numtasks *nt, u32 more)
{
	u64 old = atomic64_read(&nt->account);

	do {
		if (!has_left(old, more))
			return false;
	} while (!atomic64_try_cmpxchg(&nt->account, &old, old + more));
	atomic_add(more, &nt->idle);
	return true;
}

/* Let a group need @more, for which its parent, if it has one, has been paid. */
static void take_paid(struct numtasks *nt, u32 more)
{
	u64 old = atomic64_fetch_add(more, &nt->account);
	u32 borrowed = taken_in(old + more) - taken_in(old);

	atomic_add(more, &nt->idle);
	if (nt->level && more > borrowed)
		give_back(parent_of(nt), more - borrowed);
}

/*
 * Let a group need more, all of it idle, and those above from which it has to borrow
 * that.  Whatever their maximum is.
 */
static void take_forced(struct numtasks *nt, u32 more)
{
	unsigned int level = nt->level;

	while (level && !take_left(nt->path[level], more))
		level--;
	if (!level)
		take_paid(nt->path[0], more);
	while (level < nt->level)
		take_paid(nt->path[++level], more);
}

static int common_level(const struct numtasks *a, const struct numtasks *b)
{
	int level = min(a->level, b->level);

	while (a->path[level] != b->path[level])
		level--;
	return level;
}

/**
 * numtasks_transfer - count a task in another group
 * @from: the group that has counted it
 * @to: the group that is to count it
 *
 * The groups that are above both, or are one of them, have the task before and after
 * that, and show it once all the time.  In the accounts it counts twice for a moment,
 * so that there are never less than there is.  Interrupts off, but on PREEMPT_RT, where
 * none takes the siglock.
 */
void numtasks_transfer(struct numtasks *from, struct numtasks *to)
{
	int top = common_level(from, to), level;

	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		lockdep_assert_irqs_disabled();
	write_seqlock(&numtasks_unsettled);
	take_forced(to, 1);
	for (level = to->level; level > top; level--)
		atomic_dec(&to->path[level]->idle);
	if (numtasks_leave(from, top))
		give_back(from->path[top], 1);
	write_sequnlock(&numtasks_unsettled);
}

/**
 * numtasks_set_min - set what a group is guaranteed
 * @nt: the group
 * @min: so many tasks; for the root, what there is in all
 *
 * Between shares_begin() and shares_end(), interrupts on.
 */
void numtasks_set_min(struct numtasks *nt, u32 min)
{
	struct numtasks *parent = parent_of(nt);
	u64 old = atomic64_read(&nt->account), new;
	int owed, paid = 0;

	write_seqlock_irq(&numtasks_unsettled);
	do {
		new = account(min, need_in(old));
		owed = parent ? taken_in(new) - taken_in(old) : 0;
		if (owed > paid) {
			take_forced(parent, owed - paid);
			paid = owed;
		}
	} while (!atomic64_try_cmpxchg(&nt->account, &old, new));
	if (paid > owed)
		give_back(parent, paid - owed);
	write_sequnlock_irq(&numtasks_unsettled);
}

/**
 * numtasks_usage - count the tasks in a group and in those below it
 * @nt: the group
 *
 * Forks that are under way count.  One that is about to be refused may, for an instant,
 * but it makes no group seem to have more than it needs.  Not in interrupts.
 */
int numtasks_usage(const struct numtasks *nt)
{
	unsigned int seq;
	u64 now;
	int idle;

	do {
		seq = read_seqbegin(&numtasks_unsettled);
		now = atomic64_read(&nt->account);
		smp_rmb();	/* Together they are of this moment, if now is still so. */
		idle = atomic_read(&nt->idle);
	} while (read_seqretry(&numtasks_unsettled, seq) ||
		 atomic64_read(&nt->account) != now);
	/* Several forks may have taken what is left for one, until they find out. */
	return need_in(now) - max(idle, 0);
}
