// SPDX-License-Identifier: GPL-2.0
/*
 * The files "tasks" and "procs": to read who is in a container, to write who
 * shall be.
 *
 * Both go by the one who opened the file: his pid namespace gives the numbers
 * their meaning, and his credentials decide who may be moved.  A privileged
 * program that can be made to write to a file handed to it then does no more than
 * its owner could (CVE-2021-4197).
 */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "internal.h"

/* The longest pid, and white space around it. */
#define MAX_PID_TEXT	64

/* Numbers, ascending, without repetition. */
struct pid_list {
	pid_t *pids;
	size_t count;
	size_t room;
};

/*
 * What an open file keeps.  The listing is made when the file is opened and lasts until
 * it is closed, and a user can have many files open.  So it counts as memory that he
 * has locked.  Where his RLIMIT_MEMLOCK has no room for it, it is not kept but made
 * anew for each read, which goes on after the last number read.
 */
struct pid_file {
	struct pid_namespace *ns;	/* the opener's */
	bool groups;
	bool kept;
	struct pid_list list;		/* if not kept, only during a read */
	struct ucounts *payer;		/* for a list that is kept; NULL for nobody */
};

static int add_pid(struct pid_list *list, pid_t pid)
{
	pid_t *bigger;
	size_t room;

	if (list->count == list->room) {
		room = max_t(size_t, 2 * list->room, 64);
		bigger = kvrealloc(list->pids, array_size(room, sizeof(pid_t)),
				   GFP_KERNEL_ACCOUNT);
		if (!bigger)
			return -ENOMEM;
		list->pids = bigger;
		list->room = room;
	}
	list->pids[list->count++] = pid;
	return 0;
}

static int cmp_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

static void sort_pids(struct pid_list *list)
{
	size_t from, to = 0;

	sort(list->pids, list->count, sizeof(pid_t), cmp_pid, NULL);
	for (from = 0; from < list->count; from++)
		if (!to || list->pids[from] != list->pids[to - 1])
			list->pids[to++] = list->pids[from];
	list->count = to;
}

static void free_pids(struct pid_list *list)
{
	kvfree(list->pids);
	memset(list, 0, sizeof(*list));
}

static int add_task(struct task_struct *task, void *data)
{
	struct pid_file *pf = data;
	pid_t pid = pf->groups ? task_tgid_nr_ns(task, pf->ns) :
				 task_pid_nr_ns(task, pf->ns);

	return pid ? add_pid(&pf->list, pid) : 0;
}

/*
 * List the container's tasks, or their thread groups, as the opener numbers them;
 * what has no number there is left out.
 */
static int list_pids(struct pid_file *pf, struct container *cont)
{
	int ret = container_walk_tasks(cont, add_task, pf);

	if (ret)
		free_pids(&pf->list);
	else
		sort_pids(&pf->list);
	return ret;
}

static size_t list_size(const struct pid_list *list)
{
	return list->room * sizeof(pid_t);
}

/* Keep the list at the opener's expense, or do without. */
static void keep_pids(struct pid_file *pf)
{
	struct ucounts *payer = current_ucounts();

	pf->kept = true;
	if (!pf->list.room)
		return;
	if (user_shm_lock(list_size(&pf->list), payer)) {
		pf->payer = payer;
	} else {
		free_pids(&pf->list);
		pf->kept = false;
	}
}

static void free_pid_file(struct pid_file *pf)
{
	if (pf->payer)
		user_shm_unlock(list_size(&pf->list), pf->payer);
	free_pids(&pf->list);
	put_pid_ns(pf->ns);
	kfree(pf);
}

static int open_pids(struct kernfs_open_file *of, bool groups)
{
	struct pid_namespace *ns = task_active_pid_ns(current);
	struct pid_file *pf;
	int ret;

	/* A parent that has reaped its child's namespace has none to look at. */
	if (!ns)
		return -ESRCH;
	pf = kzalloc(sizeof(*pf), GFP_KERNEL_ACCOUNT);
	if (!pf)
		return -ENOMEM;
	pf->ns = get_pid_ns(ns);
	pf->groups = groups;

	if (of->file->f_mode & FMODE_READ) {
		ret = list_pids(pf, of_container(of));
		if (ret) {
			free_pid_file(pf);
			return ret;
		}
		keep_pids(pf);
	}
	of->priv = pf;
	return 0;
}

static int open_tasks(struct kernfs_open_file *of)
{
	return open_pids(of, false);
}

static int open_procs(struct kernfs_open_file *of)
{
	return open_pids(of, true);
}

static void release_pids(struct kernfs_open_file *of)
{
	free_pid_file(of->priv);
}

/* The first number from *@pos on.  A number is its own position in the file. */
static pid_t *find_pid_from(struct pid_list *list, loff_t *pos)
{
	size_t from = 0, to = list->count, middle;

	while (from < to) {
		middle = from + (to - from) / 2;
		if (list->pids[middle] < *pos)
			from = middle + 1;
		else
			to = middle;
	}
	if (from == list->count)
		return NULL;
	*pos = list->pids[from];
	return &list->pids[from];
}

