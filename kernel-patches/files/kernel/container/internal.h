/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the container framework share among themselves.
 *
 *   member.c	which container a task is in: fork, move, exit
 *   set.c	the sets of containers that tasks point to; walks of tasks
 *   css.c	subsystems, and references to their states
 *   root.c	hierarchies: begin, end, and what is bound to them
 *   mount.c	mount options and superblocks
 *   dir.c	containers as directories: mkdir, rmdir, rename; walks of them
 *   file.c	files in general, and the small ones of every container
 *   tasks.c	the files "tasks" and "procs"
 *   release.c	what happens when a container falls empty
 *   proc.c	/proc/containers and /proc/PID/container
 *
 * Locks, outermost first:
 *
 *   container_mutex	hierarchies, the tree of containers, all moves of
 *			tasks.  Never taken by fork or exit.  A file or
 *			directory operation of kernfs must drop its active
 *			reference first: container_kn_lock()
 *   cpu_hotplug_lock	where the first mount and the last unmount turn static
 *			keys; so no CPU hotplug callback may take container_mutex
 *   container_move_sem	for reading: no task moves.  May be taken alone, with an
 *			active reference of kernfs held
 *   tasklist_lock	fork only
 *   siglock		of a thread group: its tasks' ->containers and the births
 *			of new ones; see member.c
 *   container_set->lock	the set's tasks.  A move holds two, the target set's
 *			second
 *   container->lock	the container's sets, and whether it is busy
 *
 * All spinlocks are taken with interrupts off: fork holds two that are.
 */
#ifndef _KERNEL_CONTAINER_INTERNAL_H
#define _KERNEL_CONTAINER_INTERNAL_H

#include <linux/containers.h>
#include <linux/fs_context.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>

#define CONTAINERFS_MAGIC	0x27e0eb	/* as in 2006 */
#define MAX_CONTAINER_ROOT_NAMELEN	64
/*
 * kernfs puts a path together with interrupts off, in a time that grows with the
 * square of its depth.
 */
#define MAX_CONTAINER_DEPTH	100

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
	struct list_head node;		/* on container_roots while active */
	unsigned int slot;		/* index in container_set->at; constant */
	unsigned long subsys_mask;	/* of subsystem ids; constant when active */
	bool noprefix;			/* constant */
	char name[MAX_CONTAINER_ROOT_NAMELEN + 1];	/* constant; may be "" */
	unsigned int users;		/* superblocks, and mounts under way */
	unsigned int nr_containers;
	struct kernfs_root *kf_root;

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
extern unsigned long container_fork_hearers;
struct container_subsys *container_subsys_by_name(const char *name);
unsigned long container_subsys_all(void);
int container_create_states(struct container *cont);
void container_remove_states(struct container *cont);
void container_destroy_states(struct container *cont);

/* The first subsystem of @mask from @id on, or NULL; @id becomes its id. */
static inline struct container_subsys *
container_subsys_from(unsigned long mask, unsigned int *id)
{
	*id = find_next_bit(&mask, MAX_SUBSYS, *id);
	return *id < MAX_SUBSYS ? container_subsys_by_id[*id] : NULL;
}

/* Walk the subsystems whose ids are in a mask, which must not change meanwhile. */
#define for_each_subsys_in(ss, id, mask)				\
	for ((id) = 0; ((ss) = container_subsys_from(mask, &(id))); (id)++)

/* root.c */
extern struct containerfs_root container_dummy;
extern struct list_head container_roots;
struct containerfs_root *containerfs_root_start(unsigned long subsys_mask,
						const char *name,
						bool noprefix);
void containerfs_root_put(struct containerfs_root *root);
void container_set_release_agent(struct containerfs_root *root, char *path);

/* set.c */
extern struct list_head container_sets;
struct container_set *container_set_find(struct container_set *from,
					 struct container *to);
struct container_set *task_set_get(struct task_struct *task);
bool container_set_tryget(struct container_set *set);
void container_set_arrive(struct container_set *set);
void container_set_leave(struct container_set *set);
void container_set_link(struct container_set *set, struct task_struct *task);
void container_set_unlink(struct container_set *set, struct task_struct *task);
void container_sets_enter_root(struct containerfs_root *root);
void container_sets_leave_root(struct containerfs_root *root);
void container_sets_kill(struct container *cont);
void container_sets_reap(void);
struct container *container_set_container(struct container_set *set,
					  struct containerfs_root *root);

/* member.c */
extern struct rw_semaphore container_move_sem;
int container_attach(struct container *to, struct task_struct *task,
		     bool whole_group);
void container_tracking_start(void);
void container_tracking_stop(void);
int container_counting_start(struct containerfs_root *root);
void container_counting_stop(struct containerfs_root *root);

/* dir.c */
void container_init(struct container *cont, struct containerfs_root *root,
		    struct container *parent);
void container_get(struct container *cont);
void container_put(struct container *cont);
struct container *container_kn_lock(struct kernfs_node *kn);
void container_kn_unlock(struct kernfs_node *kn);
extern struct kernfs_syscall_ops containerfs_syscall_ops;

/* file.c */
int container_populate(struct container *cont);

/* tasks.c */
extern const struct kernfs_ops container_tasks_ops;
extern const struct kernfs_ops container_procs_ops;

/* release.c */
void container_busy_inc(struct container *cont);
void container_busy_dec(struct container *cont);
void container_busy_inc_locked(struct container *cont);
void container_busy_dec_locked(struct container *cont);
void container_check_release(struct container *cont);

/* mount.c */
int containerfs_show_options(struct seq_file *m, struct kernfs_root *kf_root);

#endif /* _KERNEL_CONTAINER_INTERNAL_H */
