// SPDX-License-Identifier: GPL-2.0
/*
 * BeanCounters: charges and their end.  bc_counter.h says why they are exact.
 */
#include <linux/capability.h>
#include <linux/rcupdate.h>
#include <linux/user_namespace.h>

#include "bc_counter.h"

/* How many units a state leaves room for. */
static unsigned long room(const struct bc_terms *terms, unsigned long held,
			  enum bc_severity severity)
{
	unsigned long bound = min(BC_MAX_HELD, terms->limit);

	if (severity == BC_FORCE)
		return BC_MAX_HELD;
	if (severity == BC_BARRIER)
		bound = min3(bound, terms->barrier, BC_MAX_HELD / 2);
	return bound > held ? bound - held : 0;
}

/*
 * Let one counter hold @most units more, or as many as there is room for if that is at
 * least @least.  Returns how many.
 */
static unsigned long take(struct beancounter *bc, const struct bc_resource *res,
			  unsigned long most, unsigned long least,
			  enum bc_severity severity)
{
	struct bc_counter *counter = counter_of(bc, res);
	struct bc_terms *terms;
	unsigned long units;
	u64 state;

	for (;;) {
		state = read_state(counter);
		terms = terms_in(counter, state);
		units = min(most, room(terms, held_in(state), severity));
		if (!stocks_in(state)) {
			if (units < least)
				return 0;
			note_min(terms, held_in(state));
		} else if (units < most ||
			   held_in(state) + units > terms->barrier ||
			   held_in(state) + units >
				   atomic_long_read(&terms->maxheld)) {
			bc_recall_stocks(bc, res);
			continue;
		}
		if (change_state(counter, state, state + units))
			return units;
	}
}

static void give_back(struct beancounter *bc, const struct bc_resource *res,
		      unsigned long units)
{
	struct bc_counter *counter = counter_of(bc, res);
	u64 state;

	do {
		state = read_state(counter);
		/* Below 0 it would run into the stocks, which readers wait for. */
		if (WARN_ON_ONCE(held_in(state) < units))
			return;
		if (!stocks_in(state))
			note_max(terms_in(counter, state), held_in(state));
	} while (!change_state(counter, state, state - units));
}

/* Let all from @bc up to below @end give units back. */
static void give_back_below(struct beancounter *bc, struct beancounter *end,
			    const struct bc_resource *res, unsigned long units)
{
	for (; bc != end; bc = bc->parent)
		give_back(bc, res, units);
}

/*
 * How many of @most units, but not fewer than @least, all from @bc up have room for; 0
 * and @by where one has not.  Whoever cannot have it must not hold it meanwhile, so this
 * comes before the first step; only another charge between the two brings somebody to
 * take what goes back.
 */
static unsigned long look(struct beancounter *bc, const struct bc_resource *res,
			  unsigned long most, unsigned long least,
			  enum bc_severity severity, struct beancounter **by)
{
	struct bc_counter *counter;
	unsigned long units;
	u64 state;

	while (bc) {
		counter = counter_of(bc, res);
		state = read_state(counter);
		units = min(most, room(terms_in(counter, state),
				       held_in(state), severity));
		if (units < most && stocks_in(state)) {
			bc_recall_stocks(bc, res);
			continue;
		}
		if (units < least) {
			*by = bc;
			return 0;
		}
		most = units;
		bc = bc->parent;
	}
	return most;
}

/*
 * Charge @bc and all above with @most units, or as many as fit if that is at least
 * @least.  Returns how many; @by tells who refused, where that is 0.
 */
static unsigned long charge_path(struct beancounter *bc,
				 const struct bc_resource *res,
				 unsigned long most, unsigned long least,
				 enum bc_severity severity,
				 struct beancounter **by)
{
	struct beancounter *pos;
	unsigned long units;

	rcu_read_lock();
	most = look(bc, res, most, least, severity, by);
	for (pos = bc; pos && most; pos = pos->parent) {
		units = take(pos, res, most, least, severity);
		if (units < most)
			give_back_below(bc, pos, res, most - units);
		if (!units)
			*by = pos;
		most = units;
	}
	rcu_read_unlock();
	return most;
}

static int refuse(struct beancounter *by, const struct bc_resource *res,
		  enum bc_severity severity)
{
	atomic_long_inc(&counter_of(by, res)->failcnt);
	if (severity == BC_BARRIER && res->barrier_hit)
		res->barrier_hit(by, res);
	if (severity == BC_LIMIT && res->limit_hit)
		res->limit_hit(by, res);
	return res->error;
}

/*
 * May the caller go beyond barriers?  Asked only where there is one.  Not to is no attempt
 * at anything, so it is none for the audit log.  It is about himself, and not about whose
 * credentials he has for the moment, as in overlayfs.
 */
static bool goes_to_limit(enum bc_severity severity)
{
	return severity == BC_BARRIER &&
	       has_capability_noaudit(current, CAP_SYS_ADMIN);
}

/**
 * bc_charge - charge units to a beancounter and to all above it
 * @bc: pinned by the caller, or reachable under rcu_read_lock().  Where @res->pins, the
 *	caller has a reference for each unit; they are the units' from now on
 * @res: the resource
 * @units: how many, at least 1
 * @severity: how far the charge may go
 *
 * Returns 0; or @res->error, with nothing charged, and counted as a failure of the
 * container that refused.  Undone by bc_uncharge().  Does not sleep; not from
 * interrupts.
 */
