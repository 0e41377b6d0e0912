// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/PID/container: where a task is.  /proc/containers: what there is.
 *
 * Both are read under RCU: whoever reads must not hold up those who move tasks.
 */
#include <linux/init.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>

#include "internal.h"

/* The subsystems of a mask, as in "cpuset,cpuacct". */
static void show_subsys(struct seq_file *m, unsigned long mask)
{
	struct container_subsys *ss;
	const char *sep = "";
	unsigned int id;

	for_each_subsys_in(ss, id, mask) {
		seq_printf(m, "%s%s", sep, ss->name);
		sep = ",";
	}
}

/* Where the tasks of a set are in one hierarchy, as a line. */
static int show_membership(struct seq_file *m, struct container_set *set,
			   struct containerfs_root *root, char *buf)
{
	struct container *cont = container_set_container(set, root);
	int ret;

	ret = container_path(cont, buf, CONTAINER_PATH_LEN);
	if (ret == -ENAMETOOLONG)
		strscpy(buf, "(too long)", PATH_MAX);
	else if (ret < 0)
		return ret;
	if (root->subsys_mask)
		show_subsys(m, root->subsys_mask);
	else
		seq_printf(m, "name=%s", root->name);
	seq_printf(m, ":%s%s\n", buf,
		   READ_ONCE(cont->removed) ? " (deleted)" : "");
	return 0;
}

/**
 * proc_container_show - show the containers of a task, a line per hierarchy
 * @m: the file
 * @ns: the reader's pid namespace
 * @pid: the task's number
 * @task: the task, pinned; may have exited
 *
 * All lines are of one moment.  Returns 0 or a negative errno.  May sleep.
 */
int proc_container_show(struct seq_file *m, struct pid_namespace *ns,
			struct pid *pid, struct task_struct *task)
{
	struct containerfs_root *root;
	struct container_set *set;
	int ret = 0;
	char *buf;

	buf = kmalloc(CONTAINER_PATH_LEN, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;

	rcu_read_lock();
	set = rcu_dereference(task->containers);
	list_for_each_entry_rcu(root, &container_roots, node) {
		ret = show_membership(m, set, root, buf);
		if (ret)
			break;
	}
	rcu_read_unlock();
	kfree(buf);
	return ret;
}

/* How often the tasks are counted again if some move meanwhile. */
#define MAX_COUNTS	3

/*
 * Each task is in every hierarchy.  One that moves right now may count twice.
 *
 * Fork, exit and moves count in and out of a set under its lock, by plain increments, as
 * a store of its own would cost each of them instructions.  A word is read whole, and a
 * number of the moment is all that is told: that race is meant.
 */
static unsigned int count_tasks(void)
{
	struct container_set *set;
	unsigned int count, i;
	unsigned long moves;

	for (i = 0; i < MAX_COUNTS; i++) {
		moves = READ_ONCE(container_moves);
		count = 0;
		list_for_each_entry_rcu(set, &container_sets, all)
			count += data_race(READ_ONCE(set->nr_tasks)); /* else again */
		if (moves == READ_ONCE(container_moves))
			break;
	}
	return count;
}

static int containers_show(struct seq_file *m, void *v)
{
	struct containerfs_root *root;
	struct container_subsys *ss;
	unsigned long all;
	unsigned int id;

	rcu_read_lock();
	seq_puts(m, "Hierarchies:\n");
	list_for_each_entry_rcu(root, &container_roots, node) {
		seq_printf(m, "%u: containers=%u tasks=%u subsystems=",
			   root->slot + 1, READ_ONCE(root->top.nr_descendants) + 1,
			   count_tasks());
		show_subsys(m, root->subsys_mask);
		seq_printf(m, " name=%s\n", root->name);
	}

	seq_puts(m, "Subsystems:\n");
	all = container_subsys_all();
	for_each_subsys_in(ss, id, all) {
		root = READ_ONCE(ss->root);
		seq_printf(m, "%u: name=%s hierarchy=%u containers=%u active=%d\n",
			   id, ss->name,
			   root == &container_dummy ? 0 : root->slot + 1,
			   READ_ONCE(root->top.nr_descendants) + 1,
			   container_subsys_active(ss));
	}
	rcu_read_unlock();
	return 0;
}

static int __init proc_containers_init(void)
{
	proc_create_single("containers", 0444, NULL, containers_show);
	return 0;
}
fs_initcall(proc_containers_init);
