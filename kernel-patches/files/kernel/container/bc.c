// SPDX-License-Identifier: GPL-2.0
/*
 * Container subsystem bc: BeanCounters, which count what the tasks of each container
 * hold of scarce resources, and limit it.
 *
 *   X.RESOURCE.held	units held now, here and below
 *   X.RESOURCE.maxheld	the most that were ever held; writing 0 begins anew
 *   X.RESOURCE.minheld	the fewest; writing 0 begins anew
 *   X.RESOURCE.failcnt	how often something was refused here; writing 0 forgets that
 *   X.RESOURCE.barrier	where what can be refused gracefully ends
 *   X.RESOURCE.limit	where the rest ends.  BARRIER:LIMIT to either sets both
 *   X.resources	a row for each resource
 *
 * Moving a task in is never refused.  No task, file or address space that is made while
 * the subsystem is not mounted is charged; what was charged is given back to where it
 * was charged, then, too, and until its end an address space goes on being charged.
 */
#include <linux/init.h>
#include <linux/jump_label.h>
#include <linux/slab.h>

#include "bc_counter.h"

/* Whether to charge, and whether something may have been charged since the boot. */
DEFINE_STATIC_KEY_FALSE(container_bc_mounted);
DEFINE_STATIC_KEY_FALSE(container_bc_used);

/* Registered resources, by id.  Constant once the subsystem is. */
struct bc_resource *bc_resources[MAX_BC_RESOURCES] __ro_after_init;
unsigned int bc_nr_resources __ro_after_init;

static struct beancounter *cont_bc(struct container *cont)
{
	return bc_of(container_subsys_state(cont, &bc_subsys));
}

/* Callbacks, in the order of a container's and a task's life */

static struct container_subsys_state *bc_create(struct container_subsys *ss,
						struct container *cont)
{
	struct beancounter *bc;
	unsigned int i;

	bc = kzalloc(sizeof(*bc), GFP_KERNEL_ACCOUNT);
	if (!bc)
		return ERR_PTR(-ENOMEM);
	bc->stocks = __alloc_percpu_gfp(sizeof(atomic_t) * MAX_BC_RESOURCES,
					sizeof(atomic_t) * MAX_BC_RESOURCES,
					GFP_KERNEL_ACCOUNT);
	if (!bc->stocks) {
		kfree(bc);
		return ERR_PTR(-ENOMEM);
	}
	mutex_init(&bc->lock);
	spin_lock_init(&bc->recall_lock);
	INIT_LIST_HEAD(&bc->children);
	INIT_LIST_HEAD(&bc->sibling);
	for (i = 0; i < bc_nr_resources; i++) {
		const struct bc_resource *res = bc_resources[i];
		bool top = !cont->parent;

		bc_init_counter(&bc->counters[i],
				top ? BC_UNLIMITED : res->barrier,
				top ? BC_UNLIMITED : res->limit);
	}
	if (cont->parent) {
		bc->parent = cont_bc(cont->parent);
		bc->level = bc->parent->level + 1;
		list_add_tail_rcu(&bc->sibling, &bc->parent->children);
	}
	return &bc->css;
}

/* Files that were closed are to keep nobody from removing the container. */
static void bc_drain(struct container_subsys_state *css)
{
	bc_drain_stocks(bc_of(css));
}

static void bc_remove(struct container_subsys_state *css)
{
	struct beancounter *bc = bc_of(css);

	/* The store comes before the look for stocks. */
	smp_store_mb(bc->removed, true);
	bc_close_stocks(bc);
	list_del_rcu(&bc->sibling);
}

static void bc_destroy(struct container_subsys_state *css)
{
	struct beancounter *bc = bc_of(css);
	unsigned int i;

	/* What is missing here is missing above, for ever. */
	for (i = 0; i < bc_nr_resources; i++)
		WARN_ON_ONCE(!counter_unused(&bc->counters[i]));
	free_percpu(bc->stocks);
	kfree(bc);
}