int bc_charge(struct beancounter *bc, const struct bc_resource *res,
	      unsigned long units, enum bc_severity severity)
{
	struct beancounter *by = NULL;

	if (charge_path(bc, res, units, units, severity, &by))
		return 0;
	if (goes_to_limit(severity)) {
		severity = BC_LIMIT;
		if (charge_path(bc, res, units, units, severity, &by))
			return 0;
	}
	return refuse(by, res, severity);
}

/* Would a charge be refused?  Then that is one failure, and its error. */
static int would_refuse(struct beancounter *bc, const struct bc_resource *res,
			unsigned long units, enum bc_severity severity)
{
	struct beancounter *by = NULL;
	unsigned long fits;

	rcu_read_lock();
	fits = look(bc, res, units, units, severity, &by);
	if (!fits && goes_to_limit(severity)) {
		severity = BC_LIMIT;
		fits = look(bc, res, units, units, severity, &by);
	}
	rcu_read_unlock();
	return fits ? 0 : refuse(by, res, severity);
}

/**
 * bc_charge_all - charge several resources, or none
 * @bc: as for bc_charge(); references stay the caller's on failure
 * @charges: what and how much
 * @count: of @charges
 * @severity: of all of them
 *
 * Returns 0 or the error of the resource that was refused.
 */
int bc_charge_all(struct beancounter *bc, const struct bc_charge *charges,
		  unsigned int count, enum bc_severity severity)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < count && !ret; i++)
		ret = would_refuse(bc, charges[i].res, charges[i].units,
				   severity);
	if (ret)
		return ret;
	for (i = 0; i < count; i++) {
		ret = bc_charge(bc, charges[i].res, charges[i].units, severity);
		if (ret)
			break;
	}
	if (i == count)
		return 0;
	rcu_read_lock();
	while (i--)
		give_back_below(bc, NULL, charges[i].res, charges[i].units);
	rcu_read_unlock();
	return ret;
}

/**
 * bc_charge_fitting - charge as many units as fit
 * @bc: as for bc_charge()
 * @res: the resource
 * @units: how many at most, and at least 1
 * @severity: how far the charge may go
 *
 * Returns how many have been charged; 0 counts as a failure.
 */
unsigned long bc_charge_fitting(struct beancounter *bc,
				const struct bc_resource *res,
				unsigned long units, enum bc_severity severity)
{
	struct beancounter *by = NULL;
	unsigned long done;

	done = charge_path(bc, res, units, 1, severity, &by);
	if (done < units && goes_to_limit(severity)) {
		severity = BC_LIMIT;
		done += charge_path(bc, res, units - done, 1, severity, &by);
	}
	if (!done)
		refuse(by, res, severity);
	return done;
}

/**
 * __bc_uncharge - give units back that this CPU does not keep at hand
 * @bc: the units are charged to it
 * @res: the resource
 * @units: how many
 *
 * See bc_uncharge().
 */
void __bc_uncharge(struct beancounter *bc, const struct bc_resource *res,
		   unsigned long units)
{
	/* With the last unit the container may go, but not before a grace period. */
	rcu_read_lock();
	if (!bc_open_stock(bc, res, units)) {
		give_back_below(bc, NULL, res, units);
		bc_unpin(bc, res, units);
	}
	rcu_read_unlock();
}

/* The lowest beancounter that both are below or are. */
static struct beancounter *common(struct beancounter *a, struct beancounter *b)
{
	while (a != b) {
		if (a->level >= b->level)
			a = a->parent;
		else
			b = b->parent;
	}
	return a;
}

/**
 * bc_charge_move - charge units that move here from another beancounter
 * @to: where to
 * @from: where from
 * @res: the resource
 * @units: how many
 *
 * Never refused.  Those above that have the units before and after count them once all
 * the while.  Completed by bc_uncharge_move(@from, @to), undone by
 * bc_uncharge_move(@to, @from).  Does not sleep.
 */
void bc_charge_move(struct beancounter *to, struct beancounter *from,
		    const struct bc_resource *res, unsigned long units)
{
	struct beancounter *end;

	rcu_read_lock();
	for (end = common(to, from); to != end; to = to->parent)
		take(to, res, units, units, BC_FORCE);
	rcu_read_unlock();
}

/**
 * bc_uncharge_move - give back units that have moved to another beancounter
 * @from: where they were
 * @to: where they are
 * @res: the resource
 * @units: how many
 *
 * Any context.
 */
void bc_uncharge_move(struct beancounter *from, struct beancounter *to,
		      const struct bc_resource *res, unsigned long units)
{
	rcu_read_lock();
	give_back_below(from, common(from, to), res, units);
	rcu_read_unlock();
}

/**
 * bc_pin - a reference for a unit that is about to be charged
 * @bc: of a task
 *
 * Returns @bc with a reference; or, where its container is removed, the next one above
 * that is not: the task has moved or exited since.  Under rcu_read_lock(); any context.
 */
struct beancounter *bc_pin(struct beancounter *bc)
{
	while (!container_css_tryget(&bc->css))
		bc = bc->parent;
	return bc;
}
