/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the container framework share among themselves.
 *
 *   member.c	which container a task is in: fork and exit, and the argument
 *   move.c	the same: moves
 *   tracking.c	how that begins and ends to be tracked and counted
 *   set.c	the sets of containers that tasks point to
 *   walk.c	walks of the tasks of a container
 *   css.c	subsystems, and references to their states
 *   root.c	hierarchies: begin, end, and what is bound to them
 *   mount.c	mount options and superblocks
 *   dir.c	containers as directories: mkdir, rmdir, rename; walks of them
 *   file.c	files in general, and the small ones of every container
 *   tasks.c	the files "tasks" and "procs"
 *   clone.c	containers made for a task that makes namespaces
 *   release.c	what happens when a container falls empty
 *   events.c	the file "events": is a container populated
 *   kill.c	the file "kill"
 *   proc.c	/proc/containers and /proc/PID/container
 *
 * Locks, outermost first:
 *
 *   container_mutex	hierarchies, the tree of containers, all moves of
 *			tasks.  Never taken by exit, nor to read a file; by
 *			fork only to make a container, and then before
 *			cgroup_threadgroup_rwsem; but after scx_fork_rwsem, so that
 *			ns and SCHED_CLASS_EXT cannot be built together.  A
 *			file or directory operation of kernfs must
 *			drop its active reference first: container_kn_lock().
 *			Its holder takes no lock and waits for no reference
 *			that a reader of files may hold while it sleeps: so
 *			not kernfs_rwsem of a mounted hierarchy
 *   cpu_hotplug_lock	where the first mount and the last unmount, and those of
 *			cpuacct and bc, turn static keys, and where cpuset places tasks that
 *			move; so no CPU hotplug callback may take container_mutex
 *   tasklist_lock	fork, and for a moment kill
 *   siglock		of a thread group: its tasks' ->containers and the births
 *			of new ones; see member.c
 *   kill_lock		of kill.c: the kill under way, for forks
 *   container_set->lock	the set's tasks.  A move holds two, the target set's
 *			second, and calls ->moving() and ->moved(), which may take
 *			the locks of the scheduler
 *   container->lock	the container's sets, and whether it is busy
 *
 * These spinlocks are taken with interrupts off: fork holds two that are.  agent_lock is
 * not, and nothing is taken under it.
 */
#ifndef _KERNEL_CONTAINER_INTERNAL_H
#define _KERNEL_CONTAINER_INTERNAL_H

#include <linux/container_hooks.h>
#include <linux/containers.h>
#include <linux/fs_context.h>
#include <linux/mutex.h>

#define CONTAINERFS_MAGIC	0x27e0eb	/* as in 2006 */
#define MAX_CONTAINER_ROOT_NAMELEN	64
/*
 * kernfs puts a path together with interrupts off, in a time that grows with the
 * square of its depth.
 */
#define MAX_CONTAINER_DEPTH	256

#define MAX_HIERARCHIES		CONFIG_MAX_CONTAINER_HIERARCHIES
#define MAX_SUBSYS		CONFIG_MAX_CONTAINER_SUBSYS

/*
 * A hierarchy: a tree of containers and the subsystems bound to it.  It lives
 * on after its end until the last reference to one of its containers is gone;
 * @top.refs counts for the whole.  Protected by container_mutex, except where
 * noted.
 */
struct containerfs_root {
	struct container top;
	struct list_head node;		/* on container_roots while active; RCU */
	unsigned int slot;		/* index in container_set->at; constant */
	unsigned long subsys_mask;	/* of subsystem ids; constant once active */
	bool noprefix;			/* constant */
	char name[MAX_CONTAINER_ROOT_NAMELEN + 1];	/* constant; may be "" */
	unsigned int users;		/* superblocks, and mounts under way */
	struct kernfs_root *kf_root;
	/* of the filesystem container, and of cpuset; NULL while not mounted so */
	struct super_block __rcu *sb[2];

	/*
	 * NULL for none.  Written with container_mutex and agent_lock, read with
	 * either.
	 */
	char *release_agent;
	spinlock_t agent_lock;	/* for readers under foreign locks */
};

extern struct mutex container_mutex;

/* css.c */
extern struct container_subsys *container_subsys_by_id[MAX_SUBSYS];
extern u32 container_birth_hearers;
extern u32 container_reap_hearers;
extern u32 container_exit_hearers;
struct container_subsys *container_subsys_by_name(const char *name);
unsigned long container_subsys_all(void);
int container_create_states(struct container *cont);
int container_clone_states(struct container *cont);
void container_drain_states(struct container *cont);
void container_remove_states(struct container *cont);
void container_destroy_states(struct container *cont);

/*
 * Walk the subsystems whose ids are in a mask, the lowest first.  All of them must
 * be registered; after the walk neither @ss nor @id means anything.
 */
#define for_each_subsys_in(ss, id, mask)				\
	for (unsigned long left_ = (mask);				\
	     left_ && ((id) = __ffs(left_),				\
		       (ss) = container_subsys_by_id[id], true);	\
	     left_ &= left_ - 1)

/* root.c */
extern struct containerfs_root container_dummy;
extern struct list_head container_roots;
struct containerfs_root *containerfs_root_start(unsigned long subsys_mask,
						const char *name,
						bool noprefix,
						bool clone_children);
void containerfs_root_put(struct containerfs_root *root);
void containerfs_root_check(struct containerfs_root *root);
void container_set_release_agent(struct containerfs_root *root, char *path);

/* set.c */
extern struct list_head container_sets;
struct container_set *container_set_find(struct container_set *from,
					 struct container *to);
