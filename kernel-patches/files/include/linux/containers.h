/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Process containers: tasks grouped by hierarchies of named containers, to
 * which subsystems attach state of their own.
 *
 * A subsystem needs this header only; kernel/container/debug.c is a small one
 * that uses all of it.  What a user of the filesystem sees is described in
 * Documentation/admin-guide/containers/.
 */
#ifndef _LINUX_CONTAINERS_H
#define _LINUX_CONTAINERS_H

#include <linux/sched.h>

struct container;

#ifdef CONFIG_CONTAINERS

#include <linux/jump_label.h>
#include <linux/kernfs.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct containerfs_root;
struct container_subsys;
struct pid;
struct pid_namespace;

#define MAX_CONTAINER_TYPE_NAMELEN	32	/* of a subsystem's name */
#define MAX_CFTYPE_NAME			64	/* with the subsystem's prefix */

/**
 * struct container_subsys_state - what a subsystem keeps for one container
 * @container: whose state this is; changes only for the state of a root, when
 *	its subsystem enters or leaves a mounted hierarchy
 * @ss: whose subsystem's state this is
 * @refcnt: references by container_css_tryget() and container_css_get(), none at first
 *
 * Called css for short.  A subsystem embeds it in a structure of its own and
 * allocates that in ->create() and frees it in ->destroy(); the fields here
 * are the framework's.
 */
struct container_subsys_state {
	struct container __rcu *container;
	struct container_subsys *ss;
	atomic_t refcnt;
};

/**
 * struct container - a named group of tasks in one hierarchy
 * @root: the hierarchy; never changes
 * @parent: the container above, pinned; NULL for the hierarchy's root
 * @kn: the directory; NULL in the dummy hierarchy
 * @subsys: by subsystem id, the states of the subsystems bound to @root
 *
 * The rest is private to kernel/container/.
 */
struct container {
	struct containerfs_root *root;
	struct container *parent;
	struct kernfs_node *kn;
	struct container_subsys_state *subsys[CONFIG_MAX_CONTAINER_SUBSYS];

	/* private: */
	refcount_t refs;		/* keeps the memory, not the directory */
	unsigned int depth;		/* 0 for the top; constant */
	struct kernfs_node *events;	/* the file; NULL in a top and while nobody sees it */
	struct list_head children;	/* container_mutex; RCU for readers */
	struct list_head sibling;
	unsigned int nr_descendants;	/* container_mutex */
	unsigned int max_descendants;	/* the same; UINT_MAX for no limit */

	spinlock_t lock;		/* for what follows; see internal.h */
	struct list_head sets;
	unsigned int busy;
	unsigned int populated;		/* see events.c */
	unsigned int nr_children;
	unsigned int kept;		/* by container_keep() */
	bool removed;
	bool notify_on_release;
	bool clone_children;		/* no lock */
	bool auto_delete;
	bool release_pending;
	bool release_queued;
	bool agent_starting;
	bool delete_due;
	bool delete_queued;
	bool delete_missed;
	struct llist_node release_node;
	struct llist_node delete_node;
	struct rcu_work free_work;
};

/*
 * A container_set says for each active hierarchy in which container a task
 * is.  Tasks with the same answer share one set, so that a task needs a single
 * pointer however many hierarchies there are.  kernel/container/member.c tells
 * how a task's pointer changes.
 */
struct container_set {
	/* by subsystem id: the state that governs the tasks of this set */
	struct container_subsys_state *subsys[CONFIG_MAX_CONTAINER_SUBSYS];

	/* private: */
	refcount_t refs;		/* not used by init_container_set */
	spinlock_t lock;		/* tasks, nr_tasks, iters */
	unsigned int nr_tasks;
	struct hlist_head tasks;
	struct list_head iters;
	/* a container of this set has been removed: nobody may join it */
	bool dead;
	bool killing;			/* see kill.c */
	struct {
		struct container *container;
		struct list_head node;	/* on container->sets */
	} at[CONFIG_MAX_CONTAINER_HIERARCHIES];
	struct hlist_node hash;
	struct list_head all;
	struct llist_node reap_node;
	struct rcu_head rcu;
};

/* Where every task begins: the root of each hierarchy.  It never goes away. */
extern struct container_set init_container_set;

