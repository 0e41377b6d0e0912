// SPDX-License-Identifier: GPL-2.0
/*
 * A pair of subsystems to test the container framework with, debug_a and
 * debug_b.  They count every callback and every task, and fail on demand.
 *
 *   X.callbacks	how often each callback, and the reading of X.reader, was
 *			called for this container; for bind, remove and destroy, in
 *			the whole subsystem
 *   X.counted		tasks that the subsystem has counted in this container
 *   X.unreaped		the same, with the dead that have not been reaped yet
 *   X.live		states that exist, the root's included; root only
 *   X.hold		1 takes a reference to the state, 0 drops it
 *   X.setting		a number that clone() gives to children
 *   X.fail_create	an errno for create() of children; 0 lets it succeed
 *   X.fail_clone	the same for clone()
 *   X.fail_can_attach	the same for can_attach()
 *   X.fail_can_fork	the same for can_fork()
 *   X.hold_can_fork	1 keeps forks waiting once they are counted, until 0 is
 *			written or they are killed: what else happens to a
 *			fork meanwhile then needs no luck to be seen.  Not for the
 *			root, where kernel threads are born, which cannot be killed
 *   X.hold_can_attach	the same for moves to here
 *   X.hold_attach	the same when the task is here already, and before the
 *			subsystem's ->attach() has counted it
 *   X.hold_readers	1 keeps those waiting who read X.reader, in any container,
 *			until 0 is written or they are killed; root only
 *   X.reader		0, to be read by them
 *
 * There are two so that they can be in one hierarchy or in two.  It is also the
 * shortest example of a subsystem that uses all that the framework has.
 */
#include <linux/containers.h>
#include <linux/init.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

enum callback {
	CB_CREATE,
	CB_CLONE,
	CB_CAN_ATTACH,
	CB_CANCEL_ATTACH,
	CB_MOVING,
	CB_MOVED,
	CB_ATTACH,
	CB_POST_ATTACH,
	CB_CAN_FORK,
	CB_CANCEL_FORK,
	CB_BORN,
	CB_FORK,
	CB_EXIT,
	CB_REAPED,
	CB_POPULATE,
	CB_READER,
	NR_CALLBACKS,
};

static const char * const callback_names[NR_CALLBACKS] = {
	[CB_CREATE]		= "create",
	[CB_CLONE]		= "clone",
	[CB_CAN_ATTACH]		= "can_attach",
	[CB_CANCEL_ATTACH]	= "cancel_attach",
	[CB_MOVING]		= "moving",
	[CB_MOVED]		= "moved",
	[CB_ATTACH]		= "attach",
	[CB_POST_ATTACH]	= "post_attach",
	[CB_CAN_FORK]		= "can_fork",
	[CB_CANCEL_FORK]	= "cancel_fork",
	[CB_BORN]		= "born",
	[CB_FORK]		= "fork",
	[CB_EXIT]		= "exit",
	[CB_REAPED]		= "reaped",
	[CB_POPULATE]		= "populate",
	[CB_READER]		= "reader",
};

/* Callbacks that can be made to fail: what cftype->private names. */
enum failing {
	FAIL_CREATE,
	FAIL_CLONE,
	FAIL_CAN_ATTACH,
	FAIL_CAN_FORK,
	NR_FAILING,
};

/* Who can be kept waiting: what cftype->private names. */
enum held {
	HOLD_CAN_FORK,
	HOLD_CAN_ATTACH,
	HOLD_ATTACH,
	HOLD_READERS,
	NR_HELD,
};

struct debug_state {
	struct container_subsys_state css;
	atomic_long_t calls[NR_CALLBACKS];
	atomic_long_t tasks;
	atomic_long_t unreaped;
	u64 setting;
	atomic_t held;			/* 1 with a reference by X.hold */
	int fail[NR_FAILING];		/* 0 or a negative errno */
	bool hold[NR_HELD];
};

#define NR_FILES	15

/* One of the two, and what is counted for it as a whole. */
struct debug_subsys {
	struct container_subsys ss;
	struct cftype files[NR_FILES];
	atomic_long_t binds;
	atomic_long_t removes;
	atomic_long_t destroys;
	atomic_long_t live;
};

