// SPDX-License-Identifier: GPL-2.0
/*
 * Subsystems, and references to what they keep for each container.
 */
#include <linux/slab.h>

#include "internal.h"

/* Slots fill from the front and are never emptied. */
struct container_subsys *container_subsys_by_id[MAX_SUBSYS];

/*
 * Ids of the subsystems with ->fork(), whose calls cost a lock; and odd births want to
 * be heard of by the framework itself.  Set at boot.
 */
u32 container_fork_hearers __read_mostly = CONTAINER_FORK_ODD;

/* Ids of the subsystems with ->born().  As above. */
u32 container_birth_hearers __read_mostly;

/* Ids of the subsystems with ->exit().  As above. */
u32 container_exit_hearers __read_mostly;

/* Ids of the subsystems with ->reaped(), which count the dead.  As above. */
u32 container_reap_hearers __read_mostly;

/**
 * container_subsys_by_name - find a registered subsystem
 * @name: its name
 *
 * Any context; none is registered after boot.
 */
struct container_subsys *container_subsys_by_name(const char *name)
{
	unsigned int id;

	for (id = 0; id < MAX_SUBSYS && container_subsys_by_id[id]; id++)
		if (!strcmp(container_subsys_by_id[id]->name, name))
			return container_subsys_by_id[id];
	return NULL;
}

/* The mask of all registered subsystems.  Context as above. */
unsigned long container_subsys_all(void)
{
	unsigned int id;

	for (id = 0; id < MAX_SUBSYS && container_subsys_by_id[id]; id++)
		;
	return id ? GENMASK(id - 1, 0) : 0;
}

static struct container_subsys_state *create_state(struct container_subsys *ss,
						   struct container *cont)
{
	struct container_subsys_state *css = ss->create(ss, cont);

	if (IS_ERR(css))
		return css;
	css->ss = ss;
	atomic_set(&css->refcnt, 0);
	RCU_INIT_POINTER(css->container, cont);
	cont->subsys[ss->id] = css;
	return css;
}

/**
 * container_create_states - let all subsystems of its hierarchy make their state
 * @cont: a container that is being made
 *
 * Returns 0 or the first error; what has been made goes with the last reference to
 * @cont.  Under container_mutex.
 */
int container_create_states(struct container *cont)
{
	struct container_subsys_state *css;
	struct container_subsys *ss;
	unsigned int id;

	for_each_subsys_in(ss, id, cont->root->subsys_mask) {
		css = create_state(ss, cont);
		if (IS_ERR(css))
			return PTR_ERR(css);
	}
	return 0;
}

/**
 * container_clone_states - let a new container begin with its parent's settings
 * @cont: a container that is being made, with its states
 *
 * Returns 0 or the first error.  Under container_mutex.
 */
