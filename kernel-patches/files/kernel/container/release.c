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
 * many CPUs the container fills and empties meanwhile.
 */
#include <linux/kmod.h>
#include <linux/slab.h>
#include <linux/umh.h>

#include "internal.h"

static LLIST_HEAD(release_list);
static void release_workfn(struct work_struct *work);
static DECLARE_DELAYED_WORK(release_work, release_workfn);

/* Tell the worker of a release that has become pending. */
static void queue_release(struct container *cont, unsigned long delay)
{
	lockdep_assert_held(&cont->lock);
	cont->release_pending = true;
	if (cont->release_queued)
		return;
	cont->release_queued = true;
	container_get(cont);
	if (llist_add(&cont->release_node, &release_list))
		queue_delayed_work(system_unbound_wq, &release_work, delay);
}

static bool is_released(struct container *cont)
{
	return cont->notify_on_release && !cont->busy && !cont->nr_children &&
	       !cont->removed;
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
	if (is_released(cont))
		queue_release(cont, 0);
}

/* One more reason why @cont is busy.  Under @cont->lock. */
void container_busy_inc_locked(struct container *cont)
{
	lockdep_assert_held(&cont->lock);
	cont->busy++;
	cont->release_pending = false;
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
 * Interrupts off.
 */
void container_busy_inc(struct container *cont)
{
	spin_lock(&cont->lock);
	container_busy_inc_locked(cont);
	spin_unlock(&cont->lock);
}

/**
 * container_busy_dec - a set of @cont has lost its last task
 * @cont: the container
 *
 * Interrupts off.
 */
void container_busy_dec(struct container *cont)
{
	spin_lock(&cont->lock);
	container_busy_dec_locked(cont);
	spin_unlock(&cont->lock);
}

/* Run the agent with the path as its argument; waits until it has started only. */
static int run_agent(char *agent, char *path)
{
	char *argv[3] = { agent, path, NULL };
	char *envp[3] = {
		"HOME=/",
		"PATH=/sbin:/bin:/usr/sbin:/usr/bin",
		NULL
	};

	return call_usermodehelper(agent, argv, envp, UMH_WAIT_EXEC);
}

/* Has the release happened, and which program is due with which argument? */
static int prepare_release(struct container *cont, char **agent, char **path)
{
	bool pending;

	spin_lock_irq(&cont->lock);
	cont->release_queued = false;
	pending = cont->release_pending && !cont->removed;
	cont->release_pending = false;
	spin_unlock_irq(&cont->lock);

	if (!pending || !cont->root->release_agent)
		return 0;
	*agent = kstrdup(cont->root->release_agent, GFP_KERNEL);
	*path = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!*agent || !*path)
		return -ENOMEM;
	return min(container_path(cont, *path, PATH_MAX), 0);
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
	int ret;

	mutex_lock(&container_mutex);
	ret = prepare_release(cont, &agent, &path);
	mutex_unlock(&container_mutex);
	if (!ret && agent)
		ret = run_agent(agent, path);

	if (ret == -ENOMEM || ret == -EAGAIN || ret == -EBUSY) {
		spin_lock_irq(&cont->lock);
		if (is_released(cont))
			queue_release(cont, HZ);
		spin_unlock_irq(&cont->lock);
	} else if (ret) {
		pr_warn_ratelimited("container: release agent %s did not start: %d\n",
				    agent, ret);
	}
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