static struct debug_state *debug_state(struct container_subsys_state *css)
{
	return container_of(css, struct debug_state, css);
}

static struct debug_subsys *debug_subsys(struct container_subsys *ss)
{
	return container_of(ss, struct debug_subsys, ss);
}

static void count(struct container_subsys_state *css, enum callback cb)
{
	atomic_long_inc(&debug_state(css)->calls[cb]);
}

/* A task more or less in a container, alive or about to be. */
static void add_task(struct container_subsys_state *css, int n)
{
	atomic_long_add(n, &debug_state(css)->tasks);
	atomic_long_add(n, &debug_state(css)->unreaped);
}

static struct container_subsys_state *debug_create(struct container_subsys *ss,
						   struct container *cont)
{
	struct debug_state *st;
	int fail = 0;

	if (cont->parent)
		fail = READ_ONCE(debug_state(container_subsys_state(cont->parent,
								    ss))->fail[FAIL_CREATE]);
	if (fail)
		return ERR_PTR(fail);
	st = kzalloc(sizeof(*st), GFP_KERNEL);
	if (!st)
		return ERR_PTR(-ENOMEM);
	atomic_long_inc(&debug_subsys(ss)->live);
	count(&st->css, CB_CREATE);
	return &st->css;
}

static int debug_clone(struct container_subsys_state *parent,
		       struct container_subsys_state *child)
{
	int fail = READ_ONCE(debug_state(parent)->fail[FAIL_CLONE]);

	if (fail)
		return fail;
	count(child, CB_CLONE);
	debug_state(child)->setting = READ_ONCE(debug_state(parent)->setting);
	return 0;
}

static void debug_remove(struct container_subsys_state *css)
{
	atomic_long_inc(&debug_subsys(css->ss)->removes);
}

static void debug_destroy(struct container_subsys_state *css)
{
	struct debug_subsys *ds = debug_subsys(css->ss);
	struct debug_state *st = debug_state(css);

	WARN_ON_ONCE(atomic_long_read(&st->tasks));
	WARN_ON_ONCE(atomic_long_read(&st->unreaped));
	atomic_long_inc(&ds->destroys);
	atomic_long_dec(&ds->live);
	kfree(st);
}

static void set_hold(struct debug_state *st, enum held who, bool hold)
{
	/* Orders the store before the look for waiters in wake_up_var(). */
	smp_store_mb(st->hold[who], hold);
	wake_up_var(&st->hold[who]);
}

/* One that is killed goes on. */
static void wait_while_held(struct debug_state *st, enum held who)
{
	wait_var_event_killable(&st->hold[who], !READ_ONCE(st->hold[who]));
}

/* What was to fail in one hierarchy must not fail the mount of the next. */
static void debug_bind(struct container_subsys *ss, struct container *top)
{
	struct debug_state *st = debug_state(ss->root_css);
	enum held who;

	memset(st->fail, 0, sizeof(st->fail));
	for (who = 0; who < NR_HELD; who++)
		set_hold(st, who, false);
	atomic_long_inc(&debug_subsys(ss)->binds);
}

static int debug_can_attach(struct container_subsys_state *to,
			    struct task_struct *task)
{
	int fail = READ_ONCE(debug_state(to)->fail[FAIL_CAN_ATTACH]);

	count(to, CB_CAN_ATTACH);
	if (fail)
		return fail;
	add_task(to, 1);
	wait_while_held(debug_state(to), HOLD_CAN_ATTACH);
	return 0;
}

static void debug_cancel_attach(struct container_subsys_state *to,
				struct task_struct *task)
{
	count(to, CB_CANCEL_ATTACH);
	add_task(to, -1);
}

static void debug_moving(struct container_subsys_state *to,
			 struct container_subsys_state *from,
			 struct task_struct *task)
{
	count(to, CB_MOVING);
}

static void debug_moved(struct container_subsys_state *to,
			struct task_struct *task)
{
	count(to, CB_MOVED);
}

static void debug_attach(struct container_subsys_state *to,
			 struct container_subsys_state *from,
			 struct task_struct *task)
{
	wait_while_held(debug_state(to), HOLD_ATTACH);
	count(to, CB_ATTACH);
	if (from)
		add_task(from, -1);
}

