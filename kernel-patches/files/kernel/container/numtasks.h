/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the subsystem numtasks share.
 *
 *   numtasks.c		the subsystem; forks and exits
 *   numtasks_forced.c	what is never refused: moves, and guarantees
 *   numtasks_rate.c	how often it forks, and may fork
 */
#ifndef _KERNEL_CONTAINER_NUMTASKS_H
#define _KERNEL_CONTAINER_NUMTASKS_H

#include <linux/atomic.h>
#include <linux/containers.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/seqlock.h>

#include "shares.h"

/* A group.  numtasks.c tells what the account is. */
struct numtasks {
	struct container_subsys_state css;
	atomic64_t account;		/* min << 32 | need */
	unsigned int max;		/* UINT_MAX for none of its own */
	atomic_t idle;			/* of need: guaranteed to groups below, and unused */
	unsigned int level;		/* 0 for the root */
	atomic64_t rate;		/* start of an interval << 32 | its forks */
	atomic_long_t successes;
	atomic_long_t failures;
	atomic_long_t rate_failures;
	struct shares_group shares;
	struct numtasks *path[];	/* from the root down to this one */
};

static inline struct numtasks *parent_of(struct numtasks *nt)
{
	return nt->level ? nt->path[nt->level - 1] : NULL;
}

static inline u64 account(u32 min, u32 need)
{
	return (u64)min << 32 | need;
}

static inline u32 min_in(u64 account)
{
	return upper_32_bits(account);
}

static inline u32 need_in(u64 account)
{
	return lower_32_bits(account);
}

/* What the parent counts for a group. */
static inline u32 taken_in(u64 account)
{
	return max(min_in(account), need_in(account));
}

/* Has a group with this account so much left that it need not borrow? */
static inline bool has_left(u64 account, u32 more)
{
	return need_in(account) < min_in(account) &&
	       min_in(account) - need_in(account) >= more;
}

/*
 * Let a group, and those above it below level @top, count a task no more, from the
 * bottom up.  Returns whether the group at level @top, too, has what was taken.
 */
static __always_inline bool numtasks_leave(struct numtasks *nt, int top)
{
	int level;
	u64 old;

	for (level = nt->level; level > top; level--) {
		old = atomic64_fetch_dec(&nt->path[level]->account);
		if (need_in(old) > min_in(old))
			continue;
		/* It keeps its guarantee, of which those above have more idle. */
		while (unlikely(--level > top))
			atomic_inc(&nt->path[level]->idle);
		return false;
	}
	return true;
}

/* numtasks_forced.c */
extern seqlock_t numtasks_unsettled;

void numtasks_repay(struct numtasks *nt, bool alone);
void numtasks_take_forced(struct numtasks *nt, u32 more);
void numtasks_transfer(struct numtasks *from, struct numtasks *to);
void numtasks_set_min(struct numtasks *nt, u32 min);
int numtasks_usage(const struct numtasks *nt);

/* numtasks_rate.c.  In the parameters INT_MAX stands for no limit. */
int numtasks_parse_limit(const char *text, int *value);
int numtasks_get_limit(char *buffer, const struct kernel_param *kp);

extern int numtasks_forkrate;

struct numtasks *numtasks_take_rate(struct numtasks *nt, u32 *interval);
void numtasks_return_rate(struct numtasks *nt, u32 interval);

#endif /* _KERNEL_CONTAINER_NUMTASKS_H */
