// SPDX-License-Identifier: GPL-2.0
/*
 * Cpusets: where the memory of tasks comes from, and where it goes.
 *
 * The page allocator goes by ->mems_allowed of the task that allocates, a copy of the
 * effective nodes of its cpuset; cpuset_place.c tells when it is made.  Memory policies
 * are rebound to the new nodes in the same step.  As long as no cpuset lacks a node that
 * has memory, the allocator's static key is off, and nobody looks: a cpuset that
 * restricts nothing costs nothing.
 *
 * What belongs to an address space follows later, in a worker: the policies of its
 * areas are rebound and, with memory_migrate, its pages moved.  Both need mmap_lock, which
 * any process can hold as long as it likes, with a page fault that a filesystem of
 * its own does not answer for example; so whoever asked waits with no lock
 * held, on his way back to user space, and can be killed.  An address space belongs to
 * the leader of its thread group, or to the threads that are left when that has exited.
 */
#include <linux/cpu.h>
#include <linux/init.h>
#include <linux/math64.h>
#include <linux/memory.h>
#include <linux/mempolicy.h>
#include <linux/oom.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "cpuset.h"

/* The kernel's own: tasks may be confined to nodes; some of these cannot be good. */
DEFINE_STATIC_KEY_FALSE(cpusets_pre_enable_key);
DEFINE_STATIC_KEY_FALSE(cpusets_enabled_key);
DEFINE_STATIC_KEY_FALSE(cpusets_insane_config_key);

/* Effective nodes */

static void compute_mems(struct cpuset *cs, nodemask_t *mems)
{
	if (!cs->parent) {
		*mems = node_states[N_MEMORY];
		return;
	}
	nodes_and(*mems, cs->set.mems, cs->parent->mems);
	if (nodes_empty(*mems) && !nodes_empty(cs->set.mems))
		*mems = cs->parent->mems;
}

/**
 * cpuset_restrict - note whether a cpuset confines its tasks to some nodes
 * @cs: the cpuset
 * @restricting: does it?
 *
 * Before tasks are confined, and after they are no longer.  Under cpu_hotplug_lock and
 * cpuset_mutex; may sleep.
 */
void cpuset_restrict(struct cpuset *cs, bool restricting)
{
	if (cs->restricting == restricting)
		return;
	cs->restricting = restricting;
	if (restricting)
		cpuset_inc();
	else
		cpuset_dec();
}

static bool is_restricting(struct cpuset *cs)
{
	return !nodes_empty(cs->mems) &&
	       !nodes_equal(cs->mems, cpuset_root.mems);
}

/* Only what can be moved may lie in such nodes: the allocator must look again. */
static void check_movable_only(struct cpuset *cs)
{
	if (cpusets_insane_config() || nodes_empty(cs->mems) ||
	    !movable_only_nodes(&cs->mems))
		return;
	static_branch_enable_cpuslocked(&cpusets_insane_config_key);
	pr_info("cpuset: nodes %*pbl have no memory for the kernel; allocations may fail there\n",
		nodemask_pr_args(&cs->mems));
}

static void store_mems(struct cpuset *cs, const nodemask_t *mems)
{
	WRITE_ONCE(cs->due, cs->due | CPUSET_DUE_MEMS);
	raw_spin_lock_irq(&cpuset_effective_lock);
	write_seqcount_begin(&cpuset_effective_seq);
	cs->mems = *mems;
	write_seqcount_end(&cpuset_effective_seq);
	raw_spin_unlock_irq(&cpuset_effective_lock);
	check_movable_only(cs);
}

/**
 * cpuset_update_mems - compute the effective nodes of a subtree
 * @top: its settings, or the nodes with memory, have changed
 *
 * What has changed is noted for cpuset_follow().  Under cpu_hotplug_lock and
 * cpuset_mutex, unsettled; may sleep.
 */
