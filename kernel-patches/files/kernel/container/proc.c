// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/PID/container: where a task is.  /proc/containers: what there is.
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

	ret = container_path(cont, buf, PATH_MAX);
	if (ret == -ENAMETOOLONG)
		strscpy(buf, "(too long)", PATH_MAX);
	else if (ret < 0)
		return ret;
	if (root->subsys_mask)
		show_subsys(m, root->subsys_mask);
	else
		seq_printf(m, "name=%s", root->name);
	seq_printf(m, ":%s%s\n", buf, cont->removed ? " (deleted)" : "");
	return 0;
}

/**
 * proc_container_show - show the containers of a task, a line per hierarchy
 * @m: the file
 * @ns: the reader's pid namespace
 * @pid: the task's number
 * @task: the task, pinned; may have exited
 *
 * Returns 0 or a negative errno.  May sleep.
 */
int proc_container_show(struct seq_file *m, struct pid_namespace *ns,
			struct pid *pid, struct task_struct *task)
{
	struct containerfs_root *root;
	struct container_set *set;
	int ret = 0;
	char *buf;

	buf = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;

	mutex_lock(&container_mutex);
	set = task_set_get(task);
	list_for_each_entry(root, &container_roots, node) {
		ret = show_membership(m, set, root, buf);
		if (ret)
			break;
	}
	container_set_put(set);
	mutex_unlock(&container_mutex);
	kfree(buf);
	return ret;
}

static unsigned int count_tasks(void)
{
	struct container_set *set;
	unsigned int count = 0;

	list_for_each_entry(set, &container_sets, all)
		count += READ_ONCE(set->nr_tasks);
	return count;
}

static int containers_show(struct seq_file *m, void *v)
{
	struct containerfs_root *root;
	struct container_subsys *ss;
	unsigned long all;
	unsigned int id;

	mutex_lock(&container_mutex);
	seq_puts(m, "Hierarchies:\n");
	list_for_each_entry(root, &container_roots, node) {
		/* every task is in every hierarchy */
		seq_printf(m, "%u: containers=%u tasks=%u subsystems=",
			   root->slot + 1, root->nr_containers, count_tasks());
		show_subsys(m, root->subsys_mask);
		seq_printf(m, " name=%s\n", root->name);
	}

	seq_puts(m, "Subsystems:\n");
	all = container_subsys_all();
	for_each_subsys_in(ss, id, all) {
		root = ss->root;
		seq_printf(m, "%u: name=%s hierarchy=%u containers=%u active=%d\n",
			   id, ss->name,
			   root == &container_dummy ? 0 : root->slot + 1,
			   root->nr_containers, container_subsys_active(ss));
	}
	mutex_unlock(&container_mutex);
	return 0;
}

static int __init proc_containers_init(void)
{
	proc_create_single("containers", 0444, NULL, containers_show);
	return 0;
}
fs_initcall(proc_containers_init);