/**
 * struct cftype - one file of a subsystem, in every container it is added to
 * @name: the file's name; the framework puts "SUBSYS." in front of it
 * @flags: CFTYPE_*
 * @max_write_len: writes of more bytes than this fail with E2BIG; 0 stands for
 *	64, enough for a number
 * @read_u64: returns the number to be shown
 * @write_u64: takes the number written; returns 0 or a negative errno.  What
 *	container_parse_u64() does not take never gets here: EINVAL
 * @seq_show: shows the file's text; seq_container() and seq_cftype() tell of what
 * @write: takes the text written, as a string of its own without white space
 *	around it; of_container() and of_cftype() tell to what.  Returns 0 or a
 *	negative errno
 * @kf_ops: instead of the handlers above, for a file that needs more; private
 *	to the framework's own files
 * @private: for the subsystem's use
 * @ss: whose file it is; set by container_add_file()
 *
 * The handlers decide the file's mode: 0444 with one that reads, 0200 with one
 * that writes, 0644 with both; what a file has no handler for is EINVAL, for who may
 * open it all the same.  They may sleep, are called by several tasks
 * at a time, and hold an active reference to the file: the container's
 * state cannot go away meanwhile, though the container may be removed, and a handler
 * must not wait for container_mutex.
 */
struct cftype {
	char name[MAX_CFTYPE_NAME];
	unsigned int flags;
	size_t max_write_len;
	u64 (*read_u64)(struct container *cont, struct cftype *cft);
	int (*write_u64)(struct container *cont, struct cftype *cft, u64 val);
	int (*seq_show)(struct seq_file *m, void *v);
	int (*write)(struct kernfs_open_file *of, char *buf);
	const struct kernfs_ops *kf_ops;
	unsigned long private;
	struct container_subsys *ss;
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	struct lock_class_key lockdep_key;
#endif
};

#define CFTYPE_ONLY_ON_ROOT	BIT(0)	/* only in a hierarchy's root */
#define CFTYPE_NOT_ON_ROOT	BIT(1)	/* in every container but the root */

