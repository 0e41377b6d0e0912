// SPDX-License-Identifier: GPL-2.0
/*
 * Resource Groups: parse, show and check shares, and divide a resource by them.
 * shares.h says what they are.
 *
 * The whole tree below a group is divided anew whenever something changes there:
 * a change is rare, and nothing can be left over from the division before.
 */
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "shares.h"

/**
 * shares_next - the step of shares_for_each_below()
 * @pos: @top or a group below it
 * @top: where the walk began
 *
 * Returns NULL at the end.  With the controller's lock held.
 */
struct shares_group *shares_next(struct shares_group *pos,
				 struct shares_group *top)
{
	if (!list_empty(&pos->children))
		return list_first_entry(&pos->children, struct shares_group,
					sibling);
	for (; pos != top; pos = pos->parent)
		if (!list_is_last(&pos->sibling, &pos->parent->children))
			return list_next_entry(pos, sibling);
	return NULL;
}

/**
 * shares_begin - begin to change shares or the total
 * @ctl: the controller, whose lock is taken
 *
 * Ended by shares_end().  May sleep, and must not in between: forks may wait for the
 * lock.
 */
void shares_begin(struct shares_controller *ctl)
{
	mutex_lock(&ctl->lock);
	/* The lock's holder alone writes, and nobody waits for him in a loop. */
	raw_write_seqcount_begin(&ctl->changes);
}

/**
 * shares_end - end what shares_begin() began
 * @ctl: the controller, whose lock is dropped
 */
void shares_end(struct shares_controller *ctl)
{
	raw_write_seqcount_end(&ctl->changes);
	mutex_unlock(&ctl->lock);
}

/* The part of a quantity, rounded down, so that parts never exceed the whole. */
static u64 part_of(u64 quantity, int shares, int divisor)
{
	if (quantity == SHARES_UNLIMITED)
		return shares ? SHARES_UNLIMITED : 0;
	return mul_u64_u64_div_u64(quantity, shares, divisor);
}

/* Nothing needs to be put aside of what there is without end. */
static u64 guaranteed_part(const struct shares_group *parent, int shares)
{
	if (shares == SHARES_DONT_CARE || parent->min == SHARES_UNLIMITED)
		return 0;
	return part_of(parent->min, shares, parent->shares.child_shares_divisor);
}

static u64 allowed_part(const struct shares_group *parent, int shares)
{
	if (shares == SHARES_DONT_CARE)
		return parent->max;
	return part_of(parent->max, shares, parent->shares.child_shares_divisor);
}

static void divide(struct shares_group *group)
{
	group->min = guaranteed_part(group->parent, group->shares.min_shares);
	group->max = allowed_part(group->parent, group->shares.max_shares);
}

/* Bring the new quantities of a group and of all below it into force. */
static void enforce(struct shares_controller *ctl, struct shares_group *group)
{
	struct shares_group *pos;

	ctl->tighten(group);
	shares_for_each_below(pos, group)
		ctl->tighten(pos);
	ctl->relax(group);
	shares_for_each_below(pos, group)
		ctl->relax(pos);
}

/* Divide what a group has among all below it. */
static void divide_below(struct shares_controller *ctl,
			 struct shares_group *group)
{
	struct shares_group *pos;

	shares_for_each_below(pos, group)
		divide(pos);
	enforce(ctl, group);
}

static void set_root(struct shares_controller *ctl, struct shares_group *root,
		     u64 total)
{
	root->min = total;
	root->max = total;
	divide_below(ctl, root);
}

static void set_shares(struct shares_controller *ctl, struct shares_group *group,
		       const struct shares *shares)
{
	write_seqcount_begin(&ctl->seq);
	group->shares = *shares;
	write_seqcount_end(&ctl->seq);
}

/**
 * shares_add_root - begin a tree of groups
 * @ctl: the controller
 * @root: the group of a hierarchy's root, which has no group below it
 * @total: all that there is of the resource; may be SHARES_UNLIMITED
 *
 * May be called again for a root when its hierarchy ends: its divisor is the
 * default then.  May sleep.
 */
void shares_add_root(struct shares_controller *ctl, struct shares_group *root,
		     u64 total)
{
	static const struct shares shares = {
		/* a share of what? */
		.min_shares = SHARES_UNSUPPORTED,
		.max_shares = SHARES_UNSUPPORTED,
		.child_shares_divisor = SHARES_DEFAULT_DIVISOR,
	};

	shares_begin(ctl);
	root->parent = NULL;
	INIT_LIST_HEAD(&root->children);
	INIT_LIST_HEAD(&root->sibling);
	set_shares(ctl, root, &shares);
	set_root(ctl, root, total);
	shares_end(ctl);
}

/**
 * shares_add - add a group with the default shares
 * @ctl: the controller
 * @group: the group, new
 * @parent: the group above
 *
 * Undone by shares_remove().  May sleep.
 */
void shares_add(struct shares_controller *ctl, struct shares_group *group,
		struct shares_group *parent)
{
	static const struct shares shares = {
		.min_shares = SHARES_DONT_CARE,
		.max_shares = SHARES_DONT_CARE,
		.child_shares_divisor = SHARES_DEFAULT_DIVISOR,
	};

	shares_begin(ctl);
	group->parent = parent;
	INIT_LIST_HEAD(&group->children);
	list_add_tail(&group->sibling, &parent->children);
	set_shares(ctl, group, &shares);
	divide(group);
	enforce(ctl, group);
	shares_end(ctl);
}

/**
 * shares_remove - take a group out, and give back what it was guaranteed
 * @ctl: the controller
 * @group: a group with none below it; not the root
 *
 * Nothing happens to a group that has been removed before.  May sleep.
 */
