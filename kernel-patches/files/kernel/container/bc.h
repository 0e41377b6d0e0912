/* SPDX-License-Identifier: GPL-2.0 */
/*
 * BeanCounters inside the kernel: what bc.c, bc_charge.c and the resources share.
 *
 *   bc.c		the subsystem: beancounters, one for each container, and their files
 *   bc_counter.h	what a counter is made of, and why all of this is exact
 *   bc_charge.c	charges
 *   bc_stock.c		what a CPU keeps at hand
 *   bc_terms.c		bounds and resets, and how a counter is read
 *   bc_num*.c, ...	what is counted, and where
 *
 * A resource describes itself with a struct bc_resource, registers that at boot, and
 * then charges and gives back units of it.  A beancounter's count includes those of the
 * containers below.
 */
#ifndef _KERNEL_CONTAINER_BC_H
#define _KERNEL_CONTAINER_BC_H

#include <linux/atomic.h>
#include <linux/containers.h>
#include <linux/mutex.h>
#include <linux/percpu.h>

#define MAX_BC_RESOURCES	4
#define BC_NR_FILES		6	/* of each resource */

struct beancounter;

/* How far a charge may go. */
enum bc_severity {
	BC_BARRIER,	/* can be refused gracefully; to the limit for CAP_SYS_ADMIN */
	BC_LIMIT,	/* would kill if it were refused */
	BC_FORCE,	/* is never refused */
};

/**
 * struct bc_resource - a resource, as it registers itself
 * @name: the middle part of its files' names
 * @error: what a refused charge returns, a negative errno
 * @barrier: of a new container.  The root has none
 * @limit: the same
 * @stock: how many units that were given back a CPU keeps at hand for a container; 0
 *	to BC_MAX_STOCK.  For what comes and goes often
 * @pins: each unit in use holds a reference to its container's state
 * @barrier_hit: a charge has been refused by @bc's barrier.  Optional.  Context of
 *	the charge; must not sleep
 * @limit_hit: the same for the limit
 * @id: index of the resource's counters; set by bc_register_resource()
 * @files: set by bc_register_resource(), too
 */
struct bc_resource {
	const char *name;
	int error;
	unsigned long barrier;
	unsigned long limit;
	unsigned int stock;
	bool pins;
	void (*barrier_hit)(struct beancounter *bc,
			    const struct bc_resource *res);
	void (*limit_hit)(struct beancounter *bc,
			  const struct bc_resource *res);

	unsigned int id;
	struct cftype files[BC_NR_FILES];
};

#define BC_UNLIMITED	((unsigned long)LONG_MAX)
#define BC_SAME		ULONG_MAX	/* of barrier and limit: leave it */
#define BC_MAX_STOCK	1024

/* What a counter is judged by, and the extremes that it has left; see bc_counter.h. */
struct bc_terms {
	unsigned long barrier;
	unsigned long limit;
	atomic_long_t maxheld;
	atomic_long_t minheld;
};

/* One resource in one container. */
struct bc_counter {
	atomic64_t state;		/* turn | stocks | held; see bc_counter.h */
	struct bc_terms terms[2];	/* by turn */
	atomic_long_t failcnt;
	unsigned long quiet_until;	/* jiffies; no new stock here or below */
	unsigned long changed;		/* a cookie of RCU; under ->lock */
};

struct beancounter {
	struct container_subsys_state css;
	struct beancounter *parent;	/* pinned by the container; NULL for the root */
	unsigned int level;		/* 0 for the root */
	atomic_t live;			/* tasks here that have not exited; not in the root */
	bool removed;			/* nobody above finds us: no stocks any more */
	atomic_t __percpu *stocks;	/* by resource id: 0 for none, or free units + 1 */
	struct bc_counter counters[MAX_BC_RESOURCES];
	struct mutex lock;		/* for those who change or read counters */
	spinlock_t recall_lock;		/* from the end of a stock to its last reference's */
	struct list_head children;	/* container_mutex; RCU for readers */
	struct list_head sibling;
};

/* A counter at one moment. */
struct bc_snapshot {
	unsigned long held;
	unsigned long maxheld;
	unsigned long minheld;
	unsigned long barrier;
	unsigned long limit;
	unsigned long failcnt;
};

/* One of several charges that succeed or fail together. */
struct bc_charge {
	const struct bc_resource *res;
	unsigned long units;
};