int container_clone_states(struct container *cont)
{
	struct container_subsys *ss;
	unsigned int id;
	int ret;

	for_each_subsys_in(ss, id, cont->root->subsys_mask) {
		ret = ss->clone ? ss->clone(cont->parent->subsys[id],
					    cont->subsys[id]) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * container_drain_states - let all subsystems give back references kept for speed only
 * @cont: the container, which is about to be removed if nothing holds it
 *
 * Under container_mutex.
 */
void container_drain_states(struct container *cont)
{
	struct container_subsys *ss;
	unsigned int id;

	for_each_subsys_in(ss, id, cont->root->subsys_mask)
		if (ss->drain)
			ss->drain(cont->subsys[id]);
}

/**
 * container_remove_states - tell all subsystems that a container has been removed
 * @cont: the container, without its directory; some states may be missing if it
 *	could not be made
 *
 * Under container_mutex.
 */
void container_remove_states(struct container *cont)
{
	struct container_subsys *ss;
	unsigned int id;

	for_each_subsys_in(ss, id, cont->root->subsys_mask)
		if (ss->remove && cont->subsys[id])
			ss->remove(cont->subsys[id]);
}

/**
 * container_destroy_states - free what container_create_states() made
 * @cont: a container that nobody can reach
 *
 * May sleep.
 */
void container_destroy_states(struct container *cont)
{
	struct container_subsys_state *css;
	unsigned int id;

	for (id = 0; id < MAX_SUBSYS; id++) {
		css = cont->subsys[id];
		if (!css || css == css->ss->root_css)
			continue;
		cont->subsys[id] = NULL;
		css->ss->destroy(css);
	}
}

/**
 * container_register_subsys - make a subsystem known
 * @ss: the subsystem; stays for ever
 *
 * The subsystem begins in the dummy hierarchy with every task in its root state.
 * Only when all of that is in place does @ss->active turn true, so that whoever
 * saw it true finds a state for any task: a subsystem whose hooks run all the
 * time must not see itself half registered.
 *
 * Returns 0; -EEXIST for a name in use, -ENOSPC for more than
 * CONFIG_MAX_CONTAINER_SUBSYS, -EINVAL for a missing create or destroy or a
 * name that is empty or too long, -EBUSY for a second one with clone_flags; or what
 * create() failed with.  Boot time; may sleep.
 */
int container_register_subsys(struct container_subsys *ss)
{
	struct container_subsys_state *css;
	struct container_set *set;
	int ret;

	if (!ss->create || !ss->destroy || !ss->name || !*ss->name ||
	    strlen(ss->name) > MAX_CONTAINER_TYPE_NAMELEN)
		return -EINVAL;

	mutex_lock(&container_mutex);
	ret = -EEXIST;
	if (container_subsys_by_name(ss->name))
		goto out;
	ret = -ENOSPC;
	ss->id = hweight_long(container_subsys_all());
	if (ss->id == MAX_SUBSYS)
		goto out;
	css = create_state(ss, &container_dummy.top);
	ret = PTR_ERR_OR_ZERO(css);
	if (ret)
		goto out;
	ss->root_css = css;
	ss->root = &container_dummy;
	ret = ss->clone_flags ? container_set_cloner(ss) : 0;
	if (ret) {
		container_dummy.top.subsys[ss->id] = NULL;
		ss->destroy(css);
		goto out;
	}
	if (ss->fork)
		WRITE_ONCE(container_fork_hearers,
			   container_fork_hearers | BIT(ss->id));
	if (ss->born)
		WRITE_ONCE(container_birth_hearers,
			   container_birth_hearers | BIT(ss->id));
	if (ss->exit)
		WRITE_ONCE(container_exit_hearers,
			   container_exit_hearers | BIT(ss->id));
	if (ss->reaped)
		WRITE_ONCE(container_reap_hearers,
			   container_reap_hearers | BIT(ss->id));
	container_subsys_by_id[ss->id] = ss;
	container_dummy.subsys_mask |= BIT(ss->id);
	list_for_each_entry(set, &container_sets, all)
		WRITE_ONCE(set->subsys[ss->id], css);

	/* Pairs with container_subsys_active(). */
	smp_store_release(&ss->active, true);
	pr_info("container: subsystem %s registered\n", ss->name);
out:
	mutex_unlock(&container_mutex);
	return ret;
}

/*
 * References.  The first reference to a state makes its container busy and the
 * last one's end may free it, so those two steps are taken under the container's
 * lock; all others are one atomic operation.  The state of a root needs none.
 */
static struct container *css_container(struct container_subsys_state *css)
{
	/* constant for all but roots */
	return rcu_dereference_raw(css->container);
}

/**
 * container_css_tryget - take a reference to a state, unless its container is removed
 * @css: found under rcu_read_lock(), which is still held
 *
 * A state with a reference keeps its container from being removed.  Returns false
 * where it has been: the task that led to @css has moved since, or has exited, and
 * then that will be so for ever.  container_css_parent() leads to one that
 * can be had, at the latest the root's.  Any context that may take a spinlock: not
 * under a raw one, nor in a hard interrupt, where PREEMPT_RT makes spinlocks sleep.
 */
bool container_css_tryget(struct container_subsys_state *css)
{
	struct container *cont;
	unsigned long flags;
	bool alive;

	if (css == css->ss->root_css || atomic_inc_not_zero(&css->refcnt))
		return true;

	cont = css_container(css);
	spin_lock_irqsave(&cont->lock, flags);
	alive = !cont->removed;
	if (alive && atomic_inc_return(&css->refcnt) == 1)
		container_busy_inc_locked(cont);
	spin_unlock_irqrestore(&cont->lock, flags);
	return alive;
}

/**
 * container_css_get - take one more reference to a state
 * @css: the caller has a reference
 *
 * Any context.
 */
void container_css_get(struct container_subsys_state *css)
{
	if (css != css->ss->root_css)
		atomic_inc(&css->refcnt);
}

/**
 * container_css_put - drop a reference
 * @css: a state that container_css_tryget() or container_css_get() was successful for
 *
 * Context as for container_css_tryget().
 */
void container_css_put(struct container_subsys_state *css)
{
	struct container *cont;
	unsigned long flags;

	if (css == css->ss->root_css)
		return;
	/* Once the count is 0 rmdir may succeed and free all: RCU keeps it here. */
	rcu_read_lock();
	cont = css_container(css);
	if (atomic_dec_and_lock_irqsave(&css->refcnt, &cont->lock, flags)) {
		container_busy_dec_locked(cont);
		spin_unlock_irqrestore(&cont->lock, flags);
	}
	rcu_read_unlock();
}
