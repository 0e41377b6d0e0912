// SPDX-License-Identifier: GPL-2.0
/*
 * BeanCounters: bounds and resets, and how a counter is read.  bc_counter.h says how
 * charges see such a change.
 */
#include <linux/rcupdate.h>

#include "bc_counter.h"

/* Nothing has been left yet; what is held now is the extreme. */
#define NO_MAX	0
#define NO_MIN	LONG_MAX

/**
 * bc_init_counter - prepare a new counter
 * @counter: nobody else knows it yet
 * @barrier: its barrier
 * @limit: its limit
 */
void bc_init_counter(struct bc_counter *counter, unsigned long barrier,
		     unsigned long limit)
{
	counter->terms[0].barrier = barrier;
	counter->terms[0].limit = limit;
	counter->changed = get_completed_synchronize_rcu();
	counter->quiet_until = jiffies;
}

/* The state, at a moment when there are no stocks. */
static u64 settled_state(struct beancounter *bc, const struct bc_resource *res)
{
	u64 state;

	while (stocks_in(state = read_state(counter_of(bc, res))))
		bc_recall_stocks(bc, res);
	return state;
}

/*
 * Let other terms come into force in one step: @new, of which the extremes are those
 * before, or NO_MAX and NO_MIN where they begin anew.  Under @bc->lock; may wait for a
 * grace period.
 */
static void change_terms(struct beancounter *bc, const struct bc_resource *res,
			 unsigned long barrier, unsigned long limit,
			 bool new_max, bool new_min)
{
	struct bc_counter *counter = counter_of(bc, res);
	struct bc_terms *old, *new;
	u64 state;

	lockdep_assert_held(&bc->lock);
	/* They lie where those before the last ones did. */
	cond_synchronize_rcu(counter->changed);

	state = read_state(counter);
	old = terms_in(counter, state);
	new = terms_in(counter, state ^ BC_TURN);
	new->barrier = barrier;
	new->limit = limit;
	atomic_long_set(&new->maxheld,
			new_max ? NO_MAX : atomic_long_read(&old->maxheld));
	atomic_long_set(&new->minheld,
			new_min ? NO_MIN : atomic_long_read(&old->minheld));
	do {
		state = settled_state(bc, res);
	} while (!change_state(counter, state, state ^ BC_TURN));

	/* What has been left since it was copied, before the flip, is noted there. */
	if (!new_max)
		note_max(new, atomic_long_read(&old->maxheld));
	if (!new_min)
		note_min(new, atomic_long_read(&old->minheld));
	counter->changed = get_state_synchronize_rcu();
}

/* The terms in force.  Only holders of the lock change them. */
static struct bc_terms *current_terms(struct beancounter *bc,
				      const struct bc_resource *res)
{
	struct bc_counter *counter = counter_of(bc, res);

	lockdep_assert_held(&bc->lock);
	return terms_in(counter, read_state(counter));
}

/**
 * bc_set_bounds - set a container's barrier and limit for a resource, in one step
 * @bc: pinned by the caller
 * @res: the resource
 * @barrier: its new barrier, or BC_SAME
 * @limit: its new limit, or BC_SAME
 *
 * From the return on no charge exceeds them.  What is held already stays.  Returns 0,
 * or -EINVAL with nothing changed where the barrier would be above the limit, or either
 * above BC_UNLIMITED.  May sleep.
 */
int bc_set_bounds(struct beancounter *bc, const struct bc_resource *res,
		  unsigned long barrier, unsigned long limit)
{
	struct bc_terms *terms;
	int ret = -EINVAL;

	mutex_lock(&bc->lock);
	terms = current_terms(bc, res);
	if (barrier == BC_SAME)
		barrier = terms->barrier;
	if (limit == BC_SAME)
		limit = terms->limit;
	if (barrier <= limit && limit <= BC_UNLIMITED) {
		change_terms(bc, res, barrier, limit, false, false);
		ret = 0;
	}
	mutex_unlock(&bc->lock);
	return ret;
}

static void reset(struct beancounter *bc, const struct bc_resource *res,
		  bool max, bool min)
{
	struct bc_terms *terms;

	mutex_lock(&bc->lock);
	terms = current_terms(bc, res);
	change_terms(bc, res, terms->barrier, terms->limit, max, min);
	mutex_unlock(&bc->lock);
}

/**
 * bc_reset_maxheld - let the largest number begin anew with what is held now
 * @bc: pinned by the caller
 * @res: the resource
 *
 * May sleep.
 */
void bc_reset_maxheld(struct beancounter *bc, const struct bc_resource *res)
{
	reset(bc, res, true, false);
}

/**
 * bc_reset_minheld - let the smallest number begin anew with what is held now
 * @bc: pinned by the caller
 * @res: the resource
 *
 * Until it has been 0 again nothing is kept at hand.  May sleep.
 */
void bc_reset_minheld(struct beancounter *bc, const struct bc_resource *res)
{
	reset(bc, res, false, true);
}

/**
 * bc_reset_failcnt - forget the failures so far
 * @bc: pinned by the caller
 * @res: the resource
 *
 * May sleep.
 */
void bc_reset_failcnt(struct beancounter *bc, const struct bc_resource *res)
{
	mutex_lock(&bc->lock);
	atomic_long_set(&counter_of(bc, res)->failcnt, 0);
	mutex_unlock(&bc->lock);
}

/**
 * bc_begin_anew - let a counter begin as a root's does
 * @bc: the root
 * @res: the resource
 *
 * No bounds, no failures, and what is held as the largest number; the smallest is 0, as
 * a new container's.  May sleep.
 */
void bc_begin_anew(struct beancounter *bc, const struct bc_resource *res)
{
	mutex_lock(&bc->lock);
	change_terms(bc, res, BC_UNLIMITED, BC_UNLIMITED, true, false);
	note_min(current_terms(bc, res), 0);
	atomic_long_set(&counter_of(bc, res)->failcnt, 0);
	mutex_unlock(&bc->lock);
}

/**
 * bc_read - all of a counter at one moment
 * @bc: pinned by the caller
 * @res: the resource
 * @snapshot: takes what has been read
 *
 * The moment is that of the state: between two looks at the extremes and failures,
 * which only grow apart, that found the same.  May sleep.
 */
void bc_read(struct beancounter *bc, const struct bc_resource *res,
	     struct bc_snapshot *snapshot)
{
	struct bc_counter *counter = counter_of(bc, res);
	unsigned long held, max, min, failcnt;
	struct bc_terms *terms;

	mutex_lock(&bc->lock);
	terms = current_terms(bc, res);
	do {
		max = atomic_long_read(&terms->maxheld);
		min = atomic_long_read(&terms->minheld);
		failcnt = atomic_long_read(&counter->failcnt);
		smp_rmb();	/* the first look, ... */
		held = held_in(settled_state(bc, res));
		smp_rmb();	/* ... the moment, and the second look */
	} while (max != atomic_long_read(&terms->maxheld) ||
		 min != atomic_long_read(&terms->minheld) ||
		 failcnt != atomic_long_read(&counter->failcnt));
	*snapshot = (struct bc_snapshot) {
		.held = held,
		.maxheld = max(max, held),
		.minheld = min(min, held),
		.barrier = terms->barrier,
		.limit = terms->limit,
		.failcnt = failcnt,
	};
	mutex_unlock(&bc->lock);
}
