// SPDX-License-Identifier: GPL-2.0
/*
 * Container subsystem cpuset: the tasks of a container run on some CPUs of the machine,
 * and have their memory from some of its nodes.
 *
 *   X.cpus		CPUs, as a list: what was asked for
 *   X.mems		memory nodes, likewise
 *   X.effective_cpus	those of them that are there, or the parent's if none is
 *   X.effective_mems	likewise
 *   X.cpu_exclusive	1: no sibling may have one of the CPUs
 *   X.mem_exclusive	1: no sibling may have one of the nodes
 *   X.mem_hardwall	1: the kernel's own memory for the tasks comes from here too
 *   X.memory_migrate	1: pages follow when mems changes, or a task comes
 *   X.memory_pressure	how often the tasks have to reclaim memory
 *   X.memory_pressure_enabled	1: count that; root only
 *   X.memory_spread_page	1: pages of files are spread over the nodes
 *   X.memory_spread_slab	kept, and nothing else
 *   X.sched_load_balance	1: the scheduler balances load over the CPUs
 *   X.sched_relax_domain_level	how far it searches for an idle CPU
 *
 * This file has the tree of cpusets with their settings, the rules that these obey,
 * and the files.  cpuset.h says what the others do.
 */
#include <linux/cpu.h>
#include <linux/init.h>
#include <linux/nodemask.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "cpuset.h"

/* See cpuset.h. */
DEFINE_MUTEX(cpuset_mutex);

#define DEFAULT_FLAGS		BIT(CPUSET_LOAD_BALANCE)
#define ROOT_FLAGS		(DEFAULT_FLAGS | BIT(CPUSET_CPU_EXCLUSIVE) | \
				 BIT(CPUSET_MEM_EXCLUSIVE))
#define MAX_RELAX_DOMAIN_LEVEL	5

#define SPREAD_FLAGS		(BIT(CPUSET_SPREAD_PAGE) | \
				 BIT(CPUSET_SPREAD_SLAB))

/*
 * Every task begins here.  All is allowed: what there is of it is in effect.  The
 * scheduler and the page allocator ask before the subsystem is registered.
 */
struct cpuset cpuset_root = {
	.children		= LIST_HEAD_INIT(cpuset_root.children),
	.sibling		= LIST_HEAD_INIT(cpuset_root.sibling),
	.set = {
		.flags			= ROOT_FLAGS,
		.relax_domain_level	= -1,
		.mems			= NODE_MASK_ALL,
		.cpus			= { CPU_BITS_ALL },
	},
	.mems			= NODE_MASK_ALL,
	.cpus			= { CPU_BITS_ALL },
	.pressure.lock	= __SPIN_LOCK_UNLOCKED(cpuset_root.pressure.lock),
};

unsigned int nr_cpusets = 1;

static struct container_subsys cpuset_subsys;

/**
 * task_cpuset - the cpuset that a task is in
 * @task: any task
 *
 * Any context, under rcu_read_lock(), which also keeps the result.
 */
struct cpuset *task_cpuset(struct task_struct *task)
{
	if (!static_branch_unlikely(&container_cpusets_existed) ||
	    !container_subsys_active(&cpuset_subsys))
		return &cpuset_root;
	return cpuset_of(task_subsys_state(task, &cpuset_subsys));
}

static struct cpuset *container_cpuset(struct container *cont)
{
	return cpuset_of(container_subsys_state(cont, &cpuset_subsys));
}

/* The step of a walk that leaves out what is below @pos. */
struct cpuset *cpuset_next_outside(struct cpuset *pos, struct cpuset *top)
{
	while (pos != top) {
		if (!list_is_last(&pos->sibling, &pos->parent->children))
			return list_next_entry(pos, sibling);
		pos = pos->parent;
	}
	return NULL;
}

/* The step of for_each_cpuset(). */
struct cpuset *cpuset_next(struct cpuset *pos, struct cpuset *top)
{
	if (!list_empty(&pos->children))
		return list_first_entry(&pos->children, struct cpuset, sibling);
	return cpuset_next_outside(pos, top);
}

/* Rules */

static bool flag_in(const struct cpuset_settings *set, enum cpuset_flag flag)
{
	return set->flags & BIT(flag);
}

