// SPDX-License-Identifier: GPL-2.0
/*
 * What keeps a container, and what happens when nothing does any more.
 *
 * A container is busy while a set that has tasks, or a state that is referenced,
 * belongs to it.  ->busy counts those, not the tasks: so it is touched only when
 * a set gets its first task or loses its last.
 *
 * Each time a container with notify_on_release set comes to have neither business
 * nor children, its release becomes pending, and a worker is told; becoming busy
 * or a parent again takes the release back.  All of that is decided under the
 * container's lock, and the worker takes the pending mark away under the same
 * lock, so that each release is seen exactly once, however often and on however
 * many CPUs the container fills and empties meanwhile.  An agent that is about to start
 * is taken back in the same way: if the container has been filled and emptied
 * since, there is another release, with an agent of its own.
 *
 * A container with auto_delete set is removed at that moment, by another worker,
 * which no agent can hold up.  Where both are set the agent comes first: while a
 * release is pending, or its agent about to start, nothing is removed, and the
 * container is given to the other worker after that.  That one looks under
 * container_mutex whether the container is empty now and removes it as rmdir does.
 * Whether it has been filled and emptied in between makes no difference, but whether
 * auto_delete was set when it fell empty does: who sets it while either worker is on
 * its way, or turns it off and on again, finds the container where it was.
 *
 * kernel-patches/models/release.pml has a model of all this.
 */
#include <linux/kmod.h>
#include <linux/slab.h>
#include <linux/umh.h>

#include "internal.h"

static LLIST_HEAD(release_list);
static void release_workfn(struct work_struct *work);
static DECLARE_DELAYED_WORK(release_work, release_workfn);

static LLIST_HEAD(delete_list);
static void delete_workfn(struct work_struct *work);
static DECLARE_WORK(delete_work, delete_workfn);

/* Tell the worker of a release that has become pending. */
static void queue_release(struct container *cont, unsigned long delay)
{
	lockdep_assert_held(&cont->lock);
	cont->release_pending = true;
	if (cont->release_queued)
		return;
	cont->release_queued = true;
	container_get(cont);
	/* Those that are to be looked at later do not hold up the others. */
	if (llist_add(&cont->release_node, &release_list))
		queue_delayed_work(system_unbound_wq, &release_work, delay);
	else if (!delay)
		mod_delayed_work(system_unbound_wq, &release_work, 0);
}

/* Give the container to the worker that removes what is empty. */
static void queue_delete(struct container *cont)
{
	lockdep_assert_held(&cont->lock);
	if (cont->delete_queued)
		return;
	cont->delete_queued = true;
	container_get(cont);
	if (llist_add(&cont->delete_node, &delete_list))
		queue_work(system_unbound_wq, &delete_work);
}

static bool is_empty(struct container *cont)
{
	return !cont->busy && !cont->nr_children && !cont->removed;
}

/**
 * container_check_release - has the container nothing left?
 * @cont: it has just lost a child, a state's last reference, or a set's last task
 *
 * Under @cont->lock.
 */
void container_check_release(struct container *cont)
{
	lockdep_assert_held(&cont->lock);
	if (!is_empty(cont))
		return;
	cont->delete_due = cont->auto_delete;
	if (cont->notify_on_release)
		queue_release(cont, 0);
	else if (cont->delete_due)
		queue_delete(cont);
}

/**
 * container_keep - let a container and its hierarchy stay while a child is being made
 * @cont: the container, not removed
 *
 * Whether it is empty is another matter: that is for the release agent to know.  Under
 * container_mutex.
 */
void container_keep(struct container *cont)
{
	lockdep_assert_held(&container_mutex);
	cont->root->users++;
	spin_lock_irq(&cont->lock);
	cont->kept++;
	spin_unlock_irq(&cont->lock);
}

/**
 * container_unkeep - undo container_keep()
 * @cont: the container
 *
 * Under container_mutex.  Unless its hierarchy has another user or a container,
 * containerfs_root_check() is due.
 */
void container_unkeep(struct container *cont)
{
	lockdep_assert_held(&container_mutex);
	cont->root->users--;
	spin_lock_irq(&cont->lock);
	if (!--cont->kept && cont->delete_missed) {
		cont->delete_missed = false;
		if (is_empty(cont) && cont->delete_due)
			queue_delete(cont);
	}
	spin_unlock_irq(&cont->lock);
}

/**
 * container_take_back_release - the container has come back to life, or wants no agent
 * @cont: the container
 *
 * No agent starts that has not started yet.  Under @cont->lock.
 */
void container_take_back_release(struct container *cont)
{
	lockdep_assert_held(&cont->lock);
	cont->release_pending = false;
	cont->agent_starting = false;
}

/* One more reason why @cont is busy.  Under @cont->lock. */
void container_busy_inc_locked(struct container *cont)
{
	lockdep_assert_held(&cont->lock);
	cont->busy++;
	container_take_back_release(cont);
}

/* One reason less.  Under @cont->lock. */
void container_busy_dec_locked(struct container *cont)
{
	lockdep_assert_held(&cont->lock);
	WARN_ON_ONCE(!cont->busy);
	if (!--cont->busy)
		container_check_release(cont);
}

