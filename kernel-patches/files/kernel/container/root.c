// SPDX-License-Identifier: GPL-2.0
/*
 * Hierarchies: how they begin and end, and what is bound to them.
 *
 * A subsystem always has one root state.  While no mounted hierarchy has bound
 * it, that state belongs to the one container of the dummy hierarchy; then to the
 * top of the hierarchy that does.  Tasks point to the state, not to the
 * container, so a mount changes nothing for them but what the state points to.
 */
#include <linux/slab.h>

#include "internal.h"

/* See internal.h. */
DEFINE_MUTEX(container_mutex);

/*
 * The hierarchies that are mounted, or were and still have containers.  Changed under
 * container_mutex; RCU for readers.
 */
LIST_HEAD(container_roots);

struct containerfs_root container_dummy = {
	.top = {
		.root		= &container_dummy,
		.refs		= REFCOUNT_INIT(1),
		.children	= LIST_HEAD_INIT(container_dummy.top.children),
		.sets		= LIST_HEAD_INIT(container_dummy.top.sets),
		.lock		= __SPIN_LOCK_UNLOCKED(container_dummy.top.lock),
	},
	.agent_lock = __SPIN_LOCK_UNLOCKED(container_dummy.agent_lock),
};

#ifdef CONFIG_PROVE_LOCKING
bool container_mutex_held(void)
{
	return lockdep_is_held(&container_mutex);
}
#endif

/* The lowest free slot, or -ENOSPC. */
static int free_slot(void)
{
	struct containerfs_root *root;
	int slot;

	for (slot = 0; slot < MAX_HIERARCHIES; slot++) {
		list_for_each_entry(root, &container_roots, node)
			if (root->slot == slot)
				break;
		if (list_entry_is_head(root, &container_roots, node))
			return slot;
	}
	return -ENOSPC;
}

/* Give the root states of the subsystems of @mask to the top of @to. */
static void bind_subsys(struct containerfs_root *to, unsigned long mask)
{
	struct container_subsys *ss;
	unsigned int id;

	for_each_subsys_in(ss, id, mask) {
		/*
		 * The old top keeps its pointer, and the old hierarchy its mask: a
		 * reader may have found it just now, and the states of removed
		 * containers look for a parent.
		 */
		if (ss->root == &container_dummy)
			ss->root->subsys_mask &= ~BIT(id);
		to->top.subsys[id] = ss->root_css;
		to->subsys_mask |= BIT(id);
		WRITE_ONCE(ss->root, to);
		rcu_assign_pointer(ss->root_css->container, &to->top);
	}
	for_each_subsys_in(ss, id, mask)
		if (ss->bind)
			ss->bind(ss, &to->top);
}

/* Make the directory, invisible as yet, and its files. */
static int create_tree(struct containerfs_root *root)
{
	struct kernfs_root *kf_root;
	int ret;

	kf_root = kernfs_create_root(&containerfs_syscall_ops,
				     KERNFS_ROOT_CREATE_DEACTIVATED,
				     &root->top);
	if (IS_ERR(kf_root))
		return PTR_ERR(kf_root);
	root->kf_root = kf_root;
	root->top.kn = kernfs_root_to_node(kf_root);
	kernfs_get(root->top.kn);	/* container_put() drops it */

	ret = container_populate(&root->top);
	if (ret)
		kernfs_destroy_root(kf_root);
	return ret;
}

/*
 * End a hierarchy which has no container but its top and no user, or one that
 * could not begin.
 */
static void root_end(struct containerfs_root *root)
{
	list_del_rcu(&root->node);
	container_counting_stop(root);
	bind_subsys(&container_dummy, root->subsys_mask);
	container_sets_leave_root(root);
	if (list_empty(&container_roots))
		container_tracking_stop();
	kernfs_destroy_root(root->kf_root);
	container_put(&root->top);
}

/**
 * containerfs_root_start - begin a hierarchy
 * @subsys_mask: the subsystems to bind, all of them in the dummy hierarchy
 * @name: its name, "" for none
 * @noprefix: do the names of files go without their subsystem's?
 * @clone_children: what the file of that name says in the top at first
 *
 * Returns the hierarchy with every task in its top and one user, or an ERR_PTR
 * with everything as it was: -ENOSPC where there are too many, -ENOMEM, or what a
 * subsystem refused with.  Under container_mutex; waits for grace periods.
 */
struct containerfs_root *containerfs_root_start(unsigned long subsys_mask,
						const char *name,
						bool noprefix,
						bool clone_children)
{
	struct containerfs_root *root;
	struct container_subsys *ss;
	unsigned int id;
	int slot, ret;

	lockdep_assert_held(&container_mutex);
	slot = free_slot();
	if (slot < 0)
		return ERR_PTR(slot);
	root = kzalloc(sizeof(*root), GFP_KERNEL);
	if (!root)
		return ERR_PTR(-ENOMEM);
	container_init(&root->top, root, NULL);
	spin_lock_init(&root->agent_lock);
	root->slot = slot;
	root->noprefix = noprefix;
	root->top.clone_children = clone_children;
	root->users = 1;
	strscpy(root->name, name);

	/* To make the files needs the subsystems and states that will be there. */
	root->subsys_mask = subsys_mask;
	for_each_subsys_in(ss, id, subsys_mask)
		root->top.subsys[id] = ss->root_css;
	ret = create_tree(root);
	root->subsys_mask = 0;
	if (ret) {
		container_put(&root->top);
		return ERR_PTR(ret);
	}

	container_sets_enter_root(root);
	if (list_empty(&container_roots))
		container_tracking_start();
	bind_subsys(root, subsys_mask);
	list_add_tail_rcu(&root->node, &container_roots);
	ret = container_counting_start(root);
	if (ret) {
		root_end(root);
		return ERR_PTR(ret);
	}
	kernfs_activate(root->top.kn);
	return root;
}

/**
 * containerfs_root_put - a superblock, or a mount under way, is gone
 * @root: the hierarchy
 *
 * With the last user goes the hierarchy, unless it has containers: then it stays
 * as it is for another mount.  Under container_mutex; waits for grace periods.
 */
void containerfs_root_put(struct containerfs_root *root)
{
	root->users--;
	containerfs_root_check(root);
}

/**
 * containerfs_root_check - end a hierarchy that nothing keeps any more
 * @root: the hierarchy; active, and pinned by the caller unless it has a user
 *
 * Due where the last user has gone, or a container by other hands than a user's.
 * Under container_mutex; waits for grace periods.
 */
void containerfs_root_check(struct containerfs_root *root)
{
	lockdep_assert_held(&container_mutex);
	if (!root->users && !root->top.nr_descendants)
		root_end(root);
}

/**
 * container_set_release_agent - set the program to be run on release
 * @root: the hierarchy
 * @path: its path, allocated; "" or NULL for none.  Ours from now on
 *
 * Under container_mutex.
 */
void container_set_release_agent(struct containerfs_root *root, char *path)
{
	lockdep_assert_held(&container_mutex);
	if (path && !*path) {
		kfree(path);
		path = NULL;
	}
	spin_lock(&root->agent_lock);
	swap(root->release_agent, path);
	spin_unlock(&root->agent_lock);
	kfree(path);
}
