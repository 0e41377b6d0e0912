// SPDX-License-Identifier: GPL-2.0
/*
 * Container subsystem ns: a container for each set of namespaces.
 *
 * A task that makes new namespaces, by unshare(2) or clone(2), gets a new child of
 * its container in the same step.  So what belongs to a virtual server is in its
 * container and in those below, however often it makes namespaces in turn, and what
 * other subsystems of the hierarchy account and limit is its.  The framework makes
 * the container (clone.c) and removes it when its last task has gone.
 *
 *   X.proxy	the namespaces of the container's first task
 *
 * Nobody leaves such a container upwards.  A task may be moved into a child of its
 * container in which nothing lives, which is to make a server by hand; and by whoever
 * may do everything on this machine into any container below its own, which is to
 * enter one.  Who is above a task may move it to wherever is not above himself.  The
 * namespaces do not come with it: setns(2) is for that.
 */
#include <linux/containers.h>
#include <linux/init.h>
#include <linux/pid.h>
#include <linux/proc_ns.h>
#include <linux/ptrace.h>
#include <linux/sched/task.h>
#include <linux/security.h>
#include <linux/slab.h>

struct ns_state {
	struct container_subsys_state css;
	struct pid *made_for;		/* NULL for one that mkdir has made */
};

static struct container_subsys ns_subsys;

static struct ns_state *ns_state(struct container_subsys_state *css)
{
	return container_of(css, struct ns_state, css);
}

static struct container_subsys_state *ns_create(struct container_subsys *ss,
						struct container *cont)
{
	struct ns_state *ns = kzalloc(sizeof(*ns), GFP_KERNEL_ACCOUNT);

	return ns ? &ns->css : ERR_PTR(-ENOMEM);
}

static void ns_destroy(struct container_subsys_state *css)
{
	put_pid(ns_state(css)->made_for);
	kfree(ns_state(css));
}

static void ns_made_for(struct container_subsys_state *css,
			struct task_struct *task)
{
	ns_state(css)->made_for = get_task_pid(task, PIDTYPE_PID);
}

/* Is a container below another one? */
static bool is_below(const struct container *cont, const struct container *top)
{
	while (cont && cont != top)
		cont = cont->parent;
	return cont;
}

static int ns_may_attach(struct container_subsys_state *to,
			 struct task_struct *task, const struct cred *cred)
{
	struct container *from, *target, *mover;
	bool ok;

	if (!cred)	/* the kernel itself */
		return 0;
	rcu_read_lock();
	from = task_container(task, &ns_subsys);
	mover = task_container(current, &ns_subsys);
	target = rcu_dereference(to->container);
	ok = target->parent == from && !container_populated(target);
	if (!ok && !security_capable(cred, &init_user_ns, CAP_SYS_ADMIN,
				     CAP_OPT_NONE))
		ok = is_below(target, from) ||
		     (mover != from && is_below(from, mover) &&
		      is_below(target, mover));
	rcu_read_unlock();
	return ok ? 0 : -EPERM;
}

/* In the order of their names, as /proc/PID/ns lists them. */
static const struct proc_ns_operations * const kinds[] = {
#ifdef CONFIG_CGROUPS
	&cgroupns_operations,
#endif
#ifdef CONFIG_IPC_NS
	&ipcns_operations,
#endif
	&mntns_operations,
#ifdef CONFIG_NET_NS
	&netns_operations,
#endif
#ifdef CONFIG_PID_NS
	&pidns_operations,
#endif
#ifdef CONFIG_TIME_NS
	&timens_operations,
#endif
#ifdef CONFIG_USER_NS
	&userns_operations,
#endif
#ifdef CONFIG_UTS_NS
	&utsns_operations,
#endif
};

/* The task that the container was made for, pinned, if it still lives there. */
static struct task_struct *first_task(struct container *cont)
{
	struct ns_state *ns = ns_state(container_subsys_state(cont, &ns_subsys));
	struct task_struct *task = get_pid_task(ns->made_for, PIDTYPE_PID);
	bool here;

	if (!task)
		return NULL;
	rcu_read_lock();
	here = !task_has_begun_to_exit(task) &&
	       task_container(task, &ns_subsys) == cont;
	rcu_read_unlock();
	if (here)
		return task;
	put_task_struct(task);
	return NULL;
}

/* The task that has lived longest of those in the container, pinned, or NULL. */
static struct task_struct *oldest_task(struct container *cont)
{
	struct task_struct *task, *oldest = NULL;
	struct container_task_iter it;

	container_task_iter_start(cont, &it);
	while ((task = container_task_iter_next(&it))) {
		cond_resched();
		if (oldest && oldest->start_time <= task->start_time)
			continue;
		if (oldest)
			put_task_struct(oldest);
		oldest = get_task_struct(task);
	}
	container_task_iter_end(&it);
	return oldest;
}

/* A task that is exiting has no namespaces any more. */
static void show_namespaces(struct seq_file *m, struct task_struct *task)
{
	char name[50];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (ns_get_name(name, sizeof(name), task, kinds[i]) >= 0)
			seq_printf(m, "%s\n", name);
}

/*
 * The right is that to read /proc/PID/ns.  That also waits for an exec to be over,
 * which may take for ever and would keep the container meanwhile.  Here it is enough
 * that the right is there before and after, as an exec makes no namespaces.
 */
static int show_proxy(struct seq_file *m, void *v)
{
	struct container *cont = seq_container(m);
	struct task_struct *task = first_task(cont) ?: oldest_task(cont);
	size_t begin = m->count;
	int ret = -EACCES;

	if (!task)
		return 0;
	if (ptrace_may_access(task, PTRACE_MODE_READ_FSCREDS)) {
		show_namespaces(m, task);
		if (ptrace_may_access(task, PTRACE_MODE_READ_FSCREDS))
			ret = 0;
		else
			m->count = begin;
	}
	put_task_struct(task);
	return ret;
}

static struct cftype ns_files[] = {
	{ .name = "proxy", .seq_show = show_proxy },
};

static int ns_populate(struct container_subsys *ss, struct container *cont)
{
	return container_add_files(cont, ss, ns_files, ARRAY_SIZE(ns_files));
}

static struct container_subsys ns_subsys = {
	.name		= "ns",
	.clone_flags	= CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC |
			  CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP |
			  CLONE_NEWTIME,
	.create		= ns_create,
	.destroy	= ns_destroy,
	.populate	= ns_populate,
	.may_attach	= ns_may_attach,
	.made_for	= ns_made_for,
};

static int __init ns_init(void)
{
	return container_register_subsys(&ns_subsys);
}
subsys_initcall(ns_init);