void cpuset_update_mems(struct cpuset *top)
{
	struct cpuset *pos = top;
	nodemask_t mems;

	while (pos) {
		compute_mems(pos, &mems);
		if (!nodes_equal(mems, pos->mems)) {
			store_mems(pos, &mems);
		} else if (top->parent) {
			pos = cpuset_next_outside(pos, top);
			continue;
		}
		if (is_restricting(pos))
			cpuset_restrict(pos, true);
		else if (!(pos->due & CPUSET_DUE_MEMS))
			cpuset_restrict(pos, false);
		pos = cpuset_next(pos, top);
	}
}

/**
 * cpuset_mems_followed - all tasks of a cpuset have its nodes
 * @cs: the cpuset
 *
 * Context of cpuset_update_mems().
 */
void cpuset_mems_followed(struct cpuset *cs)
{
	if (!is_restricting(cs))
		cpuset_restrict(cs, false);
}

/* Address spaces */

/*
 * What is to be done to an address space whose task has other nodes now.  One that has not
 * begun takes in what follows, so that each address space has two at most and one
 * worker, however often its nodes change while somebody holds its mmap_lock.
 */
struct mm_move {
	struct work_struct work;
	struct list_head node;		/* of mm_moves */
	struct completion done;
	refcount_t refs;
	struct mm_struct *mm;
	nodemask_t nodes;		/* of the policies */
	nodemask_t from;		/* of the pages, if these move */
	nodemask_t to;
	bool pages;
	bool begun;			/* takes in nothing more; under mm_moves_lock */
};

/* A task that has asked for a move, and waits for it on its way to user space. */
struct mm_move_waiter {
	struct callback_head work;
	struct mm_move *move;
};

static struct workqueue_struct *mm_move_wq;

/* Under way, in the order in which they were asked for; cpuset_mutex keeps that. */
static LIST_HEAD(mm_moves);
static DEFINE_SPINLOCK(mm_moves_lock);

static void mm_move_put(struct mm_move *move)
{
	if (refcount_dec_and_test(&move->refs))
		kfree(move);
}

/* The last move of an address space that is not over, or NULL.  Under mm_moves_lock. */
static struct mm_move *mm_move_last(const struct mm_struct *mm)
{
	struct mm_move *move;

	list_for_each_entry_reverse(move, &mm_moves, node)
		if (move->mm == mm)
			return move;
	return NULL;
}

/* In a worker, which may allocate anywhere. */
static void mm_move_workfn(struct work_struct *work)
{
	struct mm_move *move = container_of(work, struct mm_move, work), *next;

	scoped_guard(spinlock, &mm_moves_lock)
		move->begun = true;
	mpol_rebind_mm(move->mm, &move->nodes);
	if (move->pages)
		do_migrate_pages(move->mm, &move->from, &move->to,
				 MPOL_MF_MOVE_ALL);
	scoped_guard(spinlock, &mm_moves_lock) {
		list_del(&move->node);
		next = mm_move_last(move->mm);
	}
	if (next)
		queue_work(mm_move_wq, &next->work);
	mmput(move->mm);
	cpuset_settle();
	complete_all(&move->done);
	mm_move_put(move);
}

static void mm_move_wait(struct callback_head *work)
{
	struct mm_move_waiter *waiter =
		container_of(work, struct mm_move_waiter, work);

	/* Whoever is killed need not know. */
	wait_for_completion_killable(&waiter->move->done);
	mm_move_put(waiter->move);
	kfree(waiter);
}

/* Let current wait for a move, whose reference is taken over. */
static void mm_move_wait_later(struct mm_move *move)
{
	struct mm_move_waiter *waiter;

	if (!(current->flags & PF_KTHREAD)) {
		waiter = kmalloc(sizeof(*waiter), GFP_KERNEL | __GFP_NOFAIL);
		init_task_work(&waiter->work, mm_move_wait);
		waiter->move = move;
		if (!task_work_add(current, &waiter->work, TWA_RESUME))
			return;
		kfree(waiter);
	}
	mm_move_put(move);
}

