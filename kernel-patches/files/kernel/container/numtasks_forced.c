// SPDX-License-Identifier: GPL-2.0
/*
 * What a group counts and cannot be refused: tasks that are moved, and guarantees.
 * numtasks.c tells what is counted.
 */
#include "numtasks.h"

/*
 * Held for writing while a group counts more than there is, or has less than it is to
 * have: a task is on its way from one group to another, a guarantee is being paid, a
 * total is tried.  Only for a moment: a fork that was refused waits for the end.
 */
DEFINE_SEQLOCK(numtasks_unsettled);

/**
 * numtasks_give_back - let a group need less
 * @nt: the group, and those above that have lent it that
 * @less: how much
 *
 * From the bottom up: a parent counts as much as its children, or more, meanwhile.
 * Any context.
 */
void numtasks_give_back(struct numtasks *nt, u32 less)
{
	unsigned int level = nt->level;
	u64 old;

	do {
		old = atomic64_fetch_sub(less, &nt->path[level]->account);
		less = taken_in(old) - taken_in(old - less);
	} while (level-- && less);
}

/* Let a group need @more of what it has left, if it has. */
static bool take_left(struct numtasks *nt, u32 more)
{
	u64 old = atomic64_read(&nt->account);

	do {
		if (!has_left(old, more))
			return false;
	} while (!atomic64_try_cmpxchg(&nt->account, &old, old + more));
	return true;
}

/* Let a group need @more, for which its parent has been paid. */
static void take_paid(struct numtasks *nt, u32 more)
{
	u64 old = atomic64_fetch_add(more, &nt->account);
	u32 borrowed = taken_in(old + more) - taken_in(old);

	if (more > borrowed)
		numtasks_give_back(parent_of(nt), more - borrowed);
}

/**
 * numtasks_take_forced - let a group need more
 * @nt: the group, and those above from which it has to borrow that
 * @more: how much
 *
 * Whatever their maximum is.  Any context.
 */
void numtasks_take_forced(struct numtasks *nt, u32 more)
{
	unsigned int level = nt->level;

	while (level && !take_left(nt->path[level], more))
		level--;
	if (!level)
		atomic64_add(more, &nt->path[0]->account);
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
 * so that there are never less than there is.  With numtasks_unsettled held.
 */
void numtasks_transfer(struct numtasks *from, struct numtasks *to)
{
	int top = common_level(from, to), level;

	lockdep_assert_held(&numtasks_unsettled.lock);
	numtasks_take_forced(to, 1);
	for (level = to->level; level > top; level--)
		atomic_inc(&to->path[level]->usage);
	if (numtasks_leave(from, top))
		numtasks_give_back(from->path[top], 1);
}

/**
 * numtasks_set_min - set what a group is guaranteed
 * @nt: the group
 * @min: so many tasks; for the root, what there is in all
 *
 * With the controller's lock held, and numtasks_unsettled.
 */
void numtasks_set_min(struct numtasks *nt, u32 min)
{
	struct numtasks *parent = parent_of(nt);
	u64 old = atomic64_read(&nt->account), new;
	int owed, paid = 0;

	lockdep_assert_held(&numtasks_unsettled.lock);
	do {
		new = account(min, need_in(old));
		owed = parent ? taken_in(new) - taken_in(old) : 0;
		if (owed > paid) {
			numtasks_take_forced(parent, owed - paid);
			paid = owed;
		}
	} while (!atomic64_try_cmpxchg(&nt->account, &old, new));
	if (paid > owed)
		numtasks_give_back(parent, paid - owed);
}
