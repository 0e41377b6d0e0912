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
	if (cont->kn)
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
 * Any context.
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
 * The removal of a node waits, under container_mutex, for its active references:
 * ours is given back first.  Returns the container, or NULL, with the mutex not
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

/**
 * container_kn_unlock - undo container_kn_lock()
 * @kn: the same node
 */
void container_kn_unlock(struct kernfs_node *kn)
{
	struct container *cont = kn_container(kn);

	mutex_unlock(&container_mutex);
	kernfs_unbreak_active_protection(kn);
	container_put(cont);
}

/**
 * container_path - the path of a container in its hierarchy
 * @cont: pinned by the caller; not the dummy's
 * @buf: takes the path, "/" for the top
 * @len: the buffer's size
 *
 * Returns the path's length, or -ENAMETOOLONG where it does not fit: a path cut
 * short is that of another container.  Any context.
 */
int container_path(struct container *cont, char *buf, size_t len)
{
	int ret = kernfs_path(cont->kn, buf, len);

	/* kernfs says how much it wrote, never how much it would have */
	return ret >= 0 && ret + 1 >= len ? -ENAMETOOLONG : ret;
}

/* Make the directory of a new container, invisible as yet, with its files. */
static int create_dir(struct container *cont, const char *name, umode_t mode)
{
	struct kernfs_node *kn;
	int ret;

	kn = kernfs_create_dir_ns(cont->parent->kn, name, mode,
				  current_fsuid(), current_fsgid(), cont, NULL);
	if (IS_ERR(kn))
		return PTR_ERR(kn);
	kernfs_get(kn);		/* container_free_now() drops it */
	cont->kn = kn;

	ret = container_populate(cont);
	if (ret)
		kernfs_remove(kn);
	return ret;
}

/* Count in a child that is complete. */
static void count_child(struct container *cont)
{
	struct container *parent = cont->parent;

	cont->root->nr_containers++;
	spin_lock_irq(&parent->lock);
	parent->nr_children++;
	parent->release_pending = false;
	spin_unlock_irq(&parent->lock);
}

static void unlink_child(struct container *cont)
{
	struct container *parent = cont->parent;

	list_del_rcu(&cont->sibling);
	cont->root->nr_containers--;
	spin_lock_irq(&parent->lock);
	parent->nr_children--;
	container_check_release(parent);
	spin_unlock_irq(&parent->lock);
}

/*
 * Put the new container on its parent's list, for walks to find, and let it begin
 * with its parent's settings where those are wanted.
 */
static int link_child(struct container *cont)
{
	int ret;

	list_add_tail_rcu(&cont->sibling, &cont->parent->children);
	ret = cont->clone_children ? container_clone_states(cont) : 0;
	if (ret) {
		list_del_rcu(&cont->sibling);
		kernfs_remove(cont->kn);
	}
	return ret;
}

/* All or nothing: the directory shows when everything is in it. */
static int container_create(struct container *parent, const char *name,
			    umode_t mode)
{
	struct container *cont;
	int ret;

	if (parent->depth == MAX_CONTAINER_DEPTH)
		return -ELOOP;
	cont = kzalloc(sizeof(*cont), GFP_KERNEL_ACCOUNT);
	if (!cont)
		return -ENOMEM;
	container_init(cont, parent->root, parent);

	ret = container_create_states(cont);
	if (!ret)
		ret = create_dir(cont, name, mode);
	if (!ret)
		ret = link_child(cont);
	if (ret) {
		container_remove_states(cont);
		container_put(cont);
		return ret;
	}
	count_child(cont);
	kernfs_activate(cont->kn);
	return 0;
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
	struct container *parent;
	int ret;

	ret = check_name(name);
	if (ret)
		return ret;
	parent = container_kn_lock(parent_kn);
	if (!parent)
		return -ENODEV;
	ret = container_create(parent, name, mode);
	container_kn_unlock(parent_kn);
	return ret;
}

/*
 * Remove a container that has nothing left.  Once ->removed is set no task and
 * no reference comes: tasks come by moves, which hold container_mutex, and by
 * fork from a parent that is here; references look at ->removed under the lock.
 */
static int container_remove(struct container *cont)
{
	bool busy;

	spin_lock_irq(&cont->lock);
	busy = cont->busy || cont->nr_children;
	if (!busy) {
		cont->removed = true;
		cont->release_pending = false;
	}
	spin_unlock_irq(&cont->lock);
	if (busy)
		return -EBUSY;

	container_sets_kill(cont);
	unlink_child(cont);
	kernfs_remove(cont->kn);
	container_remove_states(cont);
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
	int ret;

	if (kernfs_type(kn) != KERNFS_DIR)
		return -EPERM;
	if (kn->parent != new_parent)
		return -EIO;
	ret = check_name(new_name);
	if (ret)
		return ret;

	kernfs_break_active_protection(new_parent);
	if (container_kn_lock(kn)) {
		ret = kernfs_rename_ns(kn, new_parent, new_name, NULL);
		container_kn_unlock(kn);
	} else {
		ret = -ENOENT;
	}
	kernfs_unbreak_active_protection(new_parent);
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
