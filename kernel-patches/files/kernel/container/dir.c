// SPDX-License-Identifier: GPL-2.0
/*
 * Containers as directories: their life from mkdir to the last reference, and
 * walks over trees of them.
 */
#include <linux/cred.h>
#include <linux/slab.h>

#include "internal.h"

/**
 * container_init - prepare a new container
 * @cont: zeroed
 * @root: its hierarchy
 * @parent: the container above, which is pinned; NULL for a top
 */
void container_init(struct container *cont, struct containerfs_root *root,
		    struct container *parent)
{
	cont->root = root;
	cont->parent = parent;
	refcount_set(&cont->refs, 1);
	INIT_LIST_HEAD(&cont->children);
	INIT_LIST_HEAD(&cont->sibling);
	cont->max_descendants = UINT_MAX;
	spin_lock_init(&cont->lock);
	INIT_LIST_HEAD(&cont->sets);
	if (parent) {
		container_get(parent);
		cont->depth = parent->depth + 1;
		cont->notify_on_release = READ_ONCE(parent->notify_on_release);
		cont->clone_children = READ_ONCE(parent->clone_children);
	}
}

/* Free what nobody can reach.  The top stands for the whole hierarchy. */
static void container_free_now(struct container *cont)
{
	struct containerfs_root *root = cont->root;
	struct container *parent = cont->parent;

	container_destroy_states(cont);
	/* kernfs does not mind NULL */
	kernfs_put(cont->events);
	kernfs_put(cont->kn);
	if (parent) {
		kfree(cont);
		container_put(parent);
	} else {
		kfree(root->release_agent);
		kfree(root);
	}
}

static void free_workfn(struct work_struct *work)
{
	container_free_now(container_of(to_rcu_work(work), struct container,
					free_work));
}

/* Keep a container's memory.  The caller has a reference, or the mutex. */
void container_get(struct container *cont)
{
	refcount_inc(&cont->refs);
}

/**
 * container_put - drop a reference to a container's memory
 * @cont: the container
 *
 * It is freed a grace period later: until then RCU readers may still come by.
 * Any context but an NMI's.
 */
void container_put(struct container *cont)
{
	if (!refcount_dec_and_test(&cont->refs))
		return;
	INIT_RCU_WORK(&cont->free_work, free_workfn);
	queue_rcu_work(system_unbound_wq, &cont->free_work);
}

static struct container *kn_container(struct kernfs_node *kn)
{
	return kernfs_type(kn) == KERNFS_DIR ? kn->priv : kn->parent->priv;
}

/**
 * container_kn_lock - take container_mutex in a file or directory operation
 * @kn: the node, with the active reference that kernfs took for the operation
 *
 * The removal of a node waits for its active references, at a hierarchy's end under
 * container_mutex: ours is given back first.  Returns the container, or NULL, with the mutex not
 * taken, where it has been removed meanwhile.
 */
struct container *container_kn_lock(struct kernfs_node *kn)
{
	struct container *cont = kn_container(kn);

	container_get(cont);
	kernfs_break_active_protection(kn);
	mutex_lock(&container_mutex);
	if (!cont->removed)
		return cont;
	container_kn_unlock(kn);
	return NULL;
}

/* The half of container_kn_unlock() that is not the mutex. */
static void container_kn_put(struct kernfs_node *kn)
{
	kernfs_unbreak_active_protection(kn);
	container_put(kn_container(kn));
}

/**
 * container_kn_unlock - undo container_kn_lock()
 * @kn: the same node
 */
void container_kn_unlock(struct kernfs_node *kn)
{
	mutex_unlock(&container_mutex);
	container_kn_put(kn);
}

/**
 * container_path - the path of a container in its hierarchy
 * @cont: pinned by the caller; not the dummy's
 * @buf: takes the path, "/" for the top
 * @len: the buffer's size
 *
 * Returns the path's length, or -ENAMETOOLONG where it does not fit: a path cut
 * short is that of another container.  Any context that may take a spinlock.
 */
int container_path(struct container *cont, char *buf, size_t len)
{
	int ret = kernfs_path(cont->kn, buf, len);

	/* kernfs says how much it wrote: the same where all fits to the last byte */
	return ret >= 0 && ret + 1 >= len ? -ENAMETOOLONG : ret;
}

/*
 * A container is made in three steps, all or nothing.  The directory shows at the end,
 * when everything is in it.  It is made without container_mutex, as kernfs may have to
 * wait for somebody who reads another one.
 */

/* First step: the container with its states, which nobody finds yet. */
static struct container *create_container(struct container *parent)
{
	struct container *cont;
	int ret;