/* A child has no more than its parent, and is exclusive only in such a one. */
static bool is_within(const struct cpuset_settings *child,
		      const struct cpuset_settings *parent)
{
	unsigned long exclusive = child->flags & (BIT(CPUSET_CPU_EXCLUSIVE) |
						  BIT(CPUSET_MEM_EXCLUSIVE));

	return cpumask_subset(&child->cpus, &parent->cpus) &&
	       nodes_subset(child->mems, parent->mems) &&
	       !(exclusive & ~parent->flags);
}

static bool is_exclusive(const struct cpuset_settings *set)
{
	return flag_in(set, CPUSET_CPU_EXCLUSIVE) ||
	       flag_in(set, CPUSET_MEM_EXCLUSIVE);
}

/* Let its parent count a cpuset that claims something for itself, or count it no more. */
static void count_exclusive(const struct cpuset *cs, int sign)
{
	if (cs->parent && is_exclusive(&cs->set))
		cs->parent->exclusive_children += sign;
}

/* Does one of two siblings claim for itself what the other has too? */
static bool in_conflict(const struct cpuset_settings *a,
			const struct cpuset_settings *b)
{
	return ((flag_in(a, CPUSET_CPU_EXCLUSIVE) ||
		 flag_in(b, CPUSET_CPU_EXCLUSIVE)) &&
		cpumask_intersects(&a->cpus, &b->cpus)) ||
	       ((flag_in(a, CPUSET_MEM_EXCLUSIVE) ||
		 flag_in(b, CPUSET_MEM_EXCLUSIVE)) &&
		nodes_intersects(a->mems, b->mems));
}

/*
 * May a cpuset have these settings?  Returns 0, or the error of the first rule that
 * they break.
 */
static int check_rules(struct cpuset *cs, const struct cpuset_settings *set)
{
	struct cpuset *other;

	list_for_each_entry(other, &cs->children, sibling)
		if (!is_within(&other->set, set))
			return -EBUSY;
	if (!cs->parent)
		return 0;

	if (!is_within(set, &cs->parent->set))
		return -EACCES;
	/* Most often nobody claims anything, and there may be many siblings. */
	if (cs->parent->exclusive_children || is_exclusive(set))
		list_for_each_entry(other, &cs->parent->children, sibling)
			if (other != cs && in_conflict(set, &other->set))
				return -EINVAL;
	/* Deadline tasks have been promised time on what it has, if there are any. */
	if (cpuset_has(cs, CPUSET_CPU_EXCLUSIVE) &&
	    !cpumask_empty(&set->cpus) && !cpuset_deadline_fits(cs, set))
		return -EBUSY;
	return 0;
}

/* Changes */

/* Lock all cpusets, and return a copy of one's settings to be changed. */
static struct cpuset_settings *settings_lock(const struct cpuset *cs)
{
	static struct cpuset_settings copy;	/* under cpuset_mutex */

	cpus_read_lock();
	mutex_lock(&cpuset_mutex);
	copy = cs->set;
	return &copy;
}

static void settings_unlock(void)
{
	mutex_unlock(&cpuset_mutex);
	cpus_read_unlock();
}

/* Store settings, which nothing can prevent any more, and let the tasks follow. */
static void apply(struct cpuset *cs, const struct cpuset_settings *set,
		  struct cpuset_domains *domains)
{
	unsigned long changed = cs->set.flags ^ set->flags;

	cpuset_unsettle();
	cpuset_domains_count(cs, -1);
	count_exclusive(cs, -1);
	WRITE_ONCE(cs->set.flags, set->flags);
	WRITE_ONCE(cs->set.relax_domain_level, set->relax_domain_level);
	cs->set.mems = set->mems;
	cpumask_copy(&cs->set.cpus, &set->cpus);
	count_exclusive(cs, 1);
	cpuset_domains_count(cs, 1);

	cpuset_update_cpus(cs);
	cpuset_update_mems(cs);
	if (changed & SPREAD_FLAGS)
		WRITE_ONCE(cs->due, cs->due | CPUSET_DUE_SPREAD);
	cpuset_follow(cs);
	cpuset_settle();
	cpuset_domains_rebuild(domains);
}

/* Change settings if the rules allow it.  Between settings_lock() and _unlock(). */
static int change(struct cpuset *cs, const struct cpuset_settings *set)
{
	struct cpuset_domains domains = {};
	int ret;

	ret = check_rules(cs, set);
	if (!ret)
		ret = cpuset_domains_prepare(&domains, cs, set);
	if (!ret)
		apply(cs, set, &domains);
	return ret;
}

/* Callbacks, in the order of a container's life */

