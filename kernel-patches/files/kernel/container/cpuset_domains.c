// SPDX-License-Identifier: GPL-2.0
/*
 * Cpusets: the scheduler's domains, the parts of the machine within each of which it
 * balances load.
 *
 * The CPUs that an exclusive cpuset has for itself, those it does not leave to exclusive
 * children, are its region; the root has one too.  If the cpuset has
 * sched_load_balance on, its region is one domain.  Where it is off, those cpusets of the
 * region that have it on, and nobody above them, get a domain each; such as overlap share
 * one.  The level from which a search for idle CPUs begins is the highest that any
 * balanced cpuset in a domain asks for.
 *
 * Nearly always all is one region with one domain.  That is what the scheduler makes
 * by itself, and it is left to do so.
 */
#include <linux/cpu.h>
#include <linux/sched/deadline.h>
#include <linux/sched/isolation.h>
#include <linux/sched/signal.h>
#include <linux/sched/topology.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "cpuset.h"

/* Settings for which the machine may be more than one domain.  Under cpuset_mutex. */
static unsigned int reasons;

/* The scheduler has domains of ours. */
static bool partitioned;

static void rebuild_workfn(struct work_struct *work);
static DECLARE_DELAYED_WORK(rebuild_work, rebuild_workfn);

/* How many reasons for more than one domain a cpuset has. */
static int reasons_in(const struct cpuset *cs, const struct cpuset_settings *set)
{
	bool divides = cs->parent ? set->flags & BIT(CPUSET_CPU_EXCLUSIVE) :
				    !(set->flags & BIT(CPUSET_LOAD_BALANCE));

	return divides + (set->relax_domain_level >= 0);
}

/**
 * cpuset_domains_count - count a cpuset's settings, or no more
 * @cs: the cpuset
 * @sign: 1 or -1
 *
 * Under cpuset_mutex.
 */
void cpuset_domains_count(const struct cpuset *cs, int sign)
{
	reasons += sign * reasons_in(cs, &cs->set);
}

/**
 * cpuset_domains_prepare - take the memory for a rebuild of the domains
 * @domains: zeroed; takes it, if it will be needed
 * @cs: a cpuset that is to change
 * @set: its settings then
 *
 * Returns 0 or -ENOMEM.  Undone by cpuset_domains_rebuild().  Under cpuset_mutex; may
 * sleep.
 */
int cpuset_domains_prepare(struct cpuset_domains *domains, struct cpuset *cs,
			   const struct cpuset_settings *set)
{
	if (!reasons && !reasons_in(cs, set))
		return 0;
	/* Each cpuset has one domain at most. */
	domains->attrs = kmalloc_array(nr_cpusets, sizeof(*domains->attrs),
				       GFP_KERNEL);
	if (!domains->attrs)
		return -ENOMEM;
	domains->masks = alloc_sched_domains(nr_cpusets);
	if (!domains->masks) {
		kfree(domains->attrs);
		domains->attrs = NULL;
		return -ENOMEM;
	}
	domains->room = nr_cpusets;
	return 0;
}

static bool is_balanced(const struct cpuset *cs)
{
	return cpuset_has(cs, CPUSET_LOAD_BALANCE);
}

/* What is there of the CPUs that a cpuset asked for. */
static bool own_cpus(struct cpumask *cpus, const struct cpuset *cs)
{
	return cpumask_and(cpus, &cs->set.cpus, cpu_active_mask);
}

/* The next cpuset of @top's region; exclusive ones below have regions of their own. */
static struct cpuset *next_in_region(struct cpuset *pos, struct cpuset *top,
				     bool below)
{
	pos = below ? cpuset_next(pos, top) : cpuset_next_outside(pos, top);
	while (pos && cpuset_has(pos, CPUSET_CPU_EXCLUSIVE))
		pos = cpuset_next_outside(pos, top);
	return pos;
}

/* The highest level that a balanced cpuset from @top down asks for. */
static int relax_level(struct cpuset *top)
{
	struct cpuset *pos;
	int level = -1;

	for (pos = top; pos; pos = next_in_region(pos, top, true))
		if (is_balanced(pos) &&
		    cpumask_intersects(&pos->set.cpus, cpu_active_mask))
			level = max(level, pos->set.relax_domain_level);
	return level;
}

/*
 * Add a domain: the CPUs are in the next free mask.  Domains from @first on that
 * overlap become part of it.
 */
static void add_domain(struct cpuset_domains *domains, unsigned int first,
		       int level)
{
	unsigned int this = domains->count, i = first;

	while (i < this) {
		if (!cpumask_intersects(domains->masks[i],
					domains->masks[this])) {
			i++;
			continue;
		}
		cpumask_or(domains->masks[this], domains->masks[this],
			   domains->masks[i]);
		level = max(level, domains->attrs[i].relax_domain_level);
		/* The last one takes its place, and all are looked at again. */
		domains->count--;
		cpumask_copy(domains->masks[i], domains->masks[this - 1]);
		domains->attrs[i] = domains->attrs[this - 1];
		cpumask_copy(domains->masks[this - 1], domains->masks[this]);
		this--;
		i = first;
	}
	domains->attrs[this] = SD_ATTR_INIT;
	domains->attrs[this].relax_domain_level = level;
	domains->count++;
}

