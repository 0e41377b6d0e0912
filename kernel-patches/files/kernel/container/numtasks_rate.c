// SPDX-License-Identifier: GPL-2.0
/*
 * The rate of forks: in each interval of forkrate_interval seconds a group and
 * those below it may make forkrate forks, all together.  The root has no rate.
 *
 * A fork is counted in its group and in those above it, in one interval, or in
 * none.  Once counted it stays so, even if it fails for another reason later: the
 * work has been done.
 */
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/rcupdate.h>
#include <linux/sysfs.h>

#include "numtasks.h"

int numtasks_forkrate = INT_MAX;
static int forkrate_interval = 1;

/*
 * The present interval is named by the second in which it began, counted from the
 * machine's start.  After a change of forkrate_interval one that began in the same
 * second as one of before is that one, only of another length: what has been counted
 * stays.
 */
static u32 this_interval(void)
{
	/* Jiffies begin shortly before they overflow in 32 bits. */
	u32 now = div_u64(get_jiffies_64() - INITIAL_JIFFIES, HZ);

	return now - now % (u32)READ_ONCE(forkrate_interval);
}

static u32 forks_in(u64 rate, u32 interval)
{
	return upper_32_bits(rate) == interval ? lower_32_bits(rate) : 0;
}

enum counting { COUNTED, TOO_MANY, TOO_LATE };

/* Count one fork more in an interval, unless there are too many, or it is over. */
static enum counting count_fork(struct numtasks *nt, u32 interval, u32 limit)
{
	u32 forks;
	u64 old;

	do {
		/* In this order, or an interval that has ended could come back. */
		old = atomic64_read_acquire(&nt->rate);
		if (this_interval() != interval)
			return TOO_LATE;
		forks = forks_in(old, interval);
		if (forks >= limit)
			return TOO_MANY;
	} while (atomic64_cmpxchg(&nt->rate, old,
				  (u64)interval << 32 | (forks + 1)) != old);
	return COUNTED;
}

/* Count a fork no more, unless its interval is over. */
static void forget_fork(struct numtasks *nt, u32 interval)
{
	u64 old = atomic64_read(&nt->rate);

	do {
		if (!forks_in(old, interval))
			return;
	} while (!atomic64_try_cmpxchg(&nt->rate, &old, old - 1));
}

/**
 * numtasks_take_rate - count a fork in a group and in those above it
 * @nt: the group
 * @interval: takes the interval in which the fork is counted
 *
 * Returns NULL, or the group that has made too many, with nothing counted.  Undone
 * by numtasks_return_rate().  Any context, under rcu_read_lock(): who sets a limit
 * waits for those that may have seen the old one.
 */
struct numtasks *numtasks_take_rate(struct numtasks *nt, u32 *interval)
{
	u32 limit = READ_ONCE(numtasks_forkrate);
	enum counting counting;
	unsigned int level, i;

	do {
		counting = COUNTED;
		*interval = this_interval();
		for (level = nt->level; level; level--) {
			counting = count_fork(nt->path[level], *interval, limit);
			if (counting != COUNTED)
				break;
		}
		for (i = nt->level; level && i > level; i--)
			forget_fork(nt->path[i], *interval);
	} while (counting == TOO_LATE);
	return counting == COUNTED ? NULL : nt->path[level];
}

/**
 * numtasks_return_rate - count a fork no more
 * @nt: the group
 * @interval: as numtasks_take_rate() has set it
 *
 * Any context.
 */
void numtasks_return_rate(struct numtasks *nt, u32 interval)
{
	unsigned int level;

	for (level = nt->level; level; level--)
		forget_fork(nt->path[level], interval);
}

/* Parameters, on the command line and in /sys/module/numtasks/parameters/ */

#define UNLIMITED_TEXT	"unlimited"

static int parse_positive(const char *text, int *value)
{
	if (kstrtoint(text, 10, value) || *value < 1)
		return -EINVAL;
	return 0;
}

/**
 * numtasks_parse_limit - take a limit that was written to a parameter
 * @text: the limit, as it is shown by numtasks_get_limit()
 * @value: takes it; may be changed in case of an error, too
 *
 * Returns 0 or -EINVAL.  Any context.
 */
int numtasks_parse_limit(const char *text, int *value)
{
	if (sysfs_streq(text, UNLIMITED_TEXT)) {
		*value = INT_MAX;
		return 0;
	}
	return parse_positive(text, value);
}

/**
 * numtasks_get_limit - show a parameter that is a limit
 * @buffer: of a page
 * @kp: the parameter, an int
 *
 * Returns the text's length.  Any context.
 */
int numtasks_get_limit(char *buffer, const struct kernel_param *kp)
{
	int limit = READ_ONCE(*(int *)kp->arg);

	return limit == INT_MAX ? sysfs_emit(buffer, UNLIMITED_TEXT "\n") :
				  sysfs_emit(buffer, "%d\n", limit);
}

/* From here on no fork is let through by an old limit, or counted in an old interval. */
static void wait_for_forks(void)
{
	if (system_state > SYSTEM_BOOTING)	/* not on the command line */
		synchronize_rcu();
}

static int param_set_forkrate(const char *text, const struct kernel_param *kp)
{
	int limit, ret;

	ret = numtasks_parse_limit(text, &limit);
	if (ret)
		return ret;
	WRITE_ONCE(numtasks_forkrate, limit);
	wait_for_forks();
	return 0;
}

static int param_set_interval(const char *text, const struct kernel_param *kp)
{
	int interval, ret;

	ret = parse_positive(text, &interval);
	if (ret)
		return ret;
	WRITE_ONCE(forkrate_interval, interval);
	wait_for_forks();
	return 0;
}

static const struct kernel_param_ops forkrate_ops = {
	.set = param_set_forkrate,
	.get = numtasks_get_limit,
};

static const struct kernel_param_ops interval_ops = {
	.set = param_set_interval,
	.get = param_get_int,
};

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "numtasks."
module_param_cb(forkrate, &forkrate_ops, &numtasks_forkrate, 0644);
module_param_cb(forkrate_interval, &interval_ops, &forkrate_interval, 0644);