static struct container_subsys_state *
cpuset_create(struct container_subsys *ss, struct container *cont)
{
	struct cpuset *cs, *parent;

	if (!cont->parent)
		return &cpuset_root.css;
	cs = kzalloc(sizeof(*cs), GFP_KERNEL_ACCOUNT);
	if (!cs)
		return ERR_PTR(-ENOMEM);
	parent = container_cpuset(cont->parent);
	cs->parent = parent;
	INIT_LIST_HEAD(&cs->children);
	cs->set.relax_domain_level = -1;
	spin_lock_init(&cs->pressure.lock);
	/* Walks of the tree find it before the framework has it from us. */
	RCU_INIT_POINTER(cs->css.container, cont);

	settings_lock(parent);
	cs->set.flags = DEFAULT_FLAGS | (parent->set.flags & SPREAD_FLAGS);
	cpuset_look_at_forks();
	list_add_tail(&cs->sibling, &parent->children);
	nr_cpusets++;
	settings_unlock();
	return &cs->css;
}

/* Take from the settings of a new cpuset what its siblings claim for themselves. */
static void leave_out_claimed(struct cpuset_settings *set,
			      const struct cpuset *parent)
{
	struct cpuset *other;

	if (!parent->exclusive_children)
		return;
	list_for_each_entry(other, &parent->children, sibling) {
		if (cpuset_has(other, CPUSET_CPU_EXCLUSIVE))
			cpumask_andnot(&set->cpus, &set->cpus, &other->set.cpus);
		if (cpuset_has(other, CPUSET_MEM_EXCLUSIVE))
			nodes_andnot(set->mems, set->mems, other->set.mems);
	}
}

/*
 * A child begins with what its parent has, less what a sibling claims for itself.  From
 * the root it gets what is there.
 */
static int cpuset_clone(struct container_subsys_state *parent_css,
			struct container_subsys_state *child_css)
{
	struct cpuset *parent = cpuset_of(parent_css);
	struct cpuset *cs = cpuset_of(child_css);
	struct cpuset_settings *set = settings_lock(cs);
	int ret;

	cpumask_copy(&set->cpus, parent->parent ? &parent->set.cpus :
						  &parent->cpus);
	set->mems = parent->parent ? parent->set.mems : parent->mems;
	leave_out_claimed(set, parent);
	ret = change(cs, set);
	settings_unlock();
	return ret;
}

/* Its CPUs are its parent's again. */
static void cpuset_remove(struct container_subsys_state *css)
{
	struct cpuset_domains domains = {};
	struct cpuset *cs = cpuset_of(css);

	settings_lock(cs->parent);
	count_exclusive(cs, -1);
	list_del(&cs->sibling);
	nr_cpusets--;
	cpuset_domains_count(cs, -1);
	cpuset_restrict(cs, false);
	/* Where there is no memory for it the rebuilding is tried again later. */
	cpuset_domains_prepare(&domains, cs->parent, &cs->parent->set);
	cpuset_domains_rebuild(&domains);
	settings_unlock();
}

static void cpuset_destroy(struct container_subsys_state *css)
{
	kfree(cpuset_of(css));
}

/* Each hierarchy begins with a root as new. */
static void cpuset_bind(struct container_subsys *ss, struct container *top)
{
	struct cpuset_domains domains = {};
	struct cpuset_settings *set;

	set = settings_lock(&cpuset_root);
	set->flags = ROOT_FLAGS;
	set->relax_domain_level = -1;
	WRITE_ONCE(cpuset_memory_pressure_enabled, 0);
	cpuset_domains_prepare(&domains, &cpuset_root, set);
	apply(&cpuset_root, set, &domains);
	settings_unlock();
}

/* Files */

static struct cpuset *of_cpuset(struct kernfs_open_file *of)
{
	return container_cpuset(of_container(of));
}

static struct cpuset *seq_cpuset(struct seq_file *m)
{
	return container_cpuset(seq_container(m));
}

/* An empty list leaves nothing for tasks, nor for children to have a part of. */
static int check_empty(struct cpuset *cs)
{
	return !list_empty(&cs->children) || cpuset_has_tasks(cs) ? -ENOSPC : 0;
}

/* Take a list of CPUs, less those that are not there. */
static int set_cpus(struct cpuset *cs, struct cpuset_settings *set,
		    const char *list)
{
	int ret = cpulist_parse(list, &set->cpus);

	if (ret)
		return ret;
	if (cpumask_empty(&set->cpus))
		return check_empty(cs);
	return cpumask_and(&set->cpus, &set->cpus, cpu_active_mask) ? 0 :
								     -ENOSPC;
}