/**
 * struct container_subsys - a subsystem, as it registers itself
 * @name: at most MAX_CONTAINER_TYPE_NAMELEN bytes; prefix of its files and
 *	mount option
 * @create: makes the state of @cont, which has its parent's at hand, and
 *	returns it or an ERR_PTR.  Called for the root at registration, then in
 *	each mkdir.  Nobody else may find the state before mkdir is complete.
 *	Holds container_mutex, may sleep.  Undone by @destroy
 * @destroy: frees a state.  Nobody can reach it any more: a grace period has
 *	passed since the last task or holder left.  May sleep; holds no lock
 * @drain: somebody wants to remove @css's container.  References to @css that nobody needs
 *	but to be faster are given back here, or they would refuse it.  Optional.  Holds
 *	container_mutex, may sleep
 * @remove: @css's container has been removed, or mkdir has failed: no task is in
 *	it, none will come, nobody holds it, and no handler of its files runs.
 *	Forks that began there may still come to @can_fork and then to @cancel_fork,
 *	exits be on their way to @exit, and dead tasks keep the memory for long: what
 *	@css takes from its parent is given back here, not in @destroy, and what comes
 *	later is charged to @css and to those above as if it were there.  Called once
 *	for each state but a root's, before @destroy.  Optional.  Holds container_mutex,
 *	may sleep
 * @clone: let @child, which is being made, begin with the settings of @parent, its
 *	parent's state.  Returns 0 or a negative errno that fails the mkdir; then
 *	@remove and @destroy follow.  Optional.  Called after every @create and
 *	@populate, in mkdir where the parent's file "clone_children" says 1, and for
 *	each container that the kernel makes for a task.
 *	container_for_each_child() finds @child from here on, so a subsystem that
 *	takes a lock of its own here and where settings change misses nothing.
 *	Holds container_mutex, may sleep
 * @populate: adds the subsystem's files to @cont with container_add_files();
 *	returns 0 or a negative errno.  Optional.  Called in mkdir, and in mount
 *	for the root.  Only the latter holds container_mutex; may sleep.  The files
 *	go by themselves
 * @bind: @ss is now in the hierarchy whose root container is @top: a mounted
 *	one, or the dummy once more (@top->kn is NULL).  At mount it comes
 *	before the first task is counted, at the end after the last has left.
 *	Optional.  Holds container_mutex, may sleep
 * @may_attach: may the one with the credentials @cred, or the kernel itself where
 *	that is NULL, move @task to @to?  0, or a negative errno that fails the whole
 *	move.  Current may have other credentials: it need not be who opened the file.
 *	Charges nothing, so nothing undoes it: that is for @can_attach.  Called for
 *	each task that moves, before anything is charged for any of them, but for a
 *	thread that is born meanwhile: before it is charged; and with the parent for a
 *	child that is to be born in @to, a container made for it.  Optional.  Holds
 *	container_mutex, may sleep; see @can_attach on forks
 * @can_attach: may @task move to @to?  0, or a negative errno that fails the
 *	whole move.  A subsystem that counts charges @to here.  Undone by
 *	@cancel_attach.  Holds container_mutex, may sleep.  @task may exit meanwhile,
 *	and fork; where its whole group moves, forks that have not begun wait,
 *	with no lock of fork's, and a thread that is born all the same is asked for,
 *	too
 * @cancel_attach: the move of @task to @to did not happen after all: another
 *	task or subsystem refused, or @task has exited.  Context of @can_attach
 * @moving: @task moves from @from to @to this very moment, and nothing can stop it.
 *	Nobody can find it in @to before this is over, and no child of it be born there.
 *	So a subsystem that refuses no move and must have counted a task before those
 *	whom it makes charges @to and uncharges @from here.  Optional.  Context of
 *	@moved
 * @moved: @task has moved to @to this very moment: who looks for it under the locks held
 *	has not seen it there yet.  For what must not wait for @attach, which may
 *	come much later.  Optional.  Interrupts off, but for PREEMPT_RT, under spinlocks,
 *	none of which is the scheduler's
 * @attach: @task has moved to @to; a subsystem that counts uncharges @from
 *	here.  @from is NULL where the task did not move: the hierarchy has just
 *	been mounted, and a task which was there before is counted in the root.
 *	@task may have exited since, and even been reaped: exit(@to, @task) and
 *	reaped(@to, @task) are called after that.  It may have made children in @to since,
 *	which @can_fork has charged.  Context of @can_attach
 * @post_attach: the tasks of a move to @to, one at least, have been attached.  The place for
 *	slow work.  Context of @attach
 * @can_fork: may @child be born in @css?  0, or a negative errno that becomes
 *	fork()'s.  A subsystem that counts charges here.  Undone by @cancel_fork.
 *	In the parent's context, may sleep.  No lock of the framework is held, but those
 *	that fork has: where cgroups are built cgroup_threadgroup_rwsem, for reading,
 *	and for clone3() into a cgroup cgroup_mutex; where BPF can schedule
 *	scx_fork_rwsem, for reading.  @child is not visible yet, and @css may have been
 *	removed: then @cancel_fork follows
 * @cancel_fork: @child was not born, or not in @css: its parent moved while it
 *	was being made, and can_fork() is asked again.  Context of @can_fork
 * @born: @child is born in @css; its fork can no longer fail.  Not called where
 *	can_fork() was not.  Optional.  Interrupts off, but for PREEMPT_RT, under
 *	tasklist_lock: for no more than to count
 * @fork: @child has been born and is visible, but has not run yet.  It may have
 *	been moved already, and @css is where it is now; a move to come calls its
 *	->attach() later.  Where the hierarchy has just begun @child may have been
 *	counted by ->attach() before, so nothing may be charged here.  Under a
 *	spinlock
 * @exit: @task leaves @css: it exits, or the hierarchy ends.  A subsystem that
 *	counts uncharges @css.  Called exactly once for each task that
 *	can_fork() or attach(…, NULL, …) counted; by @task itself, or by who has
 *	moved it meanwhile.  Under rcu_read_lock(): must not sleep
 * @reaped: @task, which died in @css, has been reaped: its numbers are free again.
 *	A subsystem that counts the dead, too, uncharges @css here and not in
 *	@exit.  Called exactly once for each task that was counted, after @exit;
 *	where the hierarchy ends, at once, and no more when the task is reaped.  A
 *	task that exited before the hierarchy began was never counted.  The container
 *	may have been removed since the exit, and @remove been called: @css is
 *	still there, and so are the states above.  Context of @exit
 * @clone_flags: CLONE_NEW*: a task that makes such a namespace moves into a new child
 *	of its container, or is born there, in the same step: see clone.c.  One
 *	subsystem at most can have these
 * @made_for: @css's container has been made for @task, by @clone_flags or by
 *	container_clone(), and @task is in it.  Nobody else can have found the container
 *	yet.  Optional.  May sleep
 * @id: index of the subsystem's state in containers and sets
 * @root: the hierarchy that the subsystem is in, the dummy at first; changes
 *	under container_mutex
 * @root_css: the state of the root container, whichever hierarchy that is in;
 *	lives for ever
 * @active: registration is complete.  Turns true with release semantics after
 *	every set, and so every task, has its state; code that interrupts can
 *	reach tests it (or a static key set after it) with container_subsys_active()
 *
 * Only @name, @create and @destroy are mandatory.  @can_fork, @fork, @born, @exit and
 * @reaped are called only for forks that begin, and tasks that live, while the subsystem is in
 * a mounted hierarchy.  A fork that sleeps over the hierarchy's end calls
 * @cancel_fork after @bind: counts must be taken back, not reset.  A subsystem
 * that has one of these callbacks is said to count tasks.
 */
