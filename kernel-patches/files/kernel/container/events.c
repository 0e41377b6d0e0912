// SPDX-License-Identifier: GPL-2.0
/*
 * The file "events": is there a live task in a container, or in one below it?
 *
 * ->populated counts the container's sets that have tasks, and its children that
 * are populated.  Only a change between 0 and 1 goes on to the parent, so what
 * costs anything is the first task of a container and its last.  Each count
 * changes under its container's own lock; no two are held at a time.
 *
 * A count goes up where a set gets its first task.  That is a move (or a mount,
 * but nobody counts in a top): the parent of a child that is being born is in the
 * child's set itself, or clone.c has counted the child's container beforehand.  So
 * rises come one at a time, under container_mutex, each through with all
 * containers above before the next begins.  Falls come from anywhere, beside each
 * other and beside a rise, but each set's under the set's lock: a set that has
 * risen falls when its rise is through.
 *
 * What a parent counts for a child is then the child's rises, less its falls that
 * have come as far.  It lags behind in one direction alone:
 *
 *   last task of S1 leaves		first task arrives in S2
 *   child: 1 -> 0
 *					child:  0 -> 1
 *					parent: 1 -> 2
 *   parent: 2 -> 1
 *
 * So it is never less than 0.  Whoever knows that a task has arrived reads 1, all
 * the way up.  Whoever knows that all have left, as he has moved or reaped
 * them, reads 0: each was through with its fall before it could be reaped.
 *
 * Who waits for a change has the file open (poll) or has put a watch on something in
 * the file system (inotify).  Mostly nobody has, and then nobody is told: kernfs starts
 * a worker for it, which is more than a fork or a move costs.  None who has read the
 * file since he began to listen misses the next change:
 *
 *   listener				change
 *   opens, or sets a watch		->populated = ...
 *   smp_mb()				smp_mb()
 *   reads ->populated			is anybody listening?
 */
#include <linux/fsnotify.h>
#include <linux/kernfs.h>

#include "internal.h"

/**
 * container_events_count - count a set or a child that is populated
 * @cont: the container
 * @by: 1, or -1 for one that is so no longer
 *
 * Returns whether @cont's answer has changed: container_events_changed() is due
 * then.  Under @cont->lock.
 */
bool container_events_count(struct container *cont, int by)
{
	bool before = cont->populated;

	lockdep_assert_held(&cont->lock);
	WRITE_ONCE(cont->populated, cont->populated + by);
	return before != (bool)cont->populated;
}

/* Is the file open, or anything of its hierarchy watched? */
static bool heard(struct container *cont)
{
	struct super_block *sb;
	bool watched = false;
	unsigned int i;

	if (rcu_access_pointer(cont->events->attr.open))
		return true;
	rcu_read_lock();	/* superblocks are freed after a grace period */
	for (i = 0; i < ARRAY_SIZE(cont->root->sb); i++) {
		sb = rcu_dereference(cont->root->sb[i]);
		watched |= sb && fsnotify_sb_has_watchers(sb);
	}
	rcu_read_unlock();
	return watched;
}

/**
 * container_events_tell - wake who waits for a container's answer to change
 * @cont: the container, whose answer has changed or will never change again
 *
 * Any context.
 */
void container_events_tell(struct container *cont)
{
	if (!cont->events)
		return;
	smp_mb();	/* see above */
	if (heard(cont))
		kernfs_notify(cont->events);
}

/**
 * container_events_changed - tell that a container's answer has changed
 * @cont: the container
 * @by: 1 where it is populated now, -1 where it is so no longer
 *
 * Wakes who waits for that, and goes on upwards as far as something changes.  Under
 * the lock of the set that has done it, if it was one, and none of a container.
 */
void container_events_changed(struct container *cont, int by)
{
	bool changed = true;
	unsigned long flags;

	while (changed && cont->parent) {
		container_events_tell(cont);
		cont = cont->parent;
		spin_lock_irqsave(&cont->lock, flags);
		changed = container_events_count(cont, by);
		spin_unlock_irqrestore(&cont->lock, flags);
	}
}

int container_events_show(struct seq_file *m, void *v)
{
	smp_mb();	/* see above */
	seq_printf(m, "populated %d\n",
		   READ_ONCE(seq_container(m)->populated) != 0);
	return 0;
}