/* Policies follow the last change; pages go from wherever they may be by then. */
static void mm_move_add(struct mm_move *move, const nodemask_t *from,
			const nodemask_t *to, bool pages)
{
	move->nodes = *to;
	if (!pages)
		return;
	nodes_or(move->from, move->from, *from);
	move->to = *to;
	move->pages = true;
}

/*
 * Ask for the move of an address space, whose reference is taken over, and let the
 * caller wait for it later.  None overtakes another, which would leave pages where the
 * other puts them.
 */
static void mm_move_queue(struct mm_struct *mm, const nodemask_t *from,
			  const nodemask_t *to, bool pages)
{
	struct mm_move *move, *fresh, *last;

	/* Small, and nothing that has been stored could be taken back. */
	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL | __GFP_NOFAIL);
	INIT_WORK(&fresh->work, mm_move_workfn);
	init_completion(&fresh->done);
	refcount_set(&fresh->refs, 1);
	fresh->mm = mm;

	spin_lock(&mm_moves_lock);
	last = mm_move_last(mm);
	move = last && !last->begun ? last : fresh;
	mm_move_add(move, from, to, pages);
	refcount_inc(&move->refs);
	if (move == fresh) {
		list_add_tail(&move->node, &mm_moves);
		/* mpol_dup() must know until the areas have been rebound. */
		cpuset_unsettle();
		/* Otherwise the one before it queues it when it is over. */
		if (!last)
			queue_work(mm_move_wq, &move->work);
	}
	spin_unlock(&mm_moves_lock);

	if (move != fresh) {
		kfree(fresh);
		mmput_async(mm);	/* no place to tear it down */
	}
	mm_move_wait_later(move);
}

/* Does the address space go where this thread goes? */
static bool leads_mm(struct task_struct *task)
{
	/* One that has been released has a leader who may be gone. */
	guard(rcu)();
	if (!pid_alive(task))
		return false;
	return thread_group_leader(task) ||
	       task_has_begun_to_exit(task->group_leader);
}

/* The address space of a group, from the first thread that has not left it, or NULL. */
static struct mm_struct *get_group_mm(struct task_struct *task)
{
	struct mm_struct *mm = NULL;
	struct task_struct *t;

	guard(rcu)();
	for_each_thread(task, t) {
		mm = get_task_mm(t);
		if (mm)
			break;
	}
	return mm;
}

/**
 * cpuset_task_set_mems - give a task the effective nodes of its cpuset
 * @cs: the cpuset
 * @task: pinned by the caller
 *
 * Allocations of @task that run meanwhile see some of the old or new nodes, and try again
 * before they fail.  What belongs to its address space follows later: the caller
 * waits for that on his way to user space.  Under cpuset_mutex; may sleep.
 */
void cpuset_task_set_mems(struct cpuset *cs, struct task_struct *task)
{
	nodemask_t from;
	struct mm_struct *mm;

	task_lock(task);
	from = task->mems_allowed;
	if (nodes_equal(from, cs->mems)) {
		task_unlock(task);
		return;
	}
	local_irq_disable();
	write_seqcount_begin(&task->mems_allowed_seq);
	/* There is no moment without a node for those who do not look at the count. */
	nodes_or(task->mems_allowed, task->mems_allowed, cs->mems);
	mpol_rebind_task(task, &cs->mems);
	task->mems_allowed = cs->mems;
	write_seqcount_end(&task->mems_allowed_seq);
	local_irq_enable();
	task_unlock(task);

	mm = leads_mm(task) ? get_group_mm(task) : NULL;
	if (mm)
		mm_move_queue(mm, &from, &cs->mems,
			      cpuset_has(cs, CPUSET_MEMORY_MIGRATE));
}

/**
 * cpuset_task_set_spread - give a task the flags of spreading of its cpuset
 * @cs: the cpuset
 * @task: pinned by the caller
 *
 * Under cpuset_mutex.
 */
void cpuset_task_set_spread(struct cpuset *cs, struct task_struct *task)
{
	if (cpuset_has(cs, CPUSET_SPREAD_PAGE))
		task_set_spread_page(task);
	else
		task_clear_spread_page(task);
	if (cpuset_has(cs, CPUSET_SPREAD_SLAB))
		task_set_spread_slab(task);
	else
		task_clear_spread_slab(task);
}

