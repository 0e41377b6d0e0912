// SPDX-License-Identifier: GPL-2.0
/*
 * The file "kill": SIGKILL to all tasks of a subtree.
 *
 * It goes by the one who opened the file, as "tasks" does: his credentials and his
 * pid namespace decide who may be killed, as if he had called kill(2) for each.
 *
 * All happens under container_mutex: the containers of the subtree and their sets
 * stand still, and no task moves; there is one kill at a time.  What remains is fork.
 * Somebody who has been signalled cannot fork any more: fork looks for a fatal
 * signal under the siglock.  A walk of a set's tasks misses children of those
 * whom it has not reached yet, and then the children's children.  So the sets are
 * marked before the walk:
 *
 *   the kill				a fork in one of the sets
 *   kill_now = ...
 *   set->killing = true		(tasklist_lock)
 *   (tasklist_lock)			set->killing?  Stale: drop the locks, signal
 *   walk: signal each			  yourself, begin anew
 *   set->killing = false		container_join()
 *   kill_now = NULL			(no tasklist_lock)
 *
 * A birth holds tasklist_lock from before its look at the mark until its child is on
 * the list.  The kill takes that lock for a moment between the marks and the walk:
 * a birth that has missed the mark has put its child on the list for the walk
 * to find, and any other sees the mark.  If its parent may be killed, that one does to
 * itself what the walk has done or is about to do, and its fork fails by the
 * signal.  A parent who may not be killed goes on.  So there are no births but by
 * those who will live, one walk suffices, and nobody waits for anybody.
 */
#include <linux/cred.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/security.h>

#include "internal.h"

/* More than a number needs. */
#define MAX_KILL_TEXT	64

/* A kill under way, on its stack. */
struct container_kill {
	struct container *top;
	struct file *opener;
	struct pid_namespace *ns;	/* the opener's */
};

/* The kill under way, for forks.  Changes under container_mutex and the lock. */
static struct container_kill *kill_now;
static DEFINE_SPINLOCK(kill_lock);

/*
 * What kill(2) asks, of the opener instead of current.  The capability not for the audit log:
 * a security module that kills who lacks one would mean current, which may be a task that
 * forks, under its siglock.  Under rcu_read_lock().
 */
static bool may_signal(struct container_kill *k, struct task_struct *task)
{
	const struct cred *cred = k->opener->f_cred;
	const struct cred *tcred = __task_cred(task);

	if (!uid_eq(cred->euid, tcred->suid) &&
	    !uid_eq(cred->euid, tcred->uid) &&
	    !uid_eq(cred->uid, tcred->suid) &&
	    !uid_eq(cred->uid, tcred->uid) &&
	    security_capable(cred, tcred->user_ns, CAP_KILL, CAP_OPT_NOAUDIT))
		return false;
	return !security_task_kill(task, SEND_SIG_NOINFO, SIGKILL, cred);
}

/*
 * What is to be done with a task: KILL it, or KILL_INIT, which may be the first of a
 * pid namespace, SPARE it, as it is a kernel thread or about to exit, or leave it
 * alive though it should not be, as the opener has not the right to kill it.
 */
enum verdict { SPARE, KILL, KILL_INIT, REFUSED };

static enum verdict judge(struct container_kill *k, struct task_struct *task)
{
	enum verdict verdict = SPARE;
	struct pid_namespace *ns;
	struct pid *pid;

	rcu_read_lock();
	/* Looked at once: a thread may end and reap itself meanwhile, and has none then. */
	pid = READ_ONCE(task->thread_pid);
	if (!pid || (READ_ONCE(task->flags) & (PF_KTHREAD | PF_EXITING)))
		goto out;
	ns = ns_of_pid(pid);
	/*
	 * The init of a pid namespace is killed from above only.  Whoever writes
	 * may be above where the opener is not.
	 */
	if (!pid_nr_ns(pid, k->ns) || !may_signal(k, task))
		verdict = REFUSED;
	else if (ns != k->ns)
		verdict = KILL_INIT;
	else if (!(READ_ONCE(task->signal->flags) & SIGNAL_UNKILLABLE))
		verdict = KILL;
out:
	rcu_read_unlock();
	return verdict;
}

