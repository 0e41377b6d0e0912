// SPDX-License-Identifier: GPL-2.0
/*
 * Containers made by the kernel for a task: with container_clone() for one that is
 * there, with clone(2) for one that is being made.
 *
 * Such a container is made in the hierarchy of a subsystem, below the container that
 * the task, or the parent of the new one, is in.  Its name is the task's number in
 * the initial pid namespace, it begins with its parent's settings, and it goes by
 * itself.  Its directory shows when the task is in it, and not before: until then
 * nobody can enter it or remove it, and a failure can always take it away again.
 *
 * A child is born in its container.  The container must be there before fork charges
 * the child, and a fork may have to begin anew, or fail, after that; so the container
 * is kept busy, and populated, until container_post_fork() or
 * container_cancel_fork().  That it counts as populated from the beginning keeps the
 * child's arrival from being the first: see events.c.  The clone that failed
 * takes container_mutex once more, and removes it; so does one whose parent has been
 * moved meanwhile, and then clone(2) begins anew, as if a signal had come in between.  The
 * namespaces that it has made go meanwhile, some of them later than that: where a limit
 * of namespaces has just been reached it can fail with ENOSPC.
 *
 * Fork has no time to look whether it is one of these.  Those and the forks of idle
 * tasks, which belong nowhere either, are marked as odd where that is known anyway,
 * and what they need is done in places of their own.
 */
#include <linux/cred.h>
#include <linux/init_task.h>
#include <linux/sched/task.h>

#include "internal.h"

/* The subsystem with ->clone_flags, or NULL.  Set at boot. */
static struct container_subsys *cloner;

/**
 * container_set_cloner - remember a subsystem whose tasks get containers of their own
 * @ss: the subsystem, which is being registered, with its root's state; has
 *	->clone_flags
 *
 * Returns -EBUSY where there is one already.  Under container_mutex.
 */
int container_set_cloner(struct container_subsys *ss)
{
	if (cloner)
		return -EBUSY;
	cloner = ss;
	return 0;
}

/* Keep a container that awaits its first task as that would. */
static void hold(struct container *cont)
{
	bool changed;

	container_get(cont);
	spin_lock_irq(&cont->lock);
	container_busy_inc_locked(cont);
	changed = container_events_count(cont, 1);
	spin_unlock_irq(&cont->lock);
	if (changed)
		container_events_changed(cont, 1);
}

static void unhold(struct container *cont)
{
	bool changed;

	spin_lock_irq(&cont->lock);
	container_busy_dec_locked(cont);
	changed = container_events_count(cont, -1);
	spin_unlock_irq(&cont->lock);
	if (changed)
		container_events_changed(cont, -1);
	container_put(cont);
}

/*
 * Take a container away that has never shown.  If nobody has its hierarchy mounted,
 * that may end with it.  Where a subsystem has found a state of it and refers to
 * that, the container goes with the last such reference.
 */
static void withdraw(struct container *cont)
{
	struct containerfs_root *root = cont->root;

	container_get(&root->top);
	unhold(cont);
	if (container_remove(cont)) {
		spin_lock_irq(&cont->lock);
		WRITE_ONCE(cont->notify_on_release, false);
		WRITE_ONCE(cont->auto_delete, true);
		container_check_release(cont);
		spin_unlock_irq(&cont->lock);
	}
	containerfs_root_check(root);
	container_put(&root->top);
}

/* The task is in its container: let everybody see that.  Without container_mutex. */
static void present(struct container *cont, struct task_struct *task,
		    struct container_subsys *ss)
{
	if (ss->made_for)
		ss->made_for(cont->subsys[ss->id], task);
	spin_lock_irq(&cont->lock);
	WRITE_ONCE(cont->auto_delete, true);
	spin_unlock_irq(&cont->lock);
	container_show(cont);
	unhold(cont);
}

/* Is it to make a container for tasks with these new namespaces? */
static bool clones(struct container_subsys *ss, u64 flags)
{
	/* One that is being mounted may be missed, as if it came a moment later. */
	return ss && (flags & ss->clone_flags) &&
	       READ_ONCE(ss->root) != &container_dummy;
}

/* Where a task is in the hierarchy of a subsystem. */
static struct container *place_of(struct task_struct *task,
				  struct container_subsys *ss)
{
	struct container_set *set = task_set_get(task);
	struct container *cont = container_set_container(set, ss->root);

	container_set_put(set);
	return cont;
}

/*
 * Make a child of @parent, with its settings, held, and with no directory that shows
 * yet.  It belongs to root: its owner could let it stay behind, for everybody whose number
 * is its name to fail, and undo what limits are set there.  container_mutex is
 * dropped meanwhile.
 */
static struct container *make_child(struct container *parent, pid_t pid)
{
	struct containerfs_root *root = parent->root;
	const struct cred *cred;
	struct container *cont;
	char name[16];

	snprintf(name, sizeof(name), "%d", pid);
	container_get(parent);
	container_keep(parent);
	cred = override_creds(&init_cred);
	cont = container_create(parent, name, 0755, true);
	revert_creds(cred);
	container_unkeep(parent);
	if (IS_ERR(cont))
		containerfs_root_check(root);
	else
		hold(cont);
	container_put(parent);
	return cont;
}