/**
 * current_cpuset_is_being_rebound - may a copy of current's policies be outdated?
 *
 * Asked by mpol_dup(), which then rebinds the copy to cpuset_mems_allowed().  That does no
 * harm to a policy of current's own which is not outdated.  Any context.
 */
bool current_cpuset_is_being_rebound(void)
{
	return !cpusets_settled();
}

/* Hotplug of memory */

/* Under cpu_hotplug_lock: whoever changes memory holds it. */
static int nodes_changed(struct notifier_block *self, unsigned long action,
			 void *arg)
{
	mutex_lock(&cpuset_mutex);
	if (!nodes_equal(cpuset_root.mems, node_states[N_MEMORY])) {
		cpuset_unsettle();
		cpuset_update_mems(&cpuset_root);
		cpuset_follow(&cpuset_root);
		cpuset_settle();
	}
	mutex_unlock(&cpuset_mutex);
	return NOTIFY_OK;
}

/* What the allocator and others ask */

void __init cpuset_init_current_mems_allowed(void)
{
	nodes_setall(current->mems_allowed);
}

/**
 * cpuset_mems_allowed - the nodes that a task's cpuset has for it
 * @task: any task
 *
 * Returns some nodes with memory.  Any context but that of an NMI.
 */
nodemask_t cpuset_mems_allowed(struct task_struct *task)
{
	struct cpuset *cs;
	nodemask_t mems;
	unsigned int seq;

	rcu_read_lock();
	do {
		seq = read_seqcount_begin(&cpuset_effective_seq);
		cs = task_cpuset(task);
		/* A node may have gone just now. */
		while (cs->parent && !nodes_intersects(cs->mems,
						       node_states[N_MEMORY]))
			cs = cs->parent;
		nodes_and(mems, cs->mems, node_states[N_MEMORY]);
	} while (read_seqcount_retry(&cpuset_effective_seq, seq));
	rcu_read_unlock();
	return mems;
}

/* Are any of the nodes among those of current? */
int cpuset_nodemask_valid_mems_allowed(nodemask_t *nodes)
{
	return nodes_intersects(*nodes, current->mems_allowed);
}

/* Could the end of one task free memory that the other may use? */
int cpuset_mems_allowed_intersects(const struct task_struct *a,
				   const struct task_struct *b)
{
	return nodes_intersects(a->mems_allowed, b->mems_allowed);
}

/* The nearest cpuset upwards that the kernel's memory for its tasks may not leave. */
static struct cpuset *hardwall(struct cpuset *cs)
{
	while (cs->parent && !cpuset_has(cs, CPUSET_MEM_EXCLUSIVE) &&
	       !cpuset_has(cs, CPUSET_MEM_HARDWALL))
		cs = cs->parent;
	return cs;
}

/**
 * cpuset_node_allowed - may current have memory of a node?
 * @node: the node
 * @gfp_mask: of the allocation; __GFP_HARDWALL says that it is for user space
 *
 * Interrupts may have all, whomever they have interrupted.  So may a task that is being
 * killed for memory, to get away.  The kernel's own allocations for a task may leave its
 * cpuset, but not the wall around it, once there is nothing within: the allocator
 * asks with __GFP_HARDWALL first.  Any context.
 */
bool cpuset_node_allowed(int node, gfp_t gfp_mask)
{
	if (in_interrupt() || node_isset(node, current->mems_allowed) ||
	    unlikely(tsk_is_oom_victim(current)))
		return true;
	if (gfp_mask & __GFP_HARDWALL)
		return false;
	if (current->flags & PF_EXITING)
		return true;
	guard(rcu)();
	return node_isset(node, hardwall(task_cpuset(current))->mems);
}