struct container_subsys {
	const char *name;

	struct container_subsys_state *(*create)(struct container_subsys *ss,
						 struct container *cont);
	void (*destroy)(struct container_subsys_state *css);
	void (*drain)(struct container_subsys_state *css);
	void (*remove)(struct container_subsys_state *css);
	int (*clone)(struct container_subsys_state *parent,
		     struct container_subsys_state *child);
	int (*populate)(struct container_subsys *ss, struct container *cont);
	void (*bind)(struct container_subsys *ss, struct container *top);

	int (*may_attach)(struct container_subsys_state *to,
			  struct task_struct *task, const struct cred *cred);
	int (*can_attach)(struct container_subsys_state *to,
			  struct task_struct *task);
	void (*cancel_attach)(struct container_subsys_state *to,
			      struct task_struct *task);
	void (*moving)(struct container_subsys_state *to,
		       struct container_subsys_state *from,
		       struct task_struct *task);
	void (*moved)(struct container_subsys_state *to,
		      struct task_struct *task);
	void (*attach)(struct container_subsys_state *to,
		       struct container_subsys_state *from,
		       struct task_struct *task);
	void (*post_attach)(struct container_subsys_state *to);

	int (*can_fork)(struct container_subsys_state *css,
			struct task_struct *child);
	void (*cancel_fork)(struct container_subsys_state *css,
			    struct task_struct *child);
	void (*born)(struct container_subsys_state *css,
		     struct task_struct *child);
	void (*fork)(struct container_subsys_state *css,
		     struct task_struct *child);
	void (*exit)(struct container_subsys_state *css,
		     struct task_struct *task);
	void (*reaped)(struct container_subsys_state *css,
		       struct task_struct *task);

	u64 clone_flags;
	void (*made_for)(struct container_subsys_state *css,
			 struct task_struct *task);

	/* set by the framework */
	unsigned int id;
	struct containerfs_root *root;
	struct container_subsys_state *root_css;
	bool active;
};

int container_register_subsys(struct container_subsys *ss);

/**
 * container_subsys_active - is @ss ready for use?
 * @ss: a subsystem
 *
 * Any context.  After a true answer task_subsys_state() and its kin may be used
 * for @ss.  Pairs with the release in container_register_subsys().
 */
static inline bool container_subsys_active(const struct container_subsys *ss)
{
	/* Pairs with container_register_subsys(). */
	return smp_load_acquire(&ss->active);
}

/**
 * task_subsys_state - the state that governs a task
 * @task: any task: running, idle, exiting, or being forked
 * @ss: an active subsystem
 *
 * Never NULL.  Any context, under rcu_read_lock(), which also keeps the result.
 */
static inline struct container_subsys_state *
task_subsys_state(struct task_struct *task, const struct container_subsys *ss)
{
	return READ_ONCE(rcu_dereference(task->containers)->subsys[ss->id]);
}

/**
 * task_container - the container that a task is in
 * @task: any task
 * @ss: an active subsystem, which names the hierarchy
 *
 * Never NULL.  Any context, under rcu_read_lock(), which also keeps the result.
 */
static inline struct container *
task_container(struct task_struct *task, const struct container_subsys *ss)
{
	return rcu_dereference(task_subsys_state(task, ss)->container);
}

/**
 * task_has_begun_to_exit - is there nothing more to do for a task?
 * @task: any task
 *
 * A task changes its flags as it likes, so of another's the answer is of the moment.
 * One that has begun to exit never turns back.  Any context, the task pinned.
 */
static inline bool task_has_begun_to_exit(struct task_struct *task)
{
	return READ_ONCE(task->flags) & PF_EXITING;
}

/**
 * container_subsys_state - a container's state of one subsystem
 * @cont: a container of the hierarchy that @ss is in, pinned by the caller
 * @ss: an active subsystem
 *
 * Any context.
 */
static inline struct container_subsys_state *
container_subsys_state(const struct container *cont,
		       const struct container_subsys *ss)
{
	return cont->subsys[ss->id];
}

