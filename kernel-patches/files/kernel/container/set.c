// SPDX-License-Identifier: GPL-2.0
/*
 * Sets of containers.
 *
 * Tasks that are in the same container of every hierarchy share one
 * container_set.  A set is made by the first move that needs it and dies with
 * the last task that points to it, dead tasks waiting to be reaped included.
 *
 * Sets are made, changed and reaped under container_mutex.  The last reference
 * may go anywhere, in exit for one, where that mutex must not be taken: the set
 * is then put on a list for a worker.  A move, which has the mutex, reaps by itself.
 */
#include <linux/hashtable.h>
#include <linux/slab.h>

#include "internal.h"

struct container_set init_container_set = {
	.refs	= REFCOUNT_INIT(1),
	.lock	= __SPIN_LOCK_UNLOCKED(init_container_set.lock),
	.iters	= LIST_HEAD_INIT(init_container_set.iters),
	.all	= LIST_HEAD_INIT(container_sets),
};

/* All sets but those being reaped.  Changed under container_mutex; RCU for readers. */
struct list_head container_sets = LIST_HEAD_INIT(init_container_set.all);

static DEFINE_HASHTABLE(set_table, 8);

static LLIST_HEAD(reap_list);
static void reap_workfn(struct work_struct *work);
static DECLARE_WORK(reap_work, reap_workfn);

static noinline void put_last(struct container_set *set)
{
	if (llist_add(&set->reap_node, &reap_list))
		queue_work(system_unbound_wq, &reap_work);
}

/* Drop a reference.  Returns whether it was the last. */
static bool put_set(struct container_set *set)
{
	return set != &init_container_set && refcount_dec_and_test(&set->refs);
}

/**
 * container_set_put - drop a reference to a set
 * @set: the set
 *
 * Any context but an NMI's.
 */
void container_set_put(struct container_set *set)
{
	if (put_set(set))
		put_last(set);
}

/**
 * container_set_container - where the tasks of a set are in one hierarchy
 * @set: the set
 * @root: an active hierarchy
 *
 * Under container_mutex, or RCU, which then keeps the result.  A set that was dead
 * when @root began stands for dead tasks only; those are in no container of @root
 * but are said to be in its top.
 */
struct container *container_set_container(struct container_set *set,
					  struct containerfs_root *root)
{
	struct container *cont = READ_ONCE(set->at[root->slot].container);

	return cont && cont->root == root ? cont : &root->top;
}

/*
 * Only containers below the top make a set differ from the initial one, so
 * they alone make the key.  It is therefore not changed by mount and unmount.  The
 * initial set has the key 0, and no other has.
 */
static unsigned long set_key(struct container *const *at)
{
	unsigned long key = 0;
	unsigned int i;

	for (i = 0; i < MAX_HIERARCHIES; i++)
		if (at[i] && at[i]->parent)
			key = (key * 31 + (unsigned long)at[i]) | 1;
	return key;
}

static struct container_set *set_lookup(struct container *const *at,
					unsigned long key)
{
	struct container_set *set;
	unsigned int i;

	if (!key)
		return &init_container_set;

	hash_for_each_possible(set_table, set, hash, key) {
		for (i = 0; i < MAX_HIERARCHIES; i++)
			if (set->at[i].container != at[i])
				break;
		if (i == MAX_HIERARCHIES && container_set_tryget(set))
			return set;
	}
	return NULL;
}

static struct container_set *set_create(struct container_set *from,
					struct container *to,
					struct container *const *at,
					unsigned long key)
{
	struct container_set *set;
	unsigned int i;

	set = kzalloc(sizeof(*set), GFP_KERNEL_ACCOUNT);
	if (!set)
		return NULL;
	refcount_set(&set->refs, 1);
	spin_lock_init(&set->lock);
	INIT_HLIST_HEAD(&set->tasks);
	INIT_LIST_HEAD(&set->iters);

	memcpy(set->subsys, from->subsys, sizeof(set->subsys));
	for_each_set_bit(i, &to->root->subsys_mask, MAX_SUBSYS)
		set->subsys[i] = to->subsys[i];

	for (i = 0; i < MAX_HIERARCHIES; i++) {
		INIT_LIST_HEAD(&set->at[i].node);
		if (!at[i])
			continue;
		set->at[i].container = at[i];
		container_get(at[i]);
		spin_lock_irq(&at[i]->lock);
		list_add(&set->at[i].node, &at[i]->sets);
		spin_unlock_irq(&at[i]->lock);
	}
	hash_add(set_table, &set->hash, key);
	list_add_rcu(&set->all, &container_sets);
	return set;
}