/* The node from which the next page of a file shall come: one after the other. */
int cpuset_mem_spread_node(void)
{
	if (current->cpuset_mem_spread_rotor == NUMA_NO_NODE)
		current->cpuset_mem_spread_rotor =
			node_random(&current->mems_allowed);
	current->cpuset_mem_spread_rotor =
		next_node_in(current->cpuset_mem_spread_rotor,
			     current->mems_allowed);
	return current->cpuset_mem_spread_rotor;
}

/* A part of the line that says why memory has run out. */
void cpuset_print_current_mems_allowed(void)
{
	struct container *cont;

	guard(rcu)();
	cont = rcu_dereference(task_cpuset(current)->css.container);
	pr_cont(",cpuset=");
	if (cont && cont->kn)
		pr_cont_kernfs_name(cont->kn);
	else
		pr_cont("/");
	pr_cont(",mems_allowed=%*pbl", nodemask_pr_args(&current->mems_allowed));
}

/* Lines of /proc/PID/status. */
void cpuset_task_status_allowed(struct seq_file *m, struct task_struct *task)
{
	seq_printf(m, "Mems_allowed:\t%*pb\n",
		   nodemask_pr_args(&task->mems_allowed));
	seq_printf(m, "Mems_allowed_list:\t%*pbl\n",
		   nodemask_pr_args(&task->mems_allowed));
}

/*
 * Pressure: how often tasks enter the direct reclaim of memory, in events per second
 * times 1,000.  The number follows the events with a half-life of ten seconds.
 */

#define PRESSURE_SCALE		1000
#define PRESSURE_DECAY		933	/* of 1,000, each second: half in ten */
#define PRESSURE_MEMORY		100	/* seconds after which all is forgotten */
#define PRESSURE_MAX_EVENTS	1000000	/* of one second, so that all fits a word */

int cpuset_memory_pressure_enabled __read_mostly;

static unsigned int decayed(unsigned int rate)
{
	return div_u64((u64)rate * PRESSURE_DECAY, PRESSURE_SCALE);
}

/* Let the seconds that are over count. */
static void pressure_advance(struct cpuset_pressure *pressure)
{
	time64_t now = ktime_get_seconds(), passed = now - pressure->second;

	lockdep_assert_held(&pressure->lock);
	if (!passed)
		return;
	pressure->rate = decayed(pressure->rate) +
		pressure->events * (PRESSURE_SCALE - PRESSURE_DECAY);
	pressure->events = 0;
	pressure->second = now;
	if (passed > PRESSURE_MEMORY)
		pressure->rate = 0;
	while (--passed && pressure->rate)
		pressure->rate = decayed(pressure->rate);
}

/**
 * __cpuset_memory_pressure_bump - current has to reclaim memory
 *
 * Called if cpuset_memory_pressure_enabled.  Task context.
 */
void __cpuset_memory_pressure_bump(void)
{
	struct cpuset_pressure *pressure;

	guard(rcu)();
	pressure = &task_cpuset(current)->pressure;
	spin_lock(&pressure->lock);
	pressure_advance(pressure);
	if (pressure->events < PRESSURE_MAX_EVENTS)
		pressure->events++;
	spin_unlock(&pressure->lock);
}

/**
 * cpuset_read_pressure - the pressure on a cpuset's memory
 * @cs: the cpuset
 *
 * Task context.
 */
u64 cpuset_read_pressure(struct cpuset *cs)
{
	u64 rate;

	spin_lock(&cs->pressure.lock);
	pressure_advance(&cs->pressure);
	rate = cs->pressure.rate;
	spin_unlock(&cs->pressure.lock);
	return rate;
}

/* Boot: there are workers, and no user space as yet. */
void __init cpuset_memory_init(void)
{
	/* Those that wait for a process's own doing must not keep others waiting. */
	mm_move_wq = alloc_workqueue("cpuset_mm", WQ_UNBOUND, WQ_MAX_ACTIVE);
	if (!mm_move_wq)
		panic("cpuset: no memory for the workqueue\n");
	hotplug_memory_notifier(nodes_changed, CPUSET_CALLBACK_PRI);
}
