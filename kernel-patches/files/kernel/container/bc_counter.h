/* SPDX-License-Identifier: GPL-2.0 */
/*
 * BeanCounters: charges, and why they are exact.
 *
 * A charge is one of a beancounter and of all above it, all or nothing; it takes no
 * lock.  Each counter has one word, its state, which changes by compare-and-exchange
 * only:
 *
 *	 63	62 ... 53	52 ... 0
 *	turn	  stocks	  held
 *
 * Stocks.  What comes and goes often must not walk up to the root each time.  A CPU
 * keeps units that were given back at hand, for the next charge to the same
 * beancounter: a stock.  All counters above still hold these, so the number of stocks in
 * the subtree is part of the state, and what is really held is
 *
 *	held - the units at hand  <=  held
 *
 * Where there is no stock that is exactly held.  Whoever has to know, because it is
 * going to refuse something, to reach a new extreme, or to tell a reader, first
 * recalls the stocks, and decides by a state without any.  So nobody is refused what
 * somebody else has at hand.  While there are stocks,
 *
 *	held <= barrier		what is at hand may be charged without asking
 *	held <= maxheld		and reaches no extreme
 *	minheld is 0		nor does giving back
 *
 * Extremes.  maxheld and minheld are noted by whoever leaves them, before the step that
 * does, and a reader takes what is held now into account.  A value that is noted has
 * been held, and none that was held goes unnoted:
 *
 *	uncharge			reader, the values here being an example
 *	reads held 7
 *	notes maxheld 7			held 7, maxheld noted or not: shows 7
 *	held 7 -> 6			held 6, maxheld 7: shows 7
 *
 * If held changed in between, the last step fails, and what was noted was true.
 *
 * Terms.  Barrier, limit, maxheld and minheld are there twice, and the turn in the state
 * says which are in force.  Whoever changes them fills the others and then flips the
 * turn.  A charge under way decided by the old ones:
 *
 *	charge				change
 *	reads turn 0, held 7, limit 10
 *					fills terms[1], limit 7
 *					turn 0 -> 1
 *	turn 0, held 7 -> 8: fails
 *	reads turn 1, held 7, limit 7
 *
 * or the charge's last step comes before the flip, and it was earlier.  So a lower limit
 * holds from the flip on, and a reset is of one moment.  The terms that are not in force
 * are filled again only after a grace period, so that nobody still looks at them.
 *
 * Above.  A charge goes from the bottom up, and what it has taken goes back if somebody
 * above refuses.  It looks at all first, so only a race brings it that far.  Then it was
 * held below for that moment, which a reader and maxheld may show, and may have refused a
 * charge that came a moment too early; but none comes through that is one too many.
 *
 * Stocks are opened and recalled with interrupts off, so that who waits for such a step
 * on another CPU waits for some dozens of instructions.
 */
#ifndef _KERNEL_CONTAINER_BC_COUNTER_H
#define _KERNEL_CONTAINER_BC_COUNTER_H

#include "bc.h"

#define BC_TURN		BIT_ULL(63)
#define BC_ONE_STOCK	BIT_ULL(53)
#define BC_STOCKS	GENMASK_ULL(62, 53)
#define BC_HELD		GENMASK_ULL(52, 0)

/*
 * No charge that can be refused goes further, even without a limit, and none that stops
 * at the barrier beyond half of it: what remains is for those that cannot, and for who
 * has to put things right.  An address space has up to 2^44 pages.
 */
#define BC_MAX_HELD	(BC_HELD - BIT_ULL(46))

static inline unsigned long held_in(u64 state)
{
	return state & BC_HELD;
}

static inline u64 stocks_in(u64 state)
{
	return state & BC_STOCKS;
}

static inline struct bc_counter *counter_of(struct beancounter *bc,
					    const struct bc_resource *res)
{
	return &bc->counters[res->id];
}

/* The terms in force in @state; good until the end of the RCU section. */
static inline struct bc_terms *terms_in(struct bc_counter *counter, u64 state)
{
	return &counter->terms[!!(state & BC_TURN)];
}

/* Pairs with the flip of the turn: who sees it sees the terms. */
static inline u64 read_state(struct bc_counter *counter)
{
	return atomic64_read_acquire(&counter->state);
}

static inline bool change_state(struct bc_counter *counter, u64 from, u64 to)
{
	return atomic64_cmpxchg(&counter->state, from, to) == from;
}

static inline void note_max(struct bc_terms *terms, long held)
{
	long max = atomic_long_read(&terms->maxheld);

	while (held > max &&
	       !atomic_long_try_cmpxchg(&terms->maxheld, &max, held))
		;
}

static inline void note_min(struct bc_terms *terms, long held)
{
	long min = atomic_long_read(&terms->minheld);

	while (held < min &&
	       !atomic_long_try_cmpxchg(&terms->minheld, &min, held))
		;
}

/* Is nothing charged, and nothing at hand? */
static inline bool counter_unused(struct bc_counter *counter)
{
	return !(read_state(counter) & ~BC_TURN);
}

/* bc_stock.c */
void bc_recall_stocks(struct beancounter *top, const struct bc_resource *res);
bool bc_open_stock(struct beancounter *bc, const struct bc_resource *res,
		   unsigned long units);
void bc_unpin(struct beancounter *bc, const struct bc_resource *res,
	      unsigned long units);

#endif /* _KERNEL_CONTAINER_BC_COUNTER_H */