/*
 * Each hierarchy begins with a root as new, though some files and address spaces of an
 * earlier one may be charged to it still.
 */
static void bc_bind(struct container_subsys *ss, struct container *top)
{
	unsigned int i;

	if (!top->kn)
		static_branch_disable(&container_bc_mounted);
	for (i = 0; i < bc_nr_resources; i++)
		bc_begin_anew(bc_of(ss->root_css), bc_resources[i]);
	if (top->kn && !static_key_enabled(&container_bc_used)) {
		static_branch_enable(&container_bc_used);
		/*
		 * Who charges gives back.  Rewriting code is no barrier on
		 * every architecture, a grace period is.
		 */
		synchronize_rcu();
	}
	if (top->kn)
		static_branch_enable(&container_bc_mounted);
}

/* A task lives here from now on; the root keeps no account of that. */
static void arrive(struct beancounter *bc)
{
	if (bc->parent)
		atomic_inc(&bc->live);
}

static void leave(struct beancounter *bc)
{
	if (bc->parent && atomic_dec_and_test(&bc->live))
		bc_close_stocks(bc);
}

static struct beancounter *bc_of_task(struct task_struct *task)
{
	struct beancounter *bc;

	/* container_mutex keeps the task where it is. */
	rcu_read_lock();
	bc = bc_of(task_subsys_state(task, &bc_subsys));
	rcu_read_unlock();
	return bc;
}

static int bc_can_attach(struct container_subsys_state *to,
			 struct task_struct *task)
{
	bc_enter_task(bc_of(to), bc_of_task(task));
	arrive(bc_of(to));
	return 0;
}

static void bc_cancel_attach(struct container_subsys_state *to,
			     struct task_struct *task)
{
	bc_leave_task(bc_of(to), bc_of_task(task));
	leave(bc_of(to));
}

static void bc_attach(struct container_subsys_state *to,
		      struct container_subsys_state *from,
		      struct task_struct *task)
{
	if (!from)
		return;
	bc_leave_task(bc_of(from), bc_of(to));
	leave(bc_of(from));
}

static int bc_can_fork(struct container_subsys_state *css,
		       struct task_struct *child)
{
	int ret = bc_fork_task(bc_of(css));

	if (!ret)
		arrive(bc_of(css));
	return ret;
}

static void bc_cancel_fork(struct container_subsys_state *css,
			   struct task_struct *child)
{
	leave(bc_of(css));
	bc_end_task(bc_of(css));
}

static void bc_exit(struct container_subsys_state *css,
		    struct task_struct *task)
{
	leave(bc_of(css));
}

static void bc_reaped(struct container_subsys_state *css,
		      struct task_struct *task)
{
	bc_end_task(bc_of(css));
}

/* Files */

enum bc_file { HELD, MAXHELD, MINHELD, FAILCNT, BARRIER, LIMIT };

static const char * const file_names[BC_NR_FILES] = {
	[HELD]		= "held",
	[MAXHELD]	= "maxheld",
	[MINHELD]	= "minheld",
	[FAILCNT]	= "failcnt",
	[BARRIER]	= "barrier",
	[LIMIT]		= "limit",
};

/* A resource's files are in it, and know their place. */
static struct bc_resource *resource_of(struct cftype *cft)
{
	return container_of(cft - cft->private, struct bc_resource, files[0]);
}

static u64 read_file(struct container *cont, struct cftype *cft)
{
	struct bc_snapshot now;

	bc_read(cont_bc(cont), resource_of(cft), &now);
	switch ((enum bc_file)cft->private) {
	case HELD:
		return now.held;
	case MAXHELD:
		return now.maxheld;
	case MINHELD:
		return now.minheld;
	case FAILCNT:
		return now.failcnt;
	case BARRIER:
		return now.barrier;
	case LIMIT:
		return now.limit;
	}
	return 0;
}