void shares_remove(struct shares_controller *ctl, struct shares_group *group)
{
	shares_begin(ctl);
	list_del_init(&group->sibling);
	group->min = 0;
	enforce(ctl, group);
	shares_end(ctl);
}

/**
 * shares_set_total - set how much there is to be divided
 * @ctl: the controller
 * @root: the tree's root
 * @total: the quantity, or SHARES_UNLIMITED
 *
 * Between shares_begin() and shares_end().
 */
void shares_set_total(struct shares_controller *ctl, struct shares_group *root,
		      u64 total)
{
	lockdep_assert_held(&ctl->lock);
	set_root(ctl, root, total);
}

/* What a group's children hold of it: the sum of min_shares, the largest max_shares. */
static void held_by_children(const struct shares_group *group,
			     const struct shares_group *except,
			     s64 *sum_min, int *largest_max)
{
	struct shares_group *child;

	*sum_min = 0;
	*largest_max = 0;
	list_for_each_entry(child, &group->children, sibling) {
		if (child == except)
			continue;
		*sum_min += max(child->shares.min_shares, 0);
		*largest_max = max(*largest_max, child->shares.max_shares);
	}
}

/* Do the shares fit in with those above and below? */
static int check_shares(const struct shares_group *group,
			const struct shares *new)
{
	const struct shares_group *parent = group->parent;
	int largest_max;
	s64 sum_min;

	held_by_children(group, NULL, &sum_min, &largest_max);
	if (new->child_shares_divisor < 1 ||
	    new->child_shares_divisor < sum_min ||
	    new->child_shares_divisor < largest_max)
		return -EINVAL;
	if (!parent)
		return 0;

	held_by_children(parent, group, &sum_min, &largest_max);
	if (new->max_shares > parent->shares.child_shares_divisor ||
	    sum_min + max(new->min_shares, 0) >
		    parent->shares.child_shares_divisor)
		return -EINVAL;
	if (new->max_shares >= 0 && new->min_shares > new->max_shares)
		return -EINVAL;
	return 0;
}

/* Take one number that was written; a place that is unsupported stays so. */
static int parse_share(const char *text, int *share)
{
	int value;

	/* kstrtoint() takes a plus, too, and a newline at the end. */
	if (text[strspn(text, "-0123456789")] || kstrtoint(text, 10, &value) ||
	    value < SHARES_DONT_CARE || value == SHARES_UNSUPPORTED)
		return -EINVAL;
	if (value == SHARES_UNCHANGED)
		return 0;
	if (*share == SHARES_UNSUPPORTED)
		return -EINVAL;
	*share = value;
	return 0;
}

/* Take "key=value,…" into @new, which has the present shares. */
static int parse(const struct shares_controller *ctl, char *text,
		 struct shares *new)
{
	static const char * const keys[] = {
		"res", "min_shares", "max_shares", "child_shares_divisor",
	};
	int *values[] = {
		NULL, &new->min_shares, &new->max_shares,
		&new->child_shares_divisor,
	};
	unsigned long seen = 0;
	char *pair, *value;
	int key, ret;

	while ((pair = strsep(&text, ","))) {
		value = strchr(pair, '=');
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		key = match_string(keys, ARRAY_SIZE(keys), pair);
		if (key < 0 || __test_and_set_bit(key, &seen))
			return -EINVAL;
		if (values[key])
			ret = parse_share(value, values[key]);
		else
			ret = strcmp(value, ctl->name) ? -EINVAL : 0;
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * shares_write - take the shares that a user has written
 * @ctl: the controller
 * @group: whose
 * @text: any of res=, min_shares=, max_shares=, child_shares_divisor=, with
 *	commas between them; is written to
 *
 * The quantities of the group and of all below it are right at once.  Returns 0;
 * -EINVAL, with nothing changed, for what cannot be understood or does not fit
 * in; -ENODEV for a group that has been removed.  May sleep.
 */
int shares_write(struct shares_controller *ctl, struct shares_group *group,
		 char *text)
{
	struct shares new;
	int ret = -ENODEV;

	shares_begin(ctl);
	if (group->parent && list_empty(&group->sibling))
		goto out;
	new = group->shares;
	ret = parse(ctl, text, &new);
	if (!ret)
		ret = check_shares(group, &new);
	if (ret)
		goto out;
	set_shares(ctl, group, &new);
	if (group->parent)
		divide(group);
	divide_below(ctl, group);
out:
	shares_end(ctl);
	return ret;
}

/**
 * shares_show - show a group's shares in the form in which they are written
 * @ctl: the controller
 * @group: whose
 * @m: where to
 *
 * Takes no lock: whoever makes a container waits for the controller's, and a reader
 * may be slow.
 */
void shares_show(struct shares_controller *ctl, struct shares_group *group,
		 struct seq_file *m)
{
	struct shares shares;
	unsigned int seq;

	do {
		seq = read_seqcount_begin(&ctl->seq);
		shares = group->shares;
	} while (read_seqcount_retry(&ctl->seq, seq));
	seq_printf(m, "res=%s,min_shares=%d,max_shares=%d,child_shares_divisor=%d\n",
		   ctl->name, shares.min_shares, shares.max_shares,
		   shares.child_shares_divisor);
}

/**
 * shares_check_res - is it the controller's resource that a user names?
 * @ctl: the controller
 * @text: all that was written
 *
 * Returns 0 for "res=" and the controller's name, else -EINVAL.  Any context.
 */
int shares_check_res(const struct shares_controller *ctl, const char *text)
{
	size_t skip = str_has_prefix(text, "res=");

	return skip && !strcmp(text + skip, ctl->name) ? 0 : -EINVAL;
}