/* Take a list of nodes, less those that have no memory. */
static int set_mems(struct cpuset *cs, struct cpuset_settings *set,
		    const char *list)
{
	int ret;

	nodes_clear(set->mems);
	ret = __nodelist_parse(list, &set->mems, nr_node_ids);
	if (ret)
		return ret;
	if (nodes_empty(set->mems))
		return check_empty(cs);
	nodes_and(set->mems, set->mems, node_states[N_MEMORY]);
	return nodes_empty(set->mems) ? -ENOSPC : 0;
}

/* The lists in a cpuset's files: what cftype->private names. */
enum cpuset_list {
	LIST_CPUS,
	LIST_MEMS,
	LIST_EFFECTIVE_CPUS,
	LIST_EFFECTIVE_MEMS,
};

static int write_list(struct kernfs_open_file *of, char *buf)
{
	struct cpuset *cs = of_cpuset(of);
	struct cpuset_settings *set;
	int ret;

	if (!cs->parent)
		return -EACCES;
	set = settings_lock(cs);
	ret = of_cftype(of)->private == LIST_CPUS ? set_cpus(cs, set, buf) :
						    set_mems(cs, set, buf);
	if (!ret)
		ret = change(cs, set);
	settings_unlock();
	return ret;
}

/* The root was asked for whatever there is. */
static int show_list(struct seq_file *m, void *v)
{
	enum cpuset_list list = seq_cftype(m)->private;
	struct cpuset *cs = seq_cpuset(m);

	mutex_lock(&cpuset_mutex);
	if (list == LIST_CPUS && cs->parent)
		seq_printf(m, "%*pbl\n", cpumask_pr_args(&cs->set.cpus));
	else if (list == LIST_MEMS && cs->parent)
		seq_printf(m, "%*pbl\n", nodemask_pr_args(&cs->set.mems));
	else if (list == LIST_CPUS || list == LIST_EFFECTIVE_CPUS)
		seq_printf(m, "%*pbl\n", cpumask_pr_args(&cs->cpus));
	else
		seq_printf(m, "%*pbl\n", nodemask_pr_args(&cs->mems));
	mutex_unlock(&cpuset_mutex);
	return 0;
}

static u64 read_flag(struct container *cont, struct cftype *cft)
{
	return cpuset_has(container_cpuset(cont), cft->private);
}

static int write_flag(struct container *cont, struct cftype *cft, u64 val)
{
	struct cpuset *cs = container_cpuset(cont);
	struct cpuset_settings *set;
	int ret = -EACCES;

	if (val > 1)
		return -EINVAL;
	set = settings_lock(cs);
	__assign_bit(cft->private, &set->flags, val);
	/* The root has everything for itself. */
	if (cs->parent || !(ROOT_FLAGS & ~DEFAULT_FLAGS & ~set->flags))
		ret = change(cs, set);
	settings_unlock();
	return ret;
}

static int show_relax_domain_level(struct seq_file *m, void *v)
{
	seq_printf(m, "%d\n", READ_ONCE(seq_cpuset(m)->set.relax_domain_level));
	return 0;
}

static int write_relax_domain_level(struct kernfs_open_file *of, char *buf)
{
	struct cpuset *cs = of_cpuset(of);
	struct cpuset_settings *set;
	int level, ret;

	if (kstrtoint(buf, 10, &level) || level < -1 ||
	    level > MAX_RELAX_DOMAIN_LEVEL)
		return -EINVAL;
	set = settings_lock(cs);
	set->relax_domain_level = level;
	ret = change(cs, set);
	settings_unlock();
	return ret;
}

static u64 read_memory_pressure(struct container *cont, struct cftype *cft)
{
	return cpuset_read_pressure(container_cpuset(cont));
}

/* It is no setting, and says so as it always has. */
static int refuse_write(struct kernfs_open_file *of, char *buf)
{
	return -EACCES;
}

static u64 read_memory_pressure_enabled(struct container *cont,
					struct cftype *cft)
{
	return READ_ONCE(cpuset_memory_pressure_enabled);
}

static int write_memory_pressure_enabled(struct container *cont,
					 struct cftype *cft, u64 val)
{
	if (val > 1)
		return -EINVAL;
	WRITE_ONCE(cpuset_memory_pressure_enabled, val);
	return 0;
}

/* Room for each of the numbers below @nr and a comma. */
#define LIST_LEN(nr)	(100 + 6 * (nr))