static void execute(enum verdict verdict, struct task_struct *task)
{
	struct kernel_siginfo *info = verdict == KILL_INIT ? SEND_SIG_PRIV :
							     SEND_SIG_NOINFO;

	if (verdict == KILL || verdict == KILL_INIT)
		do_send_sig_info(SIGKILL, info, task, PIDTYPE_TGID);
}

/* What the kill under way, if there is one, has in store for current. */
static enum verdict judge_forker(void)
{
	enum verdict verdict = SPARE;
	unsigned long flags;

	/* The kill is over where the mark has gone, and has been here. */
	spin_lock_irqsave(&kill_lock, flags);
	rcu_read_lock();
	if (kill_now &&
	    READ_ONCE(rcu_dereference(current->containers)->killing))
		verdict = judge(kill_now, current);
	rcu_read_unlock();
	spin_unlock_irqrestore(&kill_lock, flags);
	return verdict;
}

/**
 * container_kill_due - must a fork in a marked set not be completed?
 *
 * Context: container_fork_stale()'s.
 */
bool container_kill_due(void)
{
	enum verdict verdict = judge_forker();

	return verdict == KILL || verdict == KILL_INIT;
}

/**
 * container_kill_forker - let a kill under way have current, if it may
 *
 * Context: current's, in fork; no spinlock held.
 */
void container_kill_forker(void)
{
	execute(judge_forker(), current);
}

static void mark_sets(struct container *top, bool killing)
{
	struct container *cont;
	struct container_set *set;

	container_for_each_descendant_pre(cont, top)
		list_for_each_entry(set, &cont->sets,
				    at[cont->root->slot].node)
			WRITE_ONCE(set->killing, killing);
}

static void kill_begin(struct container_kill *k)
{
	spin_lock_irq(&kill_lock);
	kill_now = k;
	spin_unlock_irq(&kill_lock);
	mark_sets(k->top, true);

	/* Births that have not seen the marks are over after this. */
	read_lock(&tasklist_lock);
	read_unlock(&tasklist_lock);
}

static void kill_end(struct container_kill *k)
{
	mark_sets(k->top, false);
	spin_lock_irq(&kill_lock);
	kill_now = NULL;
	spin_unlock_irq(&kill_lock);
}

/* Signal all tasks below @k->top and in it.  -EPERM where some may not be. */
static int kill_subtree(struct container_kill *k)
{
	struct container_task_iter it;
	struct task_struct *task;
	struct container *cont;
	enum verdict verdict;
	int ret = 0;

	lockdep_assert_held(&container_mutex);
	kill_begin(k);
	container_for_each_descendant_pre(cont, k->top) {
		container_task_iter_start(cont, &it);
		while ((task = container_task_iter_next(&it))) {
			verdict = judge(k, task);
			execute(verdict, task);
			if (verdict == REFUSED)
				ret = -EPERM;
			cond_resched();
		}
		container_task_iter_end(&it);
	}
	kill_end(k);
	return ret;
}

static int open_kill(struct kernfs_open_file *of)
{
	struct pid_namespace *ns = task_active_pid_ns(current);

	/* A parent that has reaped its child's namespace has none to look at. */
	if (!ns)
		return -ESRCH;
	of->priv = get_pid_ns(ns);
	return 0;
}

static void release_kill(struct kernfs_open_file *of)
{
	put_pid_ns(of->priv);
}

static ssize_t write_kill(struct kernfs_open_file *of, char *buf,
			  size_t nbytes, loff_t off)
{
	struct container_kill k = { .opener = of->file, .ns = of->priv };
	u64 val;
	int ret;

	if (strlen(buf) != nbytes || container_parse_u64(strstrip(buf), &val) ||
	    val != 1)
		return -EINVAL;
	k.top = container_kn_lock(of->kn);
	if (!k.top)
		return -ENODEV;
	ret = kill_subtree(&k);
	container_kn_unlock(of->kn);
	return ret ?: nbytes;
}

const struct kernfs_ops container_kill_ops = {
	.open			= open_kill,
	.release		= release_kill,
	.write			= write_kill,
	.atomic_write_len	= MAX_KILL_TEXT,
};
