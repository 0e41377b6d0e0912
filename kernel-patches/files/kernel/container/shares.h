/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Resource Groups: the shares of a controller, a container subsystem that deals
 * out a countable resource.
 *
 * Of what its parent has, a group is guaranteed one fraction, min_shares, and may
 * use another, max_shares, each over the parent's child_shares_divisor.  This
 * library parses, shows and checks these numbers, and works out the quantities
 * down the tree.  A controller embeds a struct shares_group in what it keeps for a
 * container, hands it in and out with the container, and limits who uses the
 * resource to the group's quantities.
 */
#ifndef _KERNEL_CONTAINER_SHARES_H
#define _KERNEL_CONTAINER_SHARES_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/seqlock.h>
#include <linux/types.h>

struct seq_file;

/* What a user may write instead of a number, or find there. */
#define SHARES_UNCHANGED	(-1)
#define SHARES_UNSUPPORTED	(-2)
#define SHARES_DONT_CARE	(-3)

#define SHARES_DEFAULT_DIVISOR	100

/* A quantity without limit. */
#define SHARES_UNLIMITED	U64_MAX

/* As a user sees it: each a number >= 0 or one of the above. */
struct shares {
	int min_shares;
	int max_shares;
	int child_shares_divisor;	/* > 0 */
};

/**
 * struct shares_group - a group's shares, and what they come to
 * @parent: the group above, which outlives this one; NULL for the root
 * @children: groups below, by @sibling
 * @sibling: on @parent's children until shares_remove()
 * @shares: as set by a user
 * @min: the quantity that is guaranteed; 0 for don't care
 * @max: the quantity that is allowed; the parent's for don't care
 *
 * The controller's lock protects all of it; @shares can be read without.
 */
struct shares_group {
	struct shares_group *parent;
	struct list_head children;
	struct list_head sibling;
	struct shares shares;
	u64 min;
	u64 max;
};

/**
 * struct shares_controller - what a controller brings itself
 * @name: of the resource, as it follows "res="
 * @lock: initialised by the controller; taken within container_mutex
 * @seq: initialised by the controller, for the readers of shares
 * @changes: initialised by the controller; odd while the quantities that are in force
 *	may be neither the old ones nor the new ones.  Whoever is refused then asks
 *	again, with @lock held if need be.  It takes a while, and the one who changes
 *	them may be preempted: never wait for an even number in a loop
 * @tighten: the quantities of @group may have changed: bring into force what others
 *	have less by, a lower max or a higher min.  With @lock held; must not sleep
 * @relax: bring into force the rest
 *
 * Whenever shares change all groups concerned are tightened first and then all
 * relaxed, parents before their children each time: so that at no moment anybody
 * can use what neither the old shares nor the new ones give him.
 */
struct shares_controller {
	const char *name;
	struct mutex lock;	/* the shares of all its groups */
	seqcount_mutex_t seq;
	seqcount_t changes;
	void (*tighten)(struct shares_group *group);
	void (*relax)(struct shares_group *group);
};

/* The initializer of @lock, @seq and @changes of the controller @ctl. */
#define SHARES_LOCKS(ctl)						\
	.lock = __MUTEX_INITIALIZER((ctl).lock),			\
	.seq = SEQCNT_MUTEX_ZERO((ctl).seq, &(ctl).lock),		\
	.changes = SEQCNT_ZERO((ctl).changes)

void shares_begin(struct shares_controller *ctl);
void shares_end(struct shares_controller *ctl);

void shares_add_root(struct shares_controller *ctl, struct shares_group *root,
		     u64 total);
void shares_add(struct shares_controller *ctl, struct shares_group *group,
		struct shares_group *parent);
void shares_remove(struct shares_controller *ctl, struct shares_group *group);
void shares_set_total(struct shares_controller *ctl, struct shares_group *root,
		      u64 total);
int shares_write(struct shares_controller *ctl, struct shares_group *group,
		 char *text);
void shares_show(struct shares_controller *ctl, struct shares_group *group,
		 struct seq_file *m);
int shares_check_res(const struct shares_controller *ctl, const char *text);
struct shares_group *shares_next(struct shares_group *pos,
				 struct shares_group *top);

/**
 * shares_for_each_below - walk the groups below one, parents before children
 * @pos: cursor, a struct shares_group *
 * @top: the group, which is left out
 *
 * With the controller's lock held.
 */
#define shares_for_each_below(pos, top)					\
	for ((pos) = shares_next(top, top); (pos);			\
	     (pos) = shares_next(pos, top))

#endif /* _KERNEL_CONTAINER_SHARES_H */