static void debug_post_attach(struct container_subsys_state *to)
{
	count(to, CB_POST_ATTACH);
}

static int debug_can_fork(struct container_subsys_state *css,
			  struct task_struct *child)
{
	int fail = READ_ONCE(debug_state(css)->fail[FAIL_CAN_FORK]);

	count(css, CB_CAN_FORK);
	if (fail)
		return fail;
	add_task(css, 1);
	/* If it is killed fork finds that out by itself, later. */
	wait_while_held(debug_state(css), HOLD_CAN_FORK);
	return 0;
}

static void debug_cancel_fork(struct container_subsys_state *css,
			      struct task_struct *child)
{
	count(css, CB_CANCEL_FORK);
	add_task(css, -1);
}

static void debug_born(struct container_subsys_state *css,
		       struct task_struct *child)
{
	count(css, CB_BORN);
}

static void debug_fork(struct container_subsys_state *css,
		       struct task_struct *child)
{
	count(css, CB_FORK);
}

static void debug_exit(struct container_subsys_state *css,
		       struct task_struct *task)
{
	count(css, CB_EXIT);
	atomic_long_dec(&debug_state(css)->tasks);
}

static void debug_reaped(struct container_subsys_state *css,
			 struct task_struct *task)
{
	count(css, CB_REAPED);
	atomic_long_dec(&debug_state(css)->unreaped);
}

static struct debug_state *file_state(struct container *cont,
				      struct cftype *cft)
{
	return debug_state(container_subsys_state(cont, cft->ss));
}

static int show_callbacks(struct seq_file *m, void *v)
{
	struct debug_state *st = file_state(seq_container(m), seq_cftype(m));
	struct debug_subsys *ds = debug_subsys(st->css.ss);
	enum callback cb;

	for (cb = 0; cb < NR_CALLBACKS; cb++)
		seq_printf(m, "%s %ld\n", callback_names[cb],
			   atomic_long_read(&st->calls[cb]));
	seq_printf(m, "bind %ld\n", atomic_long_read(&ds->binds));
	seq_printf(m, "remove %ld\n", atomic_long_read(&ds->removes));
	seq_printf(m, "destroy %ld\n", atomic_long_read(&ds->destroys));
	return 0;
}

static int show_counted(struct seq_file *m, void *v)
{
	struct debug_state *st = file_state(seq_container(m), seq_cftype(m));

	/* signed, so that a count gone wrong shows as what it is */
	seq_printf(m, "%ld\n", atomic_long_read(&st->tasks));
	return 0;
}

static int show_unreaped(struct seq_file *m, void *v)
{
	struct debug_state *st = file_state(seq_container(m), seq_cftype(m));

	seq_printf(m, "%ld\n", atomic_long_read(&st->unreaped));
	return 0;
}

static u64 read_setting(struct container *cont, struct cftype *cft)
{
	return READ_ONCE(file_state(cont, cft)->setting);
}

static int write_setting(struct container *cont, struct cftype *cft, u64 val)
{
	WRITE_ONCE(file_state(cont, cft)->setting, val);
	return 0;
}

static u64 read_live(struct container *cont, struct cftype *cft)
{
	struct debug_state *st = file_state(cont, cft);

	return atomic_long_read(&debug_subsys(st->css.ss)->live);
}

static u64 read_hold(struct container *cont, struct cftype *cft)
{
	return atomic_read(&file_state(cont, cft)->held);
}

static int write_hold(struct container *cont, struct cftype *cft, u64 val)
{
	struct debug_state *st = file_state(cont, cft);

	if (val > 1)
		return -EINVAL;
	if (val && !container_css_tryget(&st->css))
		return -ENODEV;
	if (atomic_xchg(&st->held, val))
		container_css_put(&st->css);
	return 0;
}

static u64 read_fail(struct container *cont, struct cftype *cft)
{
	return -READ_ONCE(file_state(cont, cft)->fail[cft->private]);
}