/**
 * container_set_find - the set of a task after a move
 * @from: its set before
 * @to: the container that it moves to
 *
 * Returns the set that is like @from but for @to, with a reference, or NULL
 * where there is no memory to make one.  Under container_mutex; may sleep.
 */
struct container_set *container_set_find(struct container_set *from,
					 struct container *to)
{
	struct container *at[MAX_HIERARCHIES];
	unsigned long key;
	unsigned int i;

	lockdep_assert_held(&container_mutex);
	for (i = 0; i < MAX_HIERARCHIES; i++)
		at[i] = from->at[i].container;
	at[to->root->slot] = to;

	key = set_key(at);
	return set_lookup(at, key) ?: set_create(from, to, at, key);
}

/* There is a task in the set now: its containers are busy.  Under its lock. */
void container_set_inhabited(struct container_set *set)
{
	unsigned int i;

	lockdep_assert_held(&set->lock);
	for (i = 0; i < MAX_HIERARCHIES; i++)
		if (set->at[i].container)
			container_busy_inc(set->at[i].container);
}

/* The last task of the set has left.  Under its lock. */
void container_set_deserted(struct container_set *set)
{
	unsigned int i;

	lockdep_assert_held(&set->lock);
	for (i = 0; i < MAX_HIERARCHIES; i++)
		if (set->at[i].container)
			container_busy_dec(set->at[i].container);
}

/**
 * container_sets_enter_root - put every task into a new hierarchy's top
 * @root: the hierarchy, which has its slot
 *
 * Under container_mutex.
 */
void container_sets_enter_root(struct containerfs_root *root)
{
	struct container *top = &root->top;
	struct container_set *set;

	list_for_each_entry(set, &container_sets, all) {
		if (set->dead)
			continue;
		container_get(top);
		spin_lock_irq(&set->lock);
		WRITE_ONCE(set->at[root->slot].container, top);
		spin_lock(&top->lock);
		list_add(&set->at[root->slot].node, &top->sets);
		spin_unlock(&top->lock);
		if (set->nr_tasks)
			container_busy_inc(top);
		spin_unlock_irq(&set->lock);
	}
}

/**
 * container_sets_leave_root - forget a hierarchy that ends
 * @root: a hierarchy with no container but its top
 *
 * Sets of removed containers keep what they have: only dead tasks, and forks
 * that will find themselves stale, use them, and what those charged must be
 * uncharged from the same state.  Under container_mutex.
 */
void container_sets_leave_root(struct containerfs_root *root)
{
	struct container *top = &root->top;
	struct container_set *set;

	list_for_each_entry(set, &container_sets, all) {
		if (set->dead)
			continue;
		spin_lock_irq(&set->lock);
		WRITE_ONCE(set->at[root->slot].container, NULL);
		spin_lock(&top->lock);
		list_del_init(&set->at[root->slot].node);
		spin_unlock(&top->lock);
		spin_unlock_irq(&set->lock);
		container_put(top);
	}
}

/**
 * container_sets_kill - let nobody find the sets of a removed container
 * @cont: a container without tasks
 *
 * Under container_mutex.
 */
void container_sets_kill(struct container *cont)
{
	struct container_set *set;

	/* Only holders of container_mutex change the list. */
	list_for_each_entry(set, &cont->sets, at[cont->root->slot].node) {
		set->dead = true;
		hash_del(&set->hash);
	}
}

static void set_reap(struct container_set *set)
{
	unsigned int i;

	hash_del(&set->hash);
	list_del_rcu(&set->all);
	for (i = 0; i < MAX_HIERARCHIES; i++) {
		struct container *cont = set->at[i].container;

		if (!cont)
			continue;
		spin_lock_irq(&cont->lock);
		list_del(&set->at[i].node);
		spin_unlock_irq(&cont->lock);
		container_put(cont);
	}
	kfree_rcu(set, rcu);
}

/**
 * container_set_put_locked - the same as container_set_put(), and no worker for the last
 * @set: the set
 *
 * Under container_mutex.
 */
void container_set_put_locked(struct container_set *set)
{
	lockdep_assert_held(&container_mutex);
	if (put_set(set))
		set_reap(set);
}

/**
 * container_sets_reap - free the sets that nobody refers to
 *
 * Under container_mutex.
 */
void container_sets_reap(void)
{
	struct container_set *set, *next;

	lockdep_assert_held(&container_mutex);
	llist_for_each_entry_safe(set, next, llist_del_all(&reap_list),
				  reap_node)
		set_reap(set);
}

static void reap_workfn(struct work_struct *work)
{
	mutex_lock(&container_mutex);
	container_sets_reap();
	mutex_unlock(&container_mutex);
}
