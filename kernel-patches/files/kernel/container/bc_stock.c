// SPDX-License-Identifier: GPL-2.0
/*
 * BeanCounters: stocks, what a CPU keeps at hand for a container.  bc_counter.h tells
 * what they promise, bc.h has the charges that find what they need there.
 */
#include <linux/jiffies.h>
#include <linux/rculist.h>

#include "bc_counter.h"

/* After a recall charges go all the way for so long, or recalls would be for nothing. */
#define QUIET_JIFFIES	2

/* Drop the references of units that are in use no more. */
void bc_unpin(struct beancounter *bc, const struct bc_resource *res,
	      unsigned long units)
{
	if (res->pins)
		while (units--)
			container_css_put(&bc->css);
}

/*
 * Those of a container without tasks would keep it from being released.  In one that has
 * been removed nobody would find them; a fork that is to be cancelled may count as a task
 * there.
 */
static bool may_stock(struct beancounter *bc)
{
	return !bc->parent ||
	       (atomic_read(&bc->live) && !READ_ONCE(bc->removed));
}

/* End a CPU's stock.  Returns how many units were in it, whose references are the caller's. */
static unsigned int end_stock(struct beancounter *bc,
			      const struct bc_resource *res, int cpu)
{
	atomic_t *stock = per_cpu_ptr(bc->stocks, cpu) + res->id;
	struct bc_counter *counter;
	struct beancounter *pos;
	bool less;
	int units;

	units = atomic_xchg(stock, 0) - 1;
	if (units < 0)
		return 0;
	for (pos = bc; pos; pos = pos->parent) {
		counter = counter_of(pos, res);
		/* As in give_back(): somebody gave back what he had not. */
		less = WARN_ON_ONCE(held_in(read_state(counter)) < units);
		atomic64_sub(BC_ONE_STOCK + (less ? 0 : units),
			     &counter->state);
	}
	return units;
}

static void recall_stock(struct beancounter *bc, const struct bc_resource *res,
			 int cpu)
{
	unsigned long flags, irqs;
	unsigned int units;

	if (!atomic_read(per_cpu_ptr(bc->stocks, cpu) + res->id))
		return;
	spin_lock_irqsave(&bc->recall_lock, flags);
	/* On PREEMPT_RT the lock lets interrupts be. */
	local_irq_save(irqs);
	units = end_stock(bc, res, cpu);
	local_irq_restore(irqs);
	bc_unpin(bc, res, units);
	spin_unlock_irqrestore(&bc->recall_lock, flags);
}

/* A walk of a subtree, parents first, that leaves out what has no stocks below. */
static struct beancounter *next_stocked(struct beancounter *pos,
					struct beancounter *top,
					const struct bc_resource *res)
{
	struct beancounter *next = NULL;

	if (stocks_in(read_state(counter_of(pos, res))))
		next = list_first_or_null_rcu(&pos->children,
					      struct beancounter, sibling);
	while (!next && pos != top) {
		next = list_next_or_null_rcu(&pos->parent->children,
					     &pos->sibling, struct beancounter,
					     sibling);
		pos = pos->parent;
	}
	return next;
}

/* Recall all stocks of a beancounter and of those below that the walk finds. */
void bc_recall_stocks(struct beancounter *top, const struct bc_resource *res)
{
	struct beancounter *pos;
	int cpu;

	rcu_read_lock();
	for (pos = top; pos; pos = next_stocked(pos, top, res)) {
		/* A long walk must not outlive the quiet, or it begins anew. */
		WRITE_ONCE(counter_of(top, res)->quiet_until,
			   jiffies + QUIET_JIFFIES);
		if (!stocks_in(read_state(counter_of(pos, res))))
			continue;
		for_each_possible_cpu(cpu)
			recall_stock(pos, res, cpu);
	}
	rcu_read_unlock();
	cpu_relax();
}

/*
 * Count one stock more, unless that must not be.  The units in it are held already: so
 * the state that is left is noted.
 */
static bool count_stock(struct bc_counter *counter)
{
	struct bc_terms *terms;
	u64 state;

	if (time_before(jiffies, READ_ONCE(counter->quiet_until)))
		return false;
	do {
		state = read_state(counter);
		terms = terms_in(counter, state);
		if (stocks_in(state) == BC_STOCKS ||
		    held_in(state) > terms->barrier ||
		    atomic_long_read(&terms->minheld))
			return false;
		if (!stocks_in(state))
			note_max(terms, held_in(state));
	} while (!change_state(counter, state, state + BC_ONE_STOCK));
	return true;
}

/* Begin a stock on this CPU with units that are being given back. */
bool bc_open_stock(struct beancounter *bc, const struct bc_resource *res,
		   unsigned long units)
{
	struct beancounter *pos, *undo;
	unsigned int back = 0;
	unsigned long flags;
	bool done;

	/* There may be one that is full. */
	if (units > res->stock || !may_stock(bc) ||
	    atomic_read(raw_cpu_ptr(bc->stocks) + res->id))
		return false;
	local_irq_save(flags);
	for (pos = bc; pos; pos = pos->parent)
		if (!count_stock(counter_of(pos, res)))
			break;
	done = !pos && !atomic_cmpxchg(this_cpu_ptr(bc->stocks) + res->id, 0,
				       units + 1);
	for (undo = bc; !done && undo != pos; undo = undo->parent)
		atomic64_sub(BC_ONE_STOCK, &counter_of(undo, res)->state);

	/*
	 * The last task may have left meanwhile, or the container been removed; then
	 * whoever closes the stocks sees this one, or we see that.  Nobody who recalls
	 * finds it after that, and waits for us.
	 */
	if (done && !may_stock(bc))
		back = end_stock(bc, res, smp_processor_id());
	local_irq_restore(flags);
	bc_unpin(bc, res, back);
	return done;
}

/**
 * bc_close_stocks - keep nothing at hand for a container any more
 * @bc: its last task has left, @bc->live has just become 0; or it is removed, or about to be
 *
 * Any context in which container_css_put() may be called.
 */
void bc_close_stocks(struct beancounter *bc)
{
	unsigned int i;
	int cpu;

	for (i = 0; i < bc_nr_resources; i++)
		for_each_possible_cpu(cpu)
			recall_stock(bc, bc_resources[i], cpu);
}

/**
 * bc_drain_stocks - drop all references of what is kept at hand for a container
 * @bc: its container may be about to be removed
 *
 * Those, too, that a recall by somebody else is dropping.  Context of bc_close_stocks().
 */
void bc_drain_stocks(struct beancounter *bc)
{
	unsigned long flags;

	bc_close_stocks(bc);
	spin_lock_irqsave(&bc->recall_lock, flags);
	spin_unlock_irqrestore(&bc->recall_lock, flags);
}