/* bc.c */
DECLARE_STATIC_KEY_FALSE(container_bc_mounted);
DECLARE_STATIC_KEY_FALSE(container_bc_used);
extern struct container_subsys bc_subsys;
extern struct bc_resource *bc_resources[MAX_BC_RESOURCES];
extern unsigned int bc_nr_resources;
void bc_register_resource(struct bc_resource *res);

static inline struct beancounter *bc_of(struct container_subsys_state *css)
{
	return container_of(css, struct beancounter, css);
}

/**
 * bc_of_current - the beancounter of the running task
 *
 * Under rcu_read_lock(), which keeps it.
 */
static inline struct beancounter *bc_of_current(void)
{
	return bc_of(task_subsys_state(current, &bc_subsys));
}

/* bc_charge.c */
int bc_charge(struct beancounter *bc, const struct bc_resource *res,
	      unsigned long units, enum bc_severity severity);
void __bc_uncharge(struct beancounter *bc, const struct bc_resource *res,
		   unsigned long units);
int bc_charge_all(struct beancounter *bc, const struct bc_charge *charges,
		  unsigned int count, enum bc_severity severity);
unsigned long bc_charge_fitting(struct beancounter *bc,
				const struct bc_resource *res,
				unsigned long units, enum bc_severity severity);
void bc_charge_move(struct beancounter *to, struct beancounter *from,
		    const struct bc_resource *res, unsigned long units);
void bc_uncharge_move(struct beancounter *from, struct beancounter *to,
		      const struct bc_resource *res, unsigned long units);
struct beancounter *bc_pin(struct beancounter *bc);

/* bc_stock.c */
void bc_close_stocks(struct beancounter *bc);
void bc_drain_stocks(struct beancounter *bc);

/* bc_terms.c */
void bc_init_counter(struct bc_counter *counter, unsigned long barrier,
		     unsigned long limit);
void bc_read(struct beancounter *bc, const struct bc_resource *res,
	     struct bc_snapshot *snapshot);
int bc_set_bounds(struct beancounter *bc, const struct bc_resource *res,
		  unsigned long barrier, unsigned long limit);
void bc_reset_maxheld(struct beancounter *bc, const struct bc_resource *res);
void bc_reset_minheld(struct beancounter *bc, const struct bc_resource *res);
void bc_reset_failcnt(struct beancounter *bc, const struct bc_resource *res);
void bc_begin_anew(struct beancounter *bc, const struct bc_resource *res);

/* bc_numtasks.c */
int bc_fork_task(struct beancounter *bc);
void bc_end_task(struct beancounter *bc);
void bc_enter_task(struct beancounter *to, struct beancounter *from);
void bc_leave_task(struct beancounter *from, struct beancounter *to);

/**
 * bc_charge_at_hand - charge units that are at hand on this CPU
 * @bc: reachable under RCU
 * @res: the resource
 * @units: how many
 *
 * Returns false where there are not as many at hand; bc_charge() then decides.  Any
 * context; under rcu_read_lock() unless @bc is pinned.
 */
static __always_inline bool bc_charge_at_hand(struct beancounter *bc,
					      const struct bc_resource *res,
					      unsigned long units)
{
	atomic_t *stock = raw_cpu_ptr(bc->stocks) + res->id;
	int old = atomic_read(stock);

	do {
		if (units >= (unsigned int)old)
			return false;
	} while (!atomic_try_cmpxchg(stock, &old, old - (int)units));
	return true;
}

/**
 * bc_uncharge_at_hand - give units back, to be at hand on this CPU
 * @bc: the units are charged to it
 * @res: the resource
 * @units: how many
 *
 * Returns false where this CPU does not keep them.  Any context.  After a true
 * answer @bc may be freed.
 */
static __always_inline bool bc_uncharge_at_hand(struct beancounter *bc,
						const struct bc_resource *res,
						unsigned long units)
{
	atomic_t *stock = raw_cpu_ptr(bc->stocks) + res->id;
	int old = atomic_read(stock);

	do {
		if (!old || units + old > res->stock + 1)
			return false;
	} while (!atomic_try_cmpxchg(stock, &old, old + (int)units));
	return true;
}

/**
 * bc_uncharge - give units back
 * @bc: the units are charged to it
 * @res: the resource
 * @units: how many
 *
 * References that the units hold are dropped with them.  Context as for
 * container_css_put() where @res->pins, else any.  @bc may be freed meanwhile.
 */
static __always_inline void bc_uncharge(struct beancounter *bc,
					const struct bc_resource *res,
					unsigned long units)
{
	if (!bc_uncharge_at_hand(bc, res, units))
		__bc_uncharge(bc, res, units);
}

#endif /* _KERNEL_CONTAINER_BC_H */