static int write_reset(struct container *cont, struct cftype *cft, u64 val)
{
	struct bc_resource *res = resource_of(cft);

	if (val)
		return -EINVAL;
	if (cft->private == MAXHELD)
		bc_reset_maxheld(cont_bc(cont), res);
	else if (cft->private == MINHELD)
		bc_reset_minheld(cont_bc(cont), res);
	else
		bc_reset_failcnt(cont_bc(cont), res);
	return 0;
}

static int parse_bound(const char *text, unsigned long *bound)
{
	u64 val;

	if (container_parse_u64(text, &val) || val > BC_UNLIMITED)
		return -EINVAL;
	*bound = val;
	return 0;
}

static int write_bound(struct kernfs_open_file *of, char *buf)
{
	unsigned long barrier = BC_SAME, limit = BC_SAME;
	struct cftype *cft = of_cftype(of);
	char *colon = strchr(buf, ':');
	int ret;

	if (colon) {
		*colon = '\0';
		ret = parse_bound(buf, &barrier) ?:
		      parse_bound(colon + 1, &limit);
	} else {
		ret = parse_bound(buf, cft->private == BARRIER ? &barrier :
								 &limit);
	}
	return ret ?: bc_set_bounds(cont_bc(of_container(of)),
				    resource_of(cft), barrier, limit);
}

/* In the format of OpenVZ's /proc/bc/ID/resources. */
static int show_resources(struct seq_file *m, void *v)
{
	struct beancounter *bc = cont_bc(seq_container(m));
	struct bc_snapshot now;
	unsigned int i;

	for (i = 0; i < bc_nr_resources; i++) {
		bc_read(bc, bc_resources[i], &now);
		seq_printf(m, "%10s%-24s%20lu%20lu%20lu%20lu%20lu\n", "",
			   bc_resources[i]->name, now.held, now.maxheld,
			   now.barrier, now.limit, now.failcnt);
	}
	return 0;
}

static struct cftype resources_file = {
	.name		= "resources",
	.seq_show	= show_resources,
};

static void __init init_file(struct bc_resource *res, enum bc_file file)
{
	struct cftype *cft = &res->files[file];

	snprintf(cft->name, sizeof(cft->name), "%s.%s", res->name,
		 file_names[file]);
	cft->private = file;
	cft->read_u64 = read_file;
	if (file == BARRIER || file == LIMIT)
		cft->write = write_bound;
	else if (file != HELD)
		cft->write_u64 = write_reset;
}

static int bc_populate(struct container_subsys *ss, struct container *cont)
{
	unsigned int i;
	int ret;

	for (i = 0; i < bc_nr_resources; i++) {
		ret = container_add_files(cont, ss, bc_resources[i]->files,
					  BC_NR_FILES);
		if (ret)
			return ret;
	}
	return container_add_file(cont, ss, &resources_file);
}

struct container_subsys bc_subsys = {
	.name		= "bc",
	.create		= bc_create,
	.drain		= bc_drain,
	.remove		= bc_remove,
	.destroy	= bc_destroy,
	.populate	= bc_populate,
	.bind		= bc_bind,
	.can_attach	= bc_can_attach,
	.cancel_attach	= bc_cancel_attach,
	.attach		= bc_attach,
	.can_fork	= bc_can_fork,
	.cancel_fork	= bc_cancel_fork,
	.exit		= bc_exit,
	.reaped		= bc_reaped,
};

/**
 * bc_register_resource - make a resource known
 * @res: stays for ever
 *
 * Before the subsystem registers itself: in a core_initcall.
 */
void __init bc_register_resource(struct bc_resource *res)
{
	enum bc_file file;

	if (WARN_ON(bc_nr_resources == MAX_BC_RESOURCES || bc_subsys.active ||
		    res->stock > BC_MAX_STOCK))
		return;
	res->id = bc_nr_resources;
	bc_resources[bc_nr_resources++] = res;
	for (file = 0; file < BC_NR_FILES; file++)
		init_file(res, file);
}

static int __init bc_init(void)
{
	return container_register_subsys(&bc_subsys);
}
subsys_initcall(bc_init);
