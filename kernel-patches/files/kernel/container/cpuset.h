/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Container subsystem cpuset: what its files share among themselves.
 *
 *   cpuset.c		the tree of cpusets: their settings, the rules that these
 *			obey, the files
 *   cpuset_place.c	how tasks come to be where their cpuset is: effective
 *			CPUs, changes, moves, forks, hotplug
 *   cpuset_memory.c	where their memory comes from
 *   cpuset_domains.c	the scheduler's domains, and what deadline tasks
 *			have been promised in them
 *
 * What was asked for are a cpuset's settings; what is true now are its effective
 * CPUs and nodes: those of its settings that its parent has in effect, or all that
 * its parent has where none of them is left.  A task carries a copy of what governs
 * it, in ->cpus_mask and ->mems_allowed, so that the scheduler and the page
 * allocator need not ask.  A change of a cpuset is therefore followed by a walk of
 * its tasks.  include/linux/cpuset.h declares what the kernel calls.
 *
 * Locks, outermost first:
 *
 *   container_mutex	held in the callbacks of the framework, taken nowhere here
 *   cpu_hotplug_lock	no CPU comes or goes while a cpuset changes
 *   cpuset_mutex	the tree, settings, and who changes effective masks or tasks
 *   sched_domains_mutex
 *   task_lock()	a task's ->mems_allowed and memory policy
 *   cpuset_effective_lock	stores of effective masks, for readers with locks
 *			of the scheduler held
 *
 * The callbacks of CPU and memory hotplug hold cpu_hotplug_lock and take
 * cpuset_mutex.  mmap_lock is taken with none of these held: any process can make
 * others wait for it as long as it likes.
 */
#ifndef _KERNEL_CONTAINER_CPUSET_H
#define _KERNEL_CONTAINER_CPUSET_H

#include <linux/containers.h>
#include <linux/container_cpuset.h>
#include <linux/cpumask.h>
#include <linux/cpuset.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>

/* Bits of cpuset_settings->flags. */
enum cpuset_flag {
	CPUSET_CPU_EXCLUSIVE,
	CPUSET_MEM_EXCLUSIVE,
	CPUSET_MEM_HARDWALL,
	CPUSET_MEMORY_MIGRATE,
	CPUSET_LOAD_BALANCE,
	CPUSET_SPREAD_PAGE,
	CPUSET_SPREAD_SLAB,
};

/* What was asked for. */
struct cpuset_settings {
	unsigned long flags;
	int relax_domain_level;		/* -1 for the machine's */
	nodemask_t mems;		/* the root has all that could ever be */
	struct cpumask cpus;
};

/* How often the tasks of a cpuset have had to reclaim memory; see cpuset_memory.c. */
struct cpuset_pressure {
	spinlock_t lock;		/* for what follows */
	time64_t second;
	unsigned int events;		/* in that second */
	unsigned int rate;		/* up to then */
};

/* What the tasks of a cpuset copy, and do not have as yet: bits of cpuset->due. */
#define CPUSET_DUE_CPUS		BIT(0)
#define CPUSET_DUE_MEMS		BIT(1)
#define CPUSET_DUE_SPREAD	BIT(2)
#define CPUSET_DUE_ALL		GENMASK(2, 0)

/*
 * A cpuset.  Under cpuset_mutex, where nothing else is said; @parent is constant,
 * and NULL for the root.
 */
struct cpuset {
	struct container_subsys_state css;
	struct cpuset *parent;
	struct list_head children;
	struct list_head sibling;
	struct cpuset_settings set;
	unsigned int exclusive_children;	/* that claim CPUs or nodes for themselves */

	/* In effect.  Stored with cpuset_effective_lock too. */
	struct cpumask cpus;
	nodemask_t mems;

	unsigned int due;		/* fork reads it with no lock */
	unsigned int arriving;		/* tasks that a move has announced */
	bool restricting;		/* has turned the allocator's static key on */
	struct cpuset_pressure pressure;
};

extern struct mutex cpuset_mutex;

static inline struct cpuset *cpuset_of(struct container_subsys_state *css)
{
	return container_of(css, struct cpuset, css);
}

/* Without cpuset_mutex the answer may be outdated. */
static inline bool cpuset_has(const struct cpuset *cs, enum cpuset_flag flag)
{
	return READ_ONCE(cs->set.flags) & BIT(flag);
}

/* cpuset.c */
extern struct cpuset cpuset_root;
extern unsigned int nr_cpusets;		/* the root included */
struct cpuset *task_cpuset(struct task_struct *task);
struct cpuset *cpuset_next(struct cpuset *pos, struct cpuset *top);
struct cpuset *cpuset_next_outside(struct cpuset *pos, struct cpuset *top);

/* Walk a subtree, parents before children.  Under cpuset_mutex. */
#define for_each_cpuset(pos, top)					\
	for ((pos) = (top); (pos); (pos) = cpuset_next(pos, top))

/* cpuset_place.c */
extern raw_spinlock_t cpuset_effective_lock;
extern seqcount_raw_spinlock_t cpuset_effective_seq;
void cpuset_look_at_forks(void);
void cpuset_unsettle(void);
void cpuset_settle(void);
bool cpusets_settled(void);
void cpuset_update_cpus(struct cpuset *top);
void cpuset_follow(struct cpuset *top);
bool cpuset_has_tasks(struct cpuset *cs);
int cpuset_may_attach(struct container_subsys_state *to,
		      struct task_struct *task, const struct cred *cred);
int cpuset_can_attach(struct container_subsys_state *to,
		      struct task_struct *task);
void cpuset_cancel_attach(struct container_subsys_state *to,
			  struct task_struct *task);
void cpuset_attach(struct container_subsys_state *to,
		   struct container_subsys_state *from,
		   struct task_struct *task);

/* cpuset_memory.c */
void cpuset_update_mems(struct cpuset *top);
void cpuset_mems_followed(struct cpuset *cs);
void cpuset_restrict(struct cpuset *cs, bool restricting);
void cpuset_task_set_mems(struct cpuset *cs, struct task_struct *task);
void cpuset_task_set_spread(struct cpuset *cs, struct task_struct *task);
u64 cpuset_read_pressure(struct cpuset *cs);
void cpuset_memory_init(void);

/* cpuset_domains.c */

/* Memory for a partition of the machine into domains, taken before it is needed. */
struct cpuset_domains {
	cpumask_var_t *masks;
	struct sched_domain_attr *attrs;
	unsigned int room;
	unsigned int count;
};

int cpuset_domains_prepare(struct cpuset_domains *domains, struct cpuset *cs,
			   const struct cpuset_settings *set);
void cpuset_domains_rebuild(struct cpuset_domains *domains);
void cpuset_domains_cpus_changed(void);
void cpuset_domains_count(const struct cpuset *cs, int sign);
bool cpuset_deadline_fits(const struct cpuset *cs,
			  const struct cpuset_settings *set);
int cpuset_deadline_reserve(struct cpuset *to, struct task_struct *task);
void cpuset_deadline_settle(struct task_struct *task, bool arrived);

#endif /* _KERNEL_CONTAINER_CPUSET_H */