	if (parent->depth == MAX_CONTAINER_DEPTH)
		return ERR_PTR(-EAGAIN);
	cont = kzalloc(sizeof(*cont), GFP_KERNEL_ACCOUNT);
	if (!cont)
		return ERR_PTR(-ENOMEM);
	container_init(cont, parent->root, parent);
	cont->removed = true;	/* until nothing can fail: no references */

	ret = container_create_states(cont);
	if (ret) {
		container_remove_states(cont);
		container_put(cont);
		return ERR_PTR(ret);
	}
	return cont;
}

/* Second step: its directory, invisible as yet, with its files. */
static int create_dir(struct container *cont, const char *name, umode_t mode)
{
	struct kernfs_node *kn;

	kn = kernfs_create_dir_ns(cont->parent->kn, name, mode,
				  current_fsuid(), current_fsgid(), cont, NULL);
	if (IS_ERR(kn))
		return PTR_ERR(kn);
	kernfs_get(kn);		/* container_free_now() drops it */
	cont->kn = kn;
	return container_populate(cont);
}

/* May there be one container more below @cont? */
static bool may_have_descendant(const struct container *cont)
{
	for (; cont; cont = cont->parent)
		if (cont->nr_descendants >= cont->max_descendants)
			return false;
	return true;
}

static void count_descendant(struct container *cont, int by)
{
	while ((cont = cont->parent))
		WRITE_ONCE(cont->nr_descendants, cont->nr_descendants + by);
}

/*
 * Third step: put it on its parent's list, for walks to find, and let it begin with its
 * parent's settings if it is to.
 */
static int link_child(struct container *cont, bool clone)
{
	struct container *parent = cont->parent;
	int ret = 0;

	if (!may_have_descendant(parent))
		return -EAGAIN;
	list_add_tail_rcu(&cont->sibling, &parent->children);
	if (clone)
		ret = container_clone_states(cont);
	if (ret) {
		list_del_rcu(&cont->sibling);
		return ret;
	}

	spin_lock_irq(&cont->lock);
	WRITE_ONCE(cont->removed, false);
	spin_unlock_irq(&cont->lock);
	count_descendant(cont, 1);
	spin_lock_irq(&parent->lock);
	parent->nr_children++;
	container_take_back_release(parent);
	spin_unlock_irq(&parent->lock);
	return 0;
}

/* The parent has one child less, and may have nothing left. */
static void uncount_child(struct container *cont)
{
	struct container *parent = cont->parent;

	count_descendant(cont, -1);
	spin_lock_irq(&parent->lock);
	parent->nr_children--;
	container_check_release(parent);
	spin_unlock_irq(&parent->lock);
}

/**
 * container_create - make a container
 * @parent: the one above, which container_keep() keeps
 * @name: the directory's
 * @mode: the directory's
 * @clone: is it to begin with its parent's settings?
 *
 * Returns the container, which is complete, but whose directory does not show before
 * container_show().  Or an ERR_PTR, and nothing is left of it.  Under
 * container_mutex, which is dropped meanwhile.
 */
struct container *container_create(struct container *parent, const char *name,
				   umode_t mode, bool clone)
{
	struct container *cont;
	int ret;

	lockdep_assert_held(&container_mutex);
	cont = create_container(parent);
	if (IS_ERR(cont))
		return cont;
	mutex_unlock(&container_mutex);
	ret = create_dir(cont, name, mode);
	mutex_lock(&container_mutex);
	if (!ret)
		ret = link_child(cont, clone);
	if (!ret)
		return cont;

	container_remove_states(cont);
	mutex_unlock(&container_mutex);
	kernfs_remove(cont->kn);
	container_put(cont);
	mutex_lock(&container_mutex);
	return ERR_PTR(ret);
}

/**
 * container_show - let everybody see a new container
 * @cont: made by container_create(); pinned by the caller
 *
 * May sleep; not under container_mutex.
 */
void container_show(struct container *cont)
{
	/* Before that nobody could wait for an event. */
	cont->events = kernfs_find_and_get(cont->kn, "events");
	kernfs_activate(cont->kn);
}

/* kernfs takes any name. */
static int check_name(const char *name)
{
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	/* /proc/PID/container gives each path a line. */
	if (strchr(name, '\n'))
		return -EINVAL;
	return 0;
}