/**
 * container_subsys_root - the root container of a subsystem's hierarchy
 * @ss: an active subsystem
 *
 * The dummy hierarchy's where @ss is not mounted.  Never NULL.  Any context,
 * under rcu_read_lock(), which also keeps the result.
 */
static inline struct container *
container_subsys_root(const struct container_subsys *ss)
{
	return rcu_dereference(ss->root_css->container);
}

/**
 * container_css_parent - the state of the container above
 * @css: a state, reachable by the caller
 *
 * NULL for a root's.  Any context; lives as long as @css.
 */
static inline struct container_subsys_state *
container_css_parent(const struct container_subsys_state *css)
{
	struct container *cont, *parent;

	if (css == css->ss->root_css)
		return NULL;
	/* constant for all but roots, so neither RCU nor a lock is needed */
	cont = rcu_dereference_raw(css->container);
	parent = cont->parent;
	return parent->subsys[css->ss->id];
}

bool container_css_tryget(struct container_subsys_state *css);
void container_css_get(struct container_subsys_state *css);
void container_css_put(struct container_subsys_state *css);

int container_add_file(struct container *cont, struct container_subsys *ss,
		       struct cftype *cft);
int container_add_files(struct container *cont, struct container_subsys *ss,
			struct cftype *cfts, unsigned int count);

/* The container and the cftype of an open file, in a handler of it. */
static inline struct container *of_container(const struct kernfs_open_file *of)
{
	return of->kn->parent->priv;
}

static inline struct cftype *of_cftype(const struct kernfs_open_file *of)
{
	return of->kn->priv;
}

static inline struct container *seq_container(const struct seq_file *m)
{
	return of_container(m->private);
}

static inline struct cftype *seq_cftype(const struct seq_file *m)
{
	return of_cftype(m->private);
}

int container_parse_u64(const char *text, u64 *val);

/* For paths up to PATH_MAX with the byte that ends them. */
#define CONTAINER_PATH_LEN	(PATH_MAX + 1)

int container_path(struct container *cont, char *buf, size_t len);

/**
 * container_populated - is a live task in a container or below it?
 * @cont: pinned by the caller
 *
 * A task that arrives or leaves meanwhile may be seen or not.  Any context.
 */
static inline bool container_populated(const struct container *cont)
{
	return READ_ONCE(cont->populated);
}

int container_clone(struct task_struct *task, struct container_subsys *ss);

struct container *container_next_pre(struct container *pos,
				     struct container *top);
struct container *container_next_post(struct container *pos,
				      struct container *top);

/**
 * container_for_each_child - walk the children of a container
 * @pos: the child, a struct container *
 * @cont: their parent
 *
 * Under rcu_read_lock() or container_mutex.  A child made or removed meanwhile
 * may be seen or not.
 */
#define container_for_each_child(pos, cont)				\
	list_for_each_entry_rcu(pos, &(cont)->children, sibling,	\
				container_mutex_held())

/**
 * container_for_each_descendant_pre - walk a subtree, parents before children
 * @pos: cursor, a struct container *
 * @top: the subtree's root, which comes first
 *
 * Context as for container_for_each_child().
 */
#define container_for_each_descendant_pre(pos, top)			\
	for ((pos) = (top); (pos); (pos) = container_next_pre(pos, top))

/**
 * container_for_each_descendant_post - walk a subtree, children before parents
 * @pos: cursor, a struct container *
 * @top: the subtree's root, which comes last
 *
 * Context as for container_for_each_child().
 */
#define container_for_each_descendant_post(pos, top)			\
	for ((pos) = container_next_post(NULL, top); (pos);		\
	     (pos) = container_next_post(pos, top))

#ifdef CONFIG_PROVE_LOCKING
bool container_mutex_held(void);
#else
static inline bool container_mutex_held(void)
{
	return true;
}
#endif

/**
 * struct container_task_iter - a walk of a container's tasks; on the stack
 *
 * All fields are private.
 */
struct container_task_iter {
	struct container *container;
	struct container_set *set;	/* pinned; NULL at the end */
	struct task_struct *next;	/* protected by set->lock */
	struct task_struct *task;	/* pinned for the caller */
	struct list_head node;		/* on set->iters */
};

void container_task_iter_start(struct container *cont,
			       struct container_task_iter *it);
struct task_struct *container_task_iter_next(struct container_task_iter *it);
void container_task_iter_end(struct container_task_iter *it);
int container_walk_tasks(struct container *cont,
			 int (*fn)(struct task_struct *task, void *data),
			 void *data);

#endif /* CONFIG_CONTAINERS */
#endif /* _LINUX_CONTAINERS_H */