/* Put CPUs into the next free mask; a domain needs one. */
static bool domain_cpus(struct cpuset_domains *domains, const struct cpuset *cs,
			const struct cpumask *region)
{
	struct cpumask *cpus = domains->masks[domains->count];

	return own_cpus(cpus, cs) && cpumask_and(cpus, cpus, region);
}

/* What there is for a cpuset's region, if it has these settings.  Is there any? */
static bool region_of(struct cpumask *region, const struct cpuset *top,
		      const struct cpuset_settings *set)
{
	static struct cpumask cpus;	/* under cpuset_mutex */
	struct cpuset *pos;

	cpumask_and(region, &set->cpus, cpu_active_mask);
	list_for_each_entry(pos, &top->children, sibling)
		if (cpuset_has(pos, CPUSET_CPU_EXCLUSIVE) &&
		    own_cpus(&cpus, pos))
			cpumask_andnot(region, region, &cpus);
	/* Whom the command line has isolated nobody balances. */
	return cpumask_and(region, region, housekeeping_cpumask(HK_TYPE_DOMAIN));
}

/* Add the domains of one region. */
static void add_region(struct cpuset_domains *domains, struct cpuset *top)
{
	static struct cpumask region;	/* under cpuset_mutex */
	unsigned int first = domains->count;
	struct cpuset *pos;

	if (!region_of(&region, top, &top->set))
		return;
	for (pos = top; pos;
	     pos = next_in_region(pos, top, !is_balanced(pos)))
		if (is_balanced(pos) && domain_cpus(domains, pos, &region))
			add_domain(domains, first, relax_level(pos));
}

static void compute_domains(struct cpuset_domains *domains)
{
	struct cpuset *pos = &cpuset_root;

	while (pos) {
		if (pos->parent && !cpuset_has(pos, CPUSET_CPU_EXCLUSIVE)) {
			pos = cpuset_next_outside(pos, &cpuset_root);
			continue;
		}
		add_region(domains, pos);
		pos = cpuset_next(pos, &cpuset_root);
	}
}

/* Deadline tasks */

/*
 * There has been one.  What they have been promised is counted anew with each rebuild, and
 * most machines never have any.
 */
static bool deadline_seen;

/* The scheduler says that @task has become a deadline task.  Any context. */
void inc_dl_tasks_cs(struct task_struct *task)
{
	WRITE_ONCE(deadline_seen, true);
}

/* It is none any more; of one that exits as such nobody says so. */
void dec_dl_tasks_cs(struct task_struct *task)
{
}

/* Keep cpusets as they are while a task becomes a deadline task; may sleep. */
void cpuset_lock(void)
{
	mutex_lock(&cpuset_mutex);
}

void cpuset_unlock(void)
{
	mutex_unlock(&cpuset_mutex);
}

/**
 * cpuset_deadline_fits - is there still all that has been promised, with other settings?
 * @cs: an exclusive cpuset
 * @set: the settings
 *
 * Of what has been promised to the tasks of its region, as far as that is one domain; in one
 * that is not balanced, of the first CPU's.  Under cpu_hotplug_lock and cpuset_mutex.
 */
bool cpuset_deadline_fits(const struct cpuset *cs,
			  const struct cpuset_settings *set)
{
	static struct cpumask region, rest;	/* under cpuset_mutex */

	/* Without such tasks accounts have what each CPU's ordinary ones are promised. */
	if (!READ_ONCE(deadline_seen))
		return true;
	/* Any CPU of the region has its account, one that is offline another. */
	if (!region_of(&region, cs, &cs->set))
		return true;
	region_of(&rest, cs, set);
	return cpuset_cpumask_can_shrink(&region, &rest);
}

/* Time that a domain has set aside for a deadline task on its way there. */
struct reservation {
	struct list_head node;
	struct task_struct *task;
	int cpu;
	u64 bandwidth;
};

static LIST_HEAD(reservations);		/* under cpuset_mutex */

/* The scheduler has emptied the accounts of the domains it has kept. */
static void recount_deadline_tasks(void)
{
	struct task_struct *process, *task;
	struct reservation *res;

	dl_clear_root_domain(&def_root_domain);
	if (!READ_ONCE(deadline_seen))
		return;
	rcu_read_lock();
	for_each_process_thread(process, task)
		dl_add_task_root_domain(task);
	rcu_read_unlock();
	/* What is on its way somewhere is promised there, too, or is no more. */
	list_for_each_entry(res, &reservations, node)
		if (dl_bw_alloc(res->cpu, res->bandwidth))
			res->bandwidth = 0;
}