static int container_mkdir(struct kernfs_node *parent_kn, const char *name,
			   umode_t mode)
{
	struct container *parent, *cont;
	int ret;

	ret = check_name(name);
	if (ret)
		return ret;
	parent = container_kn_lock(parent_kn);
	if (!parent)
		return -ENODEV;
	container_keep(parent);
	cont = container_create(parent, name, mode,
				READ_ONCE(parent->clone_children));
	container_unkeep(parent);
	mutex_unlock(&container_mutex);
	if (!IS_ERR(cont))
		container_show(cont);
	container_kn_put(parent_kn);
	return PTR_ERR_OR_ZERO(cont);
}

/*
 * Decide that a container is removed, if it has nothing left.  Once ->removed is set
 * no task and no reference comes: tasks come by moves, which hold container_mutex,
 * and by fork from a parent that is here; references look at ->removed under the lock.
 */
static int mark_removed(struct container *cont)
{
	bool busy;

	container_drain_states(cont);
	spin_lock_irq(&cont->lock);
	busy = cont->busy || cont->nr_children || cont->kept;
	if (!busy) {
		WRITE_ONCE(cont->removed, true);
		cont->release_pending = false;
	}
	spin_unlock_irq(&cont->lock);
	if (busy)
		return -EBUSY;
	container_sets_kill(cont);
	list_del_rcu(&cont->sibling);
	return 0;
}

/**
 * container_remove - remove a container that has nothing left
 * @cont: pinned by the caller, not removed
 *
 * The directory goes without container_mutex, which is dropped and taken again: that
 * waits for handlers of its files, whose callers may be in no hurry.  Until it has gone
 * the parent still counts this child, and so cannot be removed before it.
 *
 * Returns 0, or -EBUSY with nothing done.  Under container_mutex.
 */
int container_remove(struct container *cont)
{
	int ret;

	lockdep_assert_held(&container_mutex);
	ret = mark_removed(cont);
	if (ret)
		return ret;
	mutex_unlock(&container_mutex);
	kernfs_remove(cont->kn);
	/* Who waits for an event must not do so for ever. */
	container_events_tell(cont);
	mutex_lock(&container_mutex);

	container_remove_states(cont);
	uncount_child(cont);
	container_sets_reap();
	container_put(cont);
	return 0;
}

static int container_rmdir(struct kernfs_node *kn)
{
	struct container *cont = container_kn_lock(kn);
	int ret;

	if (!cont)
		return -ENOENT;
	ret = container_remove(cont);
	container_kn_unlock(kn);
	return ret;
}

static int container_rename(struct kernfs_node *kn,
			    struct kernfs_node *new_parent,
			    const char *new_name)
{
	struct containerfs_root *root;
	struct container *cont;
	int ret;

	if (kernfs_type(kn) != KERNFS_DIR)
		return -EPERM;
	if (kn->parent != new_parent)
		return -EIO;
	ret = check_name(new_name);
	if (ret)
		return ret;

	cont = container_kn_lock(kn);
	if (!cont)
		return -ENOENT;
	/*
	 * kernfs frees the old name at once, and readdir holds on to names by the lock of
	 * the directory's inode alone: the other superblock has one of its own.
	 */
	root = cont->root;
	ret = -EBUSY;
	if (!rcu_access_pointer(root->sb[0]) || !rcu_access_pointer(root->sb[1]))
		ret = kernfs_rename_ns(kn, new_parent, new_name, NULL);
	container_kn_unlock(kn);
	return ret;
}

struct kernfs_syscall_ops containerfs_syscall_ops = {
	.show_options	= containerfs_show_options,
	.mkdir		= container_mkdir,
	.rmdir		= container_rmdir,
	.rename		= container_rename,
};

static struct container *next_sibling(struct container *pos)
{
	return list_next_or_null_rcu(&pos->parent->children, &pos->sibling,
				     struct container, sibling);
}

static struct container *leftmost_leaf(struct container *pos)
{
	struct container *child;

	while ((child = list_first_or_null_rcu(&pos->children, struct container,
					       sibling)))
		pos = child;
	return pos;
}

/* The step of container_for_each_descendant_pre(). */
struct container *container_next_pre(struct container *pos,
				     struct container *top)
{
	struct container *next;

	next = list_first_or_null_rcu(&pos->children, struct container,
				      sibling);
	while (!next && pos != top) {
		next = next_sibling(pos);
		pos = pos->parent;
	}
	return next;
}

/* The step of container_for_each_descendant_post(). */
struct container *container_next_post(struct container *pos,
				      struct container *top)
{
	struct container *next;

	if (!pos)
		return leftmost_leaf(top);
	if (pos == top)
		return NULL;
	next = next_sibling(pos);
	return next ? leftmost_leaf(next) : pos->parent;
}