/*
 * Make a child of where @task is.  It may be moved while container_mutex is dropped,
 * or its hierarchy may end: then begin anew.  Returns NULL where @ss is in no mounted
 * hierarchy.
 */
static struct container *make_child_for(struct task_struct *task, pid_t pid,
					struct container_subsys *ss)
{
	struct container *cont;

	while (ss->root != &container_dummy) {
		cont = make_child(place_of(task, ss), pid);
		if (IS_ERR(cont) || cont->parent == place_of(task, ss))
			return cont;
		withdraw(cont);
		cond_resched();
	}
	return NULL;
}

/**
 * container_clone - make a child of a task's container, and move the task there
 * @task: pinned by the caller
 * @ss: the subsystem in whose hierarchy that is to happen
 *
 * Returns 0, also where @ss is in no mounted hierarchy and there is nothing to do.
 * Otherwise nothing has changed: -EINTR for a fatal signal, -EEXIST where the name
 * is taken, -EAGAIN where there may be no more containers, -ENOMEM, or what a
 * subsystem refused with.  May sleep.
 */
int container_clone(struct task_struct *task, struct container_subsys *ss)
{
	struct container *cont;
	int ret;

	if (mutex_lock_killable(&container_mutex))
		return -EINTR;
	cont = make_child_for(task, task_pid_nr(task), ss);
	ret = PTR_ERR_OR_ZERO(cont);
	if (cont && !ret) {
		ret = container_attach(cont, task, false, NULL);
		if (ret)
			withdraw(cont);
	}
	mutex_unlock(&container_mutex);
	if (cont && !ret)
		present(cont, task, ss);
	return ret;
}

int __container_unshare(unsigned long flags)
{
	struct container_subsys *ss = cloner;

	return clones(ss, flags) ? container_clone(current, ss) : 0;
}

/**
 * container_clone_begin - the set in which a child is to be born
 * @child: marked as odd; has its number
 * @clone_flags: what the fork was asked for
 * @made: takes the new container, or NULL where there is none
 *
 * Returns its parent's set, or one that differs from it by the new container, with a
 * reference.  Or an ERR_PTR: those of container_clone().  May sleep.  Undone by
 * container_clone_cancel().
 */
struct container_set *container_clone_begin(struct task_struct *child,
					    u64 clone_flags,
					    struct container **made)
{
	struct container_subsys *ss = cloner;
	struct container_set *from, *set;
	struct container *cont;
	int ret;

	*made = NULL;
	if (!clones(ss, clone_flags))
		return task_set_get(current);
	if (mutex_lock_killable(&container_mutex))
		return ERR_PTR(-EINTR);
	cont = make_child_for(current, child->pid, ss);
	if (IS_ERR(cont)) {
		set = ERR_CAST(cont);
		goto out;
	}
	from = task_set_get(current);
	if (!cont) {
		set = from;
		goto out;
	}
	/* The parent stands for the child, which is not there yet. */
	ret = container_may_attach(cont, current, NULL);
	set = ret ? ERR_PTR(ret) : container_set_find(from, cont);
	container_set_put(from);
	if (!set)
		set = ERR_PTR(-ENOMEM);
	if (IS_ERR(set))
		withdraw(cont);
	else
		*made = cont;
out:
	mutex_unlock(&container_mutex);
	return set;
}

/**
 * container_clone_made - the container that has been made for a child
 * @set: where it is to be born, by container_clone_begin()
 *
 * Any context: the container keeps its subsystem where it is.
 */
struct container *container_clone_made(struct container_set *set)
{
	return set->at[cloner->root->slot].container;
}

/**
 * container_clone_stale - has the parent of a child with its own container moved?
 * @born: where the child is to be born, by container_clone_begin()
 * @now: where its parent is
 *
 * The parent's set must still be the one that the child's was made from: the same
 * but for the container, which is a child of its parent's.  A mount that is under
 * way may have changed only one of the two as yet, and is taken for a move: that
 * costs one more turn.  Context: container_fork_stale()'s.
 */
bool container_clone_stale(struct container_set *born,
			   struct container_set *now)
{
	struct container *cont = container_clone_made(born);
	struct container *at;
	unsigned int i;

	for (i = 0; i < MAX_HIERARCHIES; i++) {
		at = READ_ONCE(born->at[i].container);
		if (at == cont)
			at = cont->parent;
		if (at != READ_ONCE(now->at[i].container))
			return true;
	}
	return false;
}

/**
 * container_clone_end - a task is in the container that was made for it
 * @cont: the container
 * @task: pinned by the caller
 *
 * Lets everybody see the container.  May sleep.
 */
void container_clone_end(struct container *cont, struct task_struct *task)
{
	present(cont, task, cloner);
}

/**
 * container_clone_cancel - undo container_clone_begin()
 * @cont: the container that was made; the reference to the set is gone
 *
 * May sleep.
 */
void container_clone_cancel(struct container *cont)
{
	mutex_lock(&container_mutex);
	withdraw(cont);
	mutex_unlock(&container_mutex);
}