/**
 * cpuset_deadline_reserve - make sure that a cpuset has time for a deadline task
 * @to: where the task is to go
 * @task: pinned by the caller
 *
 * Returns 0, also where there is nothing to be done, -EBUSY or -ENOMEM.  What is given back
 * in the domain that the task leaves, set_cpus_allowed_ptr() sees to.  Undone by
 * cpuset_deadline_settle().  Under cpuset_mutex; may sleep.
 */
int cpuset_deadline_reserve(struct cpuset *to, struct task_struct *task)
{
	struct reservation *res;
	int ret;

	if (!dl_task(task) || !dl_task_leaves_domain(task, &to->cpus))
		return 0;

	res = kmalloc(sizeof(*res), GFP_KERNEL);
	if (!res)
		return -ENOMEM;
	res->task = task;
	res->cpu = cpumask_any_and(cpu_active_mask, &to->cpus);
	res->bandwidth = task->dl.dl_bw;
	ret = res->cpu < nr_cpu_ids ? dl_bw_alloc(res->cpu, res->bandwidth) :
				      -EBUSY;
	if (ret)
		kfree(res);
	else
		list_add(&res->node, &reservations);
	return ret;
}

/**
 * cpuset_deadline_settle - the move of a task is over
 * @task: the task
 * @arrived: it has got its CPUs, and may use what was reserved
 *
 * Under cpuset_mutex.
 */
void cpuset_deadline_settle(struct task_struct *task, bool arrived)
{
	struct reservation *res;

	list_for_each_entry(res, &reservations, node)
		if (res->task == task)
			break;
	if (list_entry_is_head(res, &reservations, node))
		return;
	if (!arrived || !dl_task(task))
		dl_bw_free(res->cpu, res->bandwidth);
	list_del(&res->node);
	kfree(res);
}

/* Rebuilding */

/* Give the memory back that has not become a domain. */
static void free_unused(struct cpuset_domains *domains)
{
#ifdef CONFIG_CPUMASK_OFFSTACK
	while (domains->room > domains->count)
		free_cpumask_var(domains->masks[--domains->room]);
#endif
}

static void free_domains(struct cpuset_domains *domains)
{
	if (domains->masks)
		free_sched_domains(domains->masks, domains->room);
	kfree(domains->attrs);
}

/* Let the scheduler have these domains, or one for all where @domains is NULL. */
static void install(struct cpuset_domains *domains)
{
	partitioned = domains;
	mutex_lock(&sched_domains_mutex);
	if (domains)
		partition_sched_domains_locked(domains->count, domains->masks,
					       domains->attrs);
	else
		partition_sched_domains_locked(1, NULL, NULL);
	recount_deadline_tasks();
	mutex_unlock(&sched_domains_mutex);
}

/*
 * Rebuild the domains, with memory that has been taken for it if there are reasons for
 * more than one.
 */
static void rebuild(struct cpuset_domains *domains)
{
	if (!reasons) {
		free_domains(domains);
		install(NULL);
		return;
	}
	compute_domains(domains);
	free_unused(domains);
	install(domains);
}

/**
 * cpuset_domains_rebuild - let the domains be what the settings say
 * @domains: what cpuset_domains_prepare() has taken, which is used up.  If it failed,
 *	the domains stay as they are, and it is tried again later
 *
 * Under cpu_hotplug_lock and cpuset_mutex; may sleep.
 */
void cpuset_domains_rebuild(struct cpuset_domains *domains)
{
	if (reasons && !domains->masks)
		schedule_delayed_work(&rebuild_work, HZ);
	else if (reasons || partitioned)
		rebuild(domains);
	else
		free_domains(domains);
}

/* Rebuild in any case, as what the domains are made of has changed. */
static void rebuild_anew(void)
{
	struct cpuset_domains domains = {};

	if (cpuset_domains_prepare(&domains, &cpuset_root, &cpuset_root.set)) {
		/* A CPU that goes must be in none of them. */
		install(NULL);
		schedule_delayed_work(&rebuild_work, HZ);
		return;
	}
	rebuild(&domains);
}

static void rebuild_workfn(struct work_struct *work)
{
	rebuild_sched_domains();
}

/**
 * cpuset_domains_cpus_changed - CPUs have come or gone
 *
 * Under cpu_hotplug_lock and cpuset_mutex; may sleep.
 */
void cpuset_domains_cpus_changed(void)
{
	rebuild_anew();
}

/**
 * rebuild_sched_domains - rebuild the scheduler's domains
 *
 * For others who know that these would come out differently.  May sleep.
 */
void rebuild_sched_domains(void)
{
	cpus_read_lock();
	mutex_lock(&cpuset_mutex);
	rebuild_anew();
	mutex_unlock(&cpuset_mutex);
	cpus_read_unlock();
}

/* The next cpuset_update_active_cpus() must rebuild the domains: it always does. */
void cpuset_force_rebuild(void)
{
}