void container_set_inhabited(struct container_set *set);
void container_set_deserted(struct container_set *set);
void container_sets_enter_root(struct containerfs_root *root);
void container_sets_leave_root(struct containerfs_root *root);
void container_sets_kill(struct container *cont);
void container_set_put_locked(struct container_set *set);
void container_sets_reap(void);
struct container *container_set_container(struct container_set *set,
					  struct containerfs_root *root);

/* walk.c */
void container_set_walks_skip(struct container_set *set,
			      struct task_struct *task);

/**
 * container_set_tryget - take a reference to a set that may be dying
 * @set: reachable under RCU or a lock
 *
 * Any context.
 */
static inline bool container_set_tryget(struct container_set *set)
{
	return set == &init_container_set || refcount_inc_not_zero(&set->refs);
}

/**
 * task_set_get - a task's set, with a reference
 * @task: pinned by the caller
 *
 * Any context.
 */
static inline struct container_set *task_set_get(struct task_struct *task)
{
	struct container_set *set;

	rcu_read_lock();
	/*
	 * A set can only be dying here if the task has just been moved from it:
	 * look again.
	 */
	do {
		set = rcu_dereference(task->containers);
	} while (!container_set_tryget(set));
	rcu_read_unlock();
	return set;
}

/* Count one more in.  The first makes the set's containers busy. */
static inline void container_set_arrive(struct container_set *set)
{
	lockdep_assert_held(&set->lock);
	if (unlikely(!set->nr_tasks++))
		container_set_inhabited(set);
}

/* Count one out.  The last may free a container of its business. */
static inline void container_set_leave(struct container_set *set)
{
	lockdep_assert_held(&set->lock);
	if (!--set->nr_tasks)
		container_set_deserted(set);
}

/* Count @task in and list it, unless it is. */
static inline void container_set_add_task(struct container_set *set,
					  struct task_struct *task)
{
	if (unlikely(!hlist_unhashed(&task->container_node)))
		return;
	container_set_arrive(set);
	hlist_add_head(&task->container_node, &set->tasks);
}

/*
 * Count @task out and take it off the list, if it is there; returns whether it was.
 * Walks that were about to see it go on.
 */
static inline bool container_set_del_task(struct container_set *set,
					  struct task_struct *task)
{
	lockdep_assert_held(&set->lock);
	if (hlist_unhashed(&task->container_node))
		return false;
	if (unlikely(!list_empty(&set->iters)))
		container_set_walks_skip(set, task);
	hlist_del_init(&task->container_node);
	container_set_leave(set);
	return true;
}

/* member.c */

/*
 * In ->container_counted of a task that is visible; no subsystem has these ids.  MOVED:
 * the subsystems have not heard of the task's move, or that it is there, nor of its
 * exit since.  REAPED: nor of its reaping.
 */
#define COUNTED_MOVED	BIT(29)
#define COUNTED_REAPED	BIT(28)
#define COUNTED_MARKS	(COUNTED_MOVED | COUNTED_REAPED)

void container_unmark_moved(struct task_struct *task);
struct container_set *container_task_set_lock(struct task_struct *task)
	__acquires(set->lock);

/* move.c */
extern unsigned long container_moves;
int container_may_attach(struct container *to, struct task_struct *task,
			 const struct cred *cred);
int container_attach(struct container *to, struct task_struct *task,
		     bool whole_group, const struct cred *cred);

/* tracking.c */
extern bool container_tracking;
extern u32 container_counting;
void container_tracking_start(void);
void container_tracking_stop(void);
int container_counting_start(struct containerfs_root *root);
void container_counting_stop(struct containerfs_root *root);

/* dir.c */
void container_init(struct container *cont, struct containerfs_root *root,
		    struct container *parent);
void container_get(struct container *cont);
void container_put(struct container *cont);
struct container *container_create(struct container *parent, const char *name,
				   umode_t mode, bool clone);
void container_show(struct container *cont);
int container_remove(struct container *cont);
struct container *container_kn_lock(struct kernfs_node *kn);
void container_kn_unlock(struct kernfs_node *kn);
extern struct kernfs_syscall_ops containerfs_syscall_ops;

/* file.c */
int container_populate(struct container *cont);

/* tasks.c */
extern const struct kernfs_ops container_tasks_ops;
extern const struct kernfs_ops container_procs_ops;

/* clone.c */
int container_set_cloner(struct container_subsys *ss);
struct container_set *container_clone_begin(struct task_struct *child,
					    u64 clone_flags,
					    struct container **made);
struct container *container_clone_made(struct container_set *set);
bool container_clone_stale(struct container_set *born,
			   struct container_set *now);
void container_clone_end(struct container *cont, struct task_struct *child);
void container_clone_cancel(struct container *cont);

/* release.c */
void container_keep(struct container *cont);
void container_unkeep(struct container *cont);
void container_busy_inc(struct container *cont);
void container_busy_dec(struct container *cont);
void container_busy_inc_locked(struct container *cont);
void container_busy_dec_locked(struct container *cont);
void container_check_release(struct container *cont);
void container_take_back_release(struct container *cont);

/* events.c */
bool container_events_count(struct container *cont, int by);
void container_events_tell(struct container *cont);
void container_events_changed(struct container *cont, int by);
int container_events_show(struct seq_file *m, void *v);

/* kill.c */
extern const struct kernfs_ops container_kill_ops;
bool container_kill_due(void);
void container_kill_forker(void);

/* mount.c */
int containerfs_show_options(struct seq_file *m, struct kernfs_root *kf_root);

#endif /* _KERNEL_CONTAINER_INTERNAL_H */