/**
 * container_busy_inc - a set of @cont has its first task
 * @cont: the container
 *
 * Under that set's lock.
 */
void container_busy_inc(struct container *cont)
{
	bool changed;

	spin_lock(&cont->lock);
	container_busy_inc_locked(cont);
	changed = container_events_count(cont, 1);
	spin_unlock(&cont->lock);
	if (changed)
		container_events_changed(cont, 1);
}

/**
 * container_busy_dec - a set of @cont has lost its last task
 * @cont: the container
 *
 * Under that set's lock.
 */
void container_busy_dec(struct container *cont)
{
	bool changed;

	spin_lock(&cont->lock);
	container_busy_dec_locked(cont);
	changed = container_events_count(cont, -1);
	spin_unlock(&cont->lock);
	if (changed)
		container_events_changed(cont, -1);
}

/* In the process that is to be the agent, at the last moment. */
static int agent_init(struct subprocess_info *info, struct cred *cred)
{
	struct container *cont = info->data;
	bool due;

	spin_lock_irq(&cont->lock);
	due = cont->agent_starting && is_empty(cont);
	spin_unlock_irq(&cont->lock);
	return due ? 0 : -ECANCELED;
}

/*
 * Run the agent with the path as its argument; waits until it has started only.
 * Returns -ECANCELED where the container has come back before.
 */
static int run_agent(char *agent, char *path, struct container *cont)
{
	struct subprocess_info *info;
	char *argv[3] = { agent, path, NULL };
	char *envp[3] = {
		"HOME=/",
		"PATH=/sbin:/bin:/usr/sbin:/usr/bin",
		NULL
	};

	info = call_usermodehelper_setup(agent, argv, envp, GFP_KERNEL,
					 agent_init, NULL, cont);
	return info ? call_usermodehelper_exec(info, UMH_WAIT_EXEC) : -ENOMEM;
}

/* Has the release happened, and which program is due with which argument? */
static int prepare_release(struct container *cont, char **agent, char **path)
{
	bool pending;

	spin_lock_irq(&cont->lock);
	cont->release_queued = false;
	pending = cont->release_pending && !cont->removed;
	cont->release_pending = false;
	cont->agent_starting = pending;
	spin_unlock_irq(&cont->lock);

	if (!pending || !cont->root->release_agent)
		return 0;
	*agent = kstrdup(cont->root->release_agent, GFP_KERNEL);
	*path = kmalloc(CONTAINER_PATH_LEN, GFP_KERNEL);
	if (!*agent || !*path)
		return -ENOMEM;
	return min(container_path(cont, *path, CONTAINER_PATH_LEN), 0);
}

/*
 * Handle one container's release.  What the agent is told is settled under the
 * mutex, so the path is that of the moment; the agent is started with no lock
 * held.  Where there was no memory or no process to be had, or the machine is
 * about to sleep, the container is looked at again a second later.
 */
static void settle_release(struct container *cont)
{
	char *agent = NULL, *path = NULL;
	bool again;
	int ret;

	mutex_lock(&container_mutex);
	ret = prepare_release(cont, &agent, &path);
	mutex_unlock(&container_mutex);
	if (!ret && agent)
		ret = run_agent(agent, path, cont);

	spin_lock_irq(&cont->lock);
	cont->agent_starting = false;
	again = (ret == -ENOMEM || ret == -EAGAIN || ret == -EBUSY) &&
		cont->notify_on_release;
	if (is_empty(cont) && again)
		queue_release(cont, HZ);
	else if (is_empty(cont) && cont->delete_due && !cont->release_pending)
		queue_delete(cont);
	spin_unlock_irq(&cont->lock);

	if (ret && ret != -ECANCELED && !again)
		pr_warn_ratelimited("container: release agent %s did not start: %d\n",
				    agent, ret);
	kfree(path);
	kfree(agent);
	container_put(cont);
}

static void release_workfn(struct work_struct *work)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&release_list));
	struct container *cont, *next;

	llist_for_each_entry_safe(cont, next, list, release_node)
		settle_release(cont);
}

/*
 * Remove a container that has fallen empty, unless it is so no longer, or its agent
 * is to be told before.  Where nobody has its hierarchy mounted, nobody will unmount
 * it: the hierarchy may end with the container.
 */
static void settle_delete(struct container *cont)
{
	bool due;

	mutex_lock(&container_mutex);
	spin_lock_irq(&cont->lock);
	cont->delete_queued = false;
	due = cont->delete_due && is_empty(cont) && !cont->release_pending &&
	      !cont->agent_starting;
	/* Whoever keeps it will look again. */
	if (due && cont->kept) {
		cont->delete_missed = true;
		due = false;
	}
	spin_unlock_irq(&cont->lock);
	if (due && !container_remove(cont))
		containerfs_root_check(cont->root);
	mutex_unlock(&container_mutex);
	container_put(cont);
}

static void delete_workfn(struct work_struct *work)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&delete_list));
	struct container *cont, *next;

	llist_for_each_entry_safe(cont, next, list, delete_node) {
		settle_delete(cont);
		cond_resched();
	}
}