static void *pids_start(struct seq_file *m, loff_t *pos)
{
	struct kernfs_open_file *of = m->private;
	struct pid_file *pf = of->priv;
	int ret;

	if (!pf->kept) {
		ret = list_pids(pf, of_container(of));
		if (ret)
			return ERR_PTR(ret);
	}
	return find_pid_from(&pf->list, pos);
}

static void *pids_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct kernfs_open_file *of = m->private;
	struct pid_file *pf = of->priv;

	++*pos;
	return find_pid_from(&pf->list, pos);
}

static void pids_stop(struct seq_file *m, void *v)
{
	struct kernfs_open_file *of = m->private;
	struct pid_file *pf = of->priv;

	if (!pf->kept)
		free_pids(&pf->list);
}

static int pids_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%d\n", *(pid_t *)v);
	return 0;
}

/* The task that @pid names for the opener, pinned, or NULL.  0 is the writer. */
static struct task_struct *find_task(struct pid_file *pf, pid_t pid)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid ? find_task_by_pid_ns(pid, pf->ns) : current;
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	return task;
}

/* May the one who opened the file move this task? */
static int may_move_one(const struct cred *opener, struct task_struct *task)
{
	const struct cred *cred = __task_cred(task);

	/*
	 * The parent of all kernel threads must not make them in a container, and
	 * those bound to a CPU have work to do that no container may delay.  One
	 * that is being made may still be bound.  The bits beside this one are the
	 * task's own, which it changes meanwhile.
	 */
	if (data_race(task->container_unready != 0))
		return -EINVAL;
	/* A thread is bound before it is ready: its creator wakes it in between. */
	smp_rmb();
	if (READ_ONCE(task->flags) & PF_NO_SETAFFINITY)
		return -EINVAL;
	if (!uid_eq(opener->euid, GLOBAL_ROOT_UID) &&
	    !uid_eq(opener->euid, cred->uid) &&
	    !uid_eq(opener->euid, cred->suid))
		return -EACCES;
	return 0;
}

/* The same of all that would move; -ESRCH where all have begun to exit. */
static int may_move(const struct cred *opener, struct task_struct *task,
		    bool group)
{
	bool exiting = task_has_begun_to_exit(task);
	struct task_struct *t;
	int ret;

	rcu_read_lock();
	/* The leader of a group may be dead, and then has no say. */
	ret = group ? 0 : may_move_one(opener, task);
	if (group) {
		for_each_thread(task, t) {
			if (!task_has_begun_to_exit(t)) {
				exiting = false;
				ret = ret ?: may_move_one(opener, t);
			}
		}
	}
	rcu_read_unlock();
	return exiting ? -ESRCH : ret;
}

static int move_pid(struct kernfs_open_file *of, struct container *cont,
		    pid_t pid, bool group)
{
	struct task_struct *task, *now;
	bool again;
	int ret;

	do {
		task = find_task(of->priv, pid);
		if (!task)
			return -ESRCH;
		ret = may_move(of->file->f_cred, task, group);
		if (!ret)
			ret = container_attach(cont, task, group,
					       of->file->f_cred);

		/* exec gives the leader's number to the thread that called it */
		now = ret == -ESRCH ? find_task(of->priv, pid) : NULL;
		again = now && now != task;
		if (now)
			put_task_struct(now);
		put_task_struct(task);
	} while (again);
	return ret;
}

static ssize_t write_pid(struct kernfs_open_file *of, char *buf, size_t nbytes,
			 bool group)
{
	struct container *cont;
	u64 pid;
	int ret;

	if (strlen(buf) != nbytes || container_parse_u64(strstrip(buf), &pid) ||
	    pid > INT_MAX)
		return -EINVAL;
	cont = container_kn_lock(of->kn);
	if (!cont)
		return -ENODEV;
	ret = move_pid(of, cont, pid, group);
	container_kn_unlock(of->kn);
	return ret ?: nbytes;
}

static ssize_t write_tasks(struct kernfs_open_file *of, char *buf,
			   size_t nbytes, loff_t off)
{
	return write_pid(of, buf, nbytes, false);
}

static ssize_t write_procs(struct kernfs_open_file *of, char *buf,
			   size_t nbytes, loff_t off)
{
	return write_pid(of, buf, nbytes, true);
}

const struct kernfs_ops container_tasks_ops = {
	.open			= open_tasks,
	.release		= release_pids,
	.seq_start		= pids_start,
	.seq_next		= pids_next,
	.seq_stop		= pids_stop,
	.seq_show		= pids_show,
	.write			= write_tasks,
	.atomic_write_len	= MAX_PID_TEXT,
};

const struct kernfs_ops container_procs_ops = {
	.open			= open_procs,
	.release		= release_pids,
	.seq_start		= pids_start,
	.seq_next		= pids_next,
	.seq_stop		= pids_stop,
	.seq_show		= pids_show,
	.write			= write_procs,
	.atomic_write_len	= MAX_PID_TEXT,
};