static int write_fail(struct container *cont, struct cftype *cft, u64 val)
{
	if (val > MAX_ERRNO)
		return -EINVAL;
	WRITE_ONCE(file_state(cont, cft)->fail[cft->private], -(int)val);
	return 0;
}

static u64 read_held(struct container *cont, struct cftype *cft)
{
	return READ_ONCE(file_state(cont, cft)->hold[cft->private]);
}

static int write_held(struct container *cont, struct cftype *cft, u64 val)
{
	if (val > 1)
		return -EINVAL;
	set_hold(file_state(cont, cft), cft->private, val);
	return 0;
}

static u64 read_reader(struct container *cont, struct cftype *cft)
{
	count(&file_state(cont, cft)->css, CB_READER);
	wait_while_held(debug_state(cft->ss->root_css), HOLD_READERS);
	return 0;
}

static int debug_populate(struct container_subsys *ss, struct container *cont)
{
	count(container_subsys_state(cont, ss), CB_POPULATE);
	return container_add_files(cont, ss, debug_subsys(ss)->files, NR_FILES);
}

#define DEBUG_SUBSYS(subsys_name) {					\
	.ss = {								\
		.name		= subsys_name,				\
		.create		= debug_create,				\
		.clone		= debug_clone,				\
		.remove		= debug_remove,				\
		.destroy	= debug_destroy,			\
		.populate	= debug_populate,			\
		.bind		= debug_bind,				\
		.can_attach	= debug_can_attach,			\
		.cancel_attach	= debug_cancel_attach,			\
		.moving		= debug_moving,				\
		.moved		= debug_moved,				\
		.attach		= debug_attach,				\
		.post_attach	= debug_post_attach,			\
		.can_fork	= debug_can_fork,			\
		.cancel_fork	= debug_cancel_fork,			\
		.born		= debug_born,				\
		.fork		= debug_fork,				\
		.exit		= debug_exit,				\
		.reaped		= debug_reaped,				\
	},								\
	.files = {							\
		{ .name = "callbacks", .seq_show = show_callbacks },	\
		{ .name = "counted", .seq_show = show_counted },	\
		{ .name = "unreaped", .seq_show = show_unreaped },	\
		{ .name = "live", .read_u64 = read_live,		\
		  .flags = CFTYPE_ONLY_ON_ROOT },			\
		{ .name = "hold", .read_u64 = read_hold,		\
		  .write_u64 = write_hold },				\
		{ .name = "setting", .read_u64 = read_setting,		\
		  .write_u64 = write_setting },				\
		{ .name = "fail_create", .read_u64 = read_fail,		\
		  .write_u64 = write_fail, .private = FAIL_CREATE },	\
		{ .name = "fail_clone", .read_u64 = read_fail,		\
		  .write_u64 = write_fail, .private = FAIL_CLONE },	\
		{ .name = "fail_can_attach", .read_u64 = read_fail,	\
		  .write_u64 = write_fail, .private = FAIL_CAN_ATTACH },	\
		{ .name = "fail_can_fork", .read_u64 = read_fail,	\
		  .write_u64 = write_fail, .private = FAIL_CAN_FORK },	\
		{ .name = "hold_can_fork", .read_u64 = read_held,	\
		  .write_u64 = write_held, .private = HOLD_CAN_FORK },	\
		{ .name = "hold_can_attach", .read_u64 = read_held,	\
		  .write_u64 = write_held, .private = HOLD_CAN_ATTACH },	\
		{ .name = "hold_attach", .read_u64 = read_held,		\
		  .write_u64 = write_held, .private = HOLD_ATTACH },	\
		{ .name = "hold_readers", .read_u64 = read_held,	\
		  .write_u64 = write_held, .private = HOLD_READERS,	\
		  .flags = CFTYPE_ONLY_ON_ROOT },			\
		{ .name = "reader", .read_u64 = read_reader },		\
	},								\
}

static struct debug_subsys debug_pair[] = {
	DEBUG_SUBSYS("debug_a"),
	DEBUG_SUBSYS("debug_b"),
};

static int __init debug_init(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(debug_pair) && !ret; i++)
		ret = container_register_subsys(&debug_pair[i].ss);
	return ret;
}
subsys_initcall(debug_init);