#define FLAG_FILE(file, flag)						\
	{ .name = file, .private = flag,				\
	  .read_u64 = read_flag, .write_u64 = write_flag }

static struct cftype cpuset_files[] = {
	{ .name = "cpus", .private = LIST_CPUS, .seq_show = show_list,
	  .write = write_list, .max_write_len = LIST_LEN(NR_CPUS) },
	{ .name = "mems", .private = LIST_MEMS, .seq_show = show_list,
	  .write = write_list, .max_write_len = LIST_LEN(MAX_NUMNODES) },
	{ .name = "effective_cpus", .private = LIST_EFFECTIVE_CPUS,
	  .seq_show = show_list },
	{ .name = "effective_mems", .private = LIST_EFFECTIVE_MEMS,
	  .seq_show = show_list },
	FLAG_FILE("cpu_exclusive", CPUSET_CPU_EXCLUSIVE),
	FLAG_FILE("mem_exclusive", CPUSET_MEM_EXCLUSIVE),
	FLAG_FILE("mem_hardwall", CPUSET_MEM_HARDWALL),
	FLAG_FILE("memory_migrate", CPUSET_MEMORY_MIGRATE),
	FLAG_FILE("memory_spread_page", CPUSET_SPREAD_PAGE),
	FLAG_FILE("memory_spread_slab", CPUSET_SPREAD_SLAB),
	{ .name = "memory_pressure", .read_u64 = read_memory_pressure,
	  .write = refuse_write },
	{ .name = "memory_pressure_enabled", .flags = CFTYPE_ONLY_ON_ROOT,
	  .read_u64 = read_memory_pressure_enabled,
	  .write_u64 = write_memory_pressure_enabled },
	FLAG_FILE("sched_load_balance", CPUSET_LOAD_BALANCE),
	{ .name = "sched_relax_domain_level",
	  .seq_show = show_relax_domain_level,
	  .write = write_relax_domain_level },
};

static int cpuset_populate(struct container_subsys *ss, struct container *cont)
{
	return container_add_files(cont, ss, cpuset_files,
				   ARRAY_SIZE(cpuset_files));
}

static struct container_subsys cpuset_subsys = {
	.name		= "cpuset",
	.create		= cpuset_create,
	.clone		= cpuset_clone,
	.remove		= cpuset_remove,
	.destroy	= cpuset_destroy,
	.populate	= cpuset_populate,
	.bind		= cpuset_bind,
	.may_attach	= cpuset_may_attach,
	.can_attach	= cpuset_can_attach,
	.cancel_attach	= cpuset_cancel_attach,
	.attach		= cpuset_attach,
};

/* Boot */

/**
 * cpuset_init - make the root, early
 *
 * It is complete as it is.  Returns 0.
 */
int __init cpuset_init(void)
{
	return 0;
}

/**
 * cpuset_init_smp - begin to follow the machine
 *
 * All CPUs and nodes of boot time are there, and no user space as yet.
 */
void __init cpuset_init_smp(void)
{
	cpuset_memory_init();
	settings_lock(&cpuset_root);
	cpuset_update_cpus(&cpuset_root);
	cpuset_update_mems(&cpuset_root);
	cpuset_root.due = 0;	/* what tasks begin with is right */
	settings_unlock();
}

static int __init cpuset_register(void)
{
	return container_register_subsys(&cpuset_subsys);
}
subsys_initcall(cpuset_register);

/**
 * proc_cpuset_show - show the path of a task's cpuset
 * @m: the file
 * @ns: the reader's pid namespace
 * @pid: the task's number
 * @task: the task, pinned; may have exited
 *
 * Returns 0 or a negative errno.  May sleep.
 */
int proc_cpuset_show(struct seq_file *m, struct pid_namespace *ns,
		     struct pid *pid, struct task_struct *task)
{
	struct container *cont;
	char *path;
	int ret;

	path = kmalloc(CONTAINER_PATH_LEN, GFP_KERNEL);
	if (!path)
		return -ENOMEM;
	rcu_read_lock();
	cont = container_subsys_active(&cpuset_subsys) ?
		task_container(task, &cpuset_subsys) : NULL;
	/* In no hierarchy there is one cpuset. */
	ret = cont && cont->kn ?
		container_path(cont, path, CONTAINER_PATH_LEN) :
		strscpy(path, "/", CONTAINER_PATH_LEN);
	rcu_read_unlock();
	if (ret >= 0)
		seq_printf(m, "%s\n", path);
	kfree(path);
	return min(ret, 0);
}
