// SPDX-License-Identifier: GPL-2.0
/*
 * Cpusets: how tasks come to be where their cpuset is.
 *
 * Each task runs on the CPUs that its cpuset has in effect, cut to those that it
 * asked for with sched_setaffinity(), its wish, unless nothing would be left: then on
 * all of the cpuset's.  The scheduler keeps the wish in ->user_cpus_ptr and cuts by
 * itself, so that all there is to do here is to hand the effective CPUs to
 * set_cpus_allowed_ptr() whenever they change.  Tasks in the root may run
 * everywhere, also on CPUs that are not there yet, and are left alone.
 *
 * Why no task runs outside its cpuset, nor has no CPU at all:
 *
 * There is always a CPU.  The effective CPUs of the root are the active ones, those
 * of a cpuset with tasks a part of its parent's that is not empty.  They are computed
 * anew in cpuset_update_active_cpus(), by the hotplug of a CPU, before it goes.  In
 * the moment between the end of a CPU's activity and that call they may all
 * be inactive, and the nearest ancestor that has an active one lends its CPUs, at the
 * latest the root: lender().  The scheduler asks for them in
 * cpuset_cpus_allowed_fallback().  A loan is taken back by a worker once the hotplug
 * is over, whether the CPU has gone then or stays after all.
 *
 * Changes of a cpuset, moves, and the hotplug of CPUs exclude each other by
 * cpuset_mutex.  A change stores the new effective CPUs, and then goes
 * through the tasks; a move first makes the task one of the cpuset's, and then
 * gives it the cpuset's CPUs:
 *
 *	change of a cpuset			move of a task into it
 *	------------------			----------------------
 *	store effective CPUs			task->containers = the cpuset's
 *	for each task of the cpuset		cpuset_mutex
 *		set_cpus_allowed_ptr()		set_cpus_allowed_ptr(effective CPUs)
 *
 * If the walk does not see the task, it came later, and finds the new CPUs.  Nor does the
 * walk miss one that moves in another hierarchy: container_walk_tasks() looks again.
 *
 * sched_setaffinity() cuts what it is asked for to the effective CPUs, and looks once
 * more after its store whether it is still within them: so whichever of it and the walk
 * comes later, the task is in its cpuset.  If the cpuset grows at that very moment,
 * the task may have to do without the new CPUs up to the next change.  It looks only once:
 * if one change comes before that look and another one after it, the task is where
 * the first has put it, up to the next change.  6.12 is like that, and nothing here can tell.
 *
 * The kernel's own threads for io_uring, which are the process's, choose CPUs without asking
 * anybody: those of a queue with a polling thread, and workers made for a queue that
 * was set up before a change.  6.12 is like that with every kind of cpusets.
 *
 * A fork copies its parent's placement long before the child can be found:
 *
 *	fork					change, or move of the parent
 *	----					-----------------------------
 *	copy the parent's CPUs
 *						cpuset_unsettle()
 *						store, or move
 *						for each task: not the child
 *						cpuset_settle()
 *	child->containers = the parent's
 *	join the cpuset's tasks
 *	container_cpuset_post_fork()
 *
 * So fork looks once the child can be found by a walk and before it runs.  If a walk
 * has missed the child it had passed the place where the child was to be, so it
 * had begun, and fork sees it unsettled, or it is over: then fork sees it in
 * the parent, who had its turn, and differs from the child.  If the parent has been
 * moved since, fork sees that.  What it reads of the parent is of one moment only if no move has
 * begun meanwhile: so cpuset_unsettle() counts.  In all these cases the child gets what its
 * own cpuset has.  All that a task copies, CPUs, nodes and the flags of spreading, is
 * brought in line so.  kernel-patches/models/placement.pml has a model of this.
 */
#include <linux/cpu.h>
#include <linux/cred.h>
#include <linux/irq_work.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/workqueue.h>

#include "cpuset.h"

/* Once there was one besides the root, or a change of the root's own. */
DEFINE_STATIC_KEY_FALSE(container_cpusets_existed);

DEFINE_RAW_SPINLOCK(cpuset_effective_lock);
seqcount_raw_spinlock_t cpuset_effective_seq =
	SEQCNT_RAW_SPINLOCK_ZERO(cpuset_effective_seq, &cpuset_effective_lock);

/*
 * Changes and moves under way, and what of the memory's part follows later: how many
 * there are in the lower half, and in the upper one how many have ever begun.
 */
static atomic64_t unsettled = ATOMIC64_INIT(0);
#define UNSETTLED_BEGUN	BIT_ULL(32)

/*
 * The thread group that a move has announced, until its last task is settled, and
 * how many of these there are.  Under cpuset_mutex; fork reads the first.
 */
static struct signal_struct *arriving_group;
static unsigned int arriving_tasks;

/**
 * cpuset_look_at_forks - let forks see whether their child is where it should be
 *
 * For good: a fork that has copied its parent may sleep for as long as it likes, and the
 * cpuset that the copy is of be gone when it goes on.  Under cpu_hotplug_lock and
 * cpuset_mutex.
 */
void cpuset_look_at_forks(void)
{
	if (!static_key_enabled(&container_cpusets_existed))
		static_branch_enable_cpuslocked(&container_cpusets_existed);
}

/**
 * cpuset_unsettle - tasks may differ from their cpuset from here on
 *
 * Before effective masks are stored or a task is moved.  Undone by cpuset_settle().
 * Any context.
 */
void cpuset_unsettle(void)
{
	/* The value returned makes it a full barrier. */
	(void)atomic64_add_return(UNSETTLED_BEGUN + 1, &unsettled);
}

/* All tasks have what their cpusets have.  Pairs with cpusets_settled(). */
void cpuset_settle(void)
{
	WARN_ON_ONCE(!lower_32_bits(atomic64_fetch_dec_release(&unsettled)));
}

/* If so, whatever has changed can be seen in the tasks.  Any context. */
bool cpusets_settled(void)
{
	return !lower_32_bits(atomic64_read_acquire(&unsettled));
}

/* Effective CPUs */

/* What a cpuset has in effect, given what its parent has. */
static void compute_cpus(struct cpuset *cs, struct cpumask *cpus)
{
	if (!cs->parent)
		cpumask_copy(cpus, cpu_active_mask);
	else if (!cpumask_and(cpus, &cs->set.cpus, &cs->parent->cpus) &&
		 !cpumask_empty(&cs->set.cpus))
		cpumask_copy(cpus, &cs->parent->cpus);
}

/**
 * cpuset_update_cpus - compute the effective CPUs of a subtree
 * @top: its settings, or the active CPUs, have changed
 *
 * What has changed is noted for cpuset_follow().  Under cpuset_mutex, unsettled.
 */
void cpuset_update_cpus(struct cpuset *top)
{
	static struct cpumask cpus;	/* under cpuset_mutex */
	struct cpuset *pos = top;
	unsigned long flags;

	while (pos) {
		compute_cpus(pos, &cpus);
		if (cpumask_equal(&cpus, &pos->cpus)) {
			pos = cpuset_next_outside(pos, top);
			continue;
		}
		WRITE_ONCE(pos->due, pos->due | CPUSET_DUE_CPUS);
		raw_spin_lock_irqsave(&cpuset_effective_lock, flags);
		write_seqcount_begin(&cpuset_effective_seq);
		cpumask_copy(&pos->cpus, &cpus);
		write_seqcount_end(&cpuset_effective_seq);
		raw_spin_unlock_irqrestore(&cpuset_effective_lock, flags);
		pos = cpuset_next(pos, top);
	}
}

/*
 * Whether a task of @cs that can run on @able has a CPU there.  One may become active or
 * stop being so at any time, of which cpusets hear later, and place those tasks anew.
 */
static bool has_active(const struct cpuset *cs, const struct cpumask *able)
{
	/* Of some moment, see above. */
	return data_race(cpumask_first_and_and(&cs->cpus, cpu_active_mask,
					       able)) < nr_cpu_ids;
}

/*
 * The cpuset whose CPUs a task of @cs is to have: @cs itself, or the nearest ancestor
 * with one that is active and can run it.  In the root it is any that can.
 */
static struct cpuset *lender(struct cpuset *cs, const struct cpumask *able)
{
	while (cs->parent && !has_active(cs, able))
		cs = cs->parent;
	return cs;
}

static void take_loans_back(struct work_struct *work);
static DECLARE_WORK(loan_work, take_loans_back);

static void queue_loan_work(struct irq_work *work)
{
	schedule_work(&loan_work);
}

static DEFINE_IRQ_WORK(loan_irq_work, queue_loan_work);

/* As the scheduler does it in the root if no CPU that a task has asked for is left. */
static void forget_wish(struct task_struct *task)
{
	struct cpumask *wish = NULL;

	scoped_guard(raw_spinlock_irqsave, &task->pi_lock)
		swap(task->user_cpus_ptr, wish);
	kfree(wish);
}

/* Let a task run where its cpuset is.  Under cpuset_mutex; may sleep. */
static void place_task(struct cpuset *cs, struct task_struct *task)
{
	const struct cpumask *able = task_cpu_possible_mask(task);
	static struct cpumask cpus;	/* under cpuset_mutex */
	struct cpuset *from = cs;

	while ((from = lender(from, able))->parent) {
		cpumask_and(&cpus, &from->cpus, able);
		if (!set_cpus_allowed_ptr(task, &cpus))
			break;
		/* The last of them has just become inactive. */
		from = from->parent;
	}
	if (!from->parent && set_cpus_allowed_ptr(task, able) && !cs->parent) {
		forget_wish(task);
		set_cpus_allowed_ptr(task, able);
	}
	/* If it has one, its CPUs were too few for what the task has asked for. */
	if (from != cs && (!has_active(cs, cpu_possible_mask) ||
			   has_active(cs, able)))
		irq_work_queue(&loan_irq_work);
}

/* Tasks follow their cpusets */

/* Give a task what is due of its cpuset.  Under cpuset_mutex; may sleep. */
static void settle_task(struct cpuset *cs, struct task_struct *task,
			unsigned int due)
{
	if (due & CPUSET_DUE_CPUS)
		place_task(cs, task);
	if (due & CPUSET_DUE_MEMS)
		cpuset_task_set_mems(cs, task);
	if (due & CPUSET_DUE_SPREAD)
		cpuset_task_set_spread(cs, task);
}

static struct container *cpuset_container(struct cpuset *cs)
{
	/* constant for all but the root */
	return rcu_dereference_raw(cs->css.container);
}

/* May be called more than once for a task. */
static int settle_due(struct task_struct *task, void *data)
{
	struct cpuset *cs = data;

	settle_task(cs, task, cs->due);
	return 0;
}

static void settle_tasks(struct cpuset *cs)
{
	/* There is no way back.  Memory is needed only if others move all the time. */
	while (container_walk_tasks(cpuset_container(cs), settle_due, cs))
		cond_resched();
}

/* The next thread by its number, pinned, or NULL after the last. */
static struct task_struct *next_thread_by_number(int *nr)
{
	struct task_struct *task = NULL;
	struct pid *pid;

	rcu_read_lock();
	while (!task && (pid = find_ge_pid(*nr, &init_pid_ns))) {
		*nr = pid_nr(pid) + 1;
		task = pid_task(pid, PIDTYPE_PID);
	}
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	return task;
}

/*
 * The tasks of the root are on lists only while something is mounted; and their CPUs
 * never change.  A fork that has not given its child a number yet looks at it later.
 *
 * A thread that execs takes the number of its group's leader, which may be one that has had
 * its turn.  Then it is the leader and keeps that number, so that a second walk finds it;
 * threads that it makes until then are settled at birth.
 */
static void settle_tasks_of_root(void)
{
	unsigned int due = cpuset_root.due & ~CPUSET_DUE_CPUS;
	struct task_struct *task;
	bool in_root;

	if (!due)
		return;
	cpuset_look_at_forks();
	for (int walk = 0; walk < 2; walk++) {
		int nr = 1;

		while ((task = next_thread_by_number(&nr))) {
			/* If it moves, the move settles it once we are through. */
			rcu_read_lock();
			in_root = task_cpuset(task) == &cpuset_root;
			rcu_read_unlock();
			if (in_root)
				settle_task(&cpuset_root, task, due);
			put_task_struct(task);
			cond_resched();
		}
	}
}

/**
 * cpuset_follow - let the tasks of a subtree have what has changed
 * @top: the top of what has changed
 *
 * Under cpu_hotplug_lock and cpuset_mutex, unsettled; may sleep.
 */
void cpuset_follow(struct cpuset *top)
{
	struct cpuset *pos;

	for_each_cpuset(pos, top) {
		if (!pos->due)
			continue;
		if (pos->parent)
			settle_tasks(pos);
		else
			settle_tasks_of_root();
		if (pos->due & CPUSET_DUE_MEMS)
			cpuset_mems_followed(pos);
		/* Pairs with may_be_missed(). */
		smp_store_release(&pos->due, 0);
	}
}

/**
 * cpuset_has_tasks - is a task in a cpuset or below it, or on its way there?
 * @cs: not the root
 *
 * Under cpuset_mutex.
 */
bool cpuset_has_tasks(struct cpuset *cs)
{
	/* A walk could miss one that moves in another hierarchy, a count does not. */
	return cs->arriving || container_populated(cpuset_container(cs));
}

/* Moves */

/* Is there a CPU and a node for tasks?  Under cpuset_mutex. */
static bool is_habitable(const struct cpuset *cs)
{
	return !cpumask_empty(&cs->set.cpus) && !nodes_empty(cs->set.mems);
}

/* May the one with @cred have @task run elsewhere?  The hook asks for current's. */
static int may_place(struct task_struct *task, const struct cred *cred)
{
	const struct cred *own = override_creds(cred);
	int ret = security_task_setscheduler(task);

	revert_creds(own);
	return ret;
}

/*
 * Who is born in a container of his own is not moved there: cpuset_can_attach() does not
 * hear of it.  Nobody can empty a cpuset whose directory does not show yet.
 */
int cpuset_may_attach(struct container_subsys_state *to,
		      struct task_struct *task, const struct cred *cred)
{
	int ret;

	guard(mutex)(&cpuset_mutex);
	if (!is_habitable(cpuset_of(to)))
		return -ENOSPC;
	ret = task_can_attach(task);
	if (ret || !cred)
		return ret;
	return may_place(task, cred);
}

int cpuset_can_attach(struct container_subsys_state *to,
		      struct task_struct *task)
{
	struct cpuset *cs = cpuset_of(to);
	int ret;

	mutex_lock(&cpuset_mutex);
	ret = -ENOSPC;
	if (!is_habitable(cs))
		goto out;
	ret = cpuset_deadline_reserve(cs, task);
	if (ret)
		goto out;

	/* From here on the settings may not become empty. */
	cs->arriving++;
	if (!arriving_tasks++) {
		WRITE_ONCE(arriving_group, task->signal);
		cpuset_unsettle();
	}
out:
	mutex_unlock(&cpuset_mutex);
	return ret;
}

/* The move of one task is over.  Under cpuset_mutex. */
static void task_settled(struct cpuset *cs, struct task_struct *task,
			 bool arrived)
{
	cpuset_deadline_settle(task, arrived);
	cs->arriving--;
	if (!--arriving_tasks) {
		/* Pairs with may_be_missed(). */
		smp_store_release(&arriving_group, NULL);
		cpuset_settle();
	}
}

void cpuset_cancel_attach(struct container_subsys_state *to,
			  struct task_struct *task)
{
	mutex_lock(&cpuset_mutex);
	task_settled(cpuset_of(to), task, false);
	mutex_unlock(&cpuset_mutex);
}

void cpuset_attach(struct container_subsys_state *to,
		   struct container_subsys_state *from,
		   struct task_struct *task)
{
	struct cpuset *cs = cpuset_of(to);

	cpus_read_lock();
	mutex_lock(&cpuset_mutex);
	settle_task(cs, task, CPUSET_DUE_ALL);
	task_settled(cs, task, true);
	mutex_unlock(&cpuset_mutex);
	cpus_read_unlock();
}

/* Forks */

/*
 * Either may change meanwhile, and the answer be of no moment at all: a change that
 * begins after the child is visible reaches it as it does any other task.
 */
static bool same_placement(struct task_struct *a, struct task_struct *b)
{
	/* Of some moment, see above. */
	return data_race(cpumask_equal(&a->cpus_mask, &b->cpus_mask) &&
			 nodes_equal(a->mems_allowed, b->mems_allowed)) &&
	       !((READ_ONCE(a->atomic_flags) ^ READ_ONCE(b->atomic_flags)) &
		 (BIT(PFA_SPREAD_PAGE) | BIT(PFA_SPREAD_SLAB)));
}

/*
 * Is the child as its parent is, and in the same cpuset?  What was read to tell is of no
 * one moment if a move has begun since @state was: the parent may have come from the
 * child's cpuset, or be back there.
 */
static __always_inline bool is_as_parent(struct task_struct *child, s64 state)
{
	if (rcu_access_pointer(child->containers) !=
	    rcu_access_pointer(current->containers) ||
	    !same_placement(child, current))
		return false;
	/* Pairs with cpuset_unsettle(). */
	smp_rmb();
	return upper_32_bits(atomic64_read(&unsettled)) == upper_32_bits(state);
}

/*
 * Could a change or a move that is under way have missed the child?  If not, and one
 * that is over has, then the parent shows what has changed.
 */
static bool may_be_missed(struct task_struct *child)
{
	guard(rcu)();
	/* Pairs with cpuset_follow(). */
	if (smp_load_acquire(&task_cpuset(child)->due))
		return true;
	/* Pairs with task_settled(). */
	return smp_load_acquire(&arriving_group) == current->signal;
}

/* Give a child in the root what a fork would give it that begins now. */
static void follow_parent(struct task_struct *child)
{
	static struct cpumask cpus;	/* under cpuset_mutex */

	scoped_guard(raw_spinlock_irqsave, &current->pi_lock)
		cpumask_copy(&cpus, &current->cpus_mask);
	if (!cpumask_equal(&child->cpus_mask, &cpus))
		set_cpus_allowed_ptr(child, &cpus);
}

/*
 * Bring a new task in line; one that is @alone may have another cpuset than its
 * parent.  Those in the root have what their parents have been given, unless the parent
 * has just come there, or left.  Where the kernel's own threads run the kernel says.
 */
static noinline void settle_child(struct task_struct *child, bool alone)
{
	unsigned int due = CPUSET_DUE_ALL;
	s64 state = atomic64_read_acquire(&unsettled);
	struct cpuset *cs, *parents;

	if (!child->pid)
		return;		/* an idle task */
	if (!alone && !may_be_missed(child) && is_as_parent(child, state))
		return;

	mutex_lock(&cpuset_mutex);
	/* A live task keeps its cpuset from removal, which takes the mutex too. */
	rcu_read_lock();
	cs = task_cpuset(child);
	parents = task_cpuset(current);
	rcu_read_unlock();
	if (current->flags & PF_KTHREAD) {
		due &= ~CPUSET_DUE_CPUS;
	} else if (!cs->parent && parents == cs &&
		   arriving_group != current->signal) {
		due &= ~CPUSET_DUE_CPUS;
		follow_parent(child);
	}
	settle_task(cs, child, due);
	mutex_unlock(&cpuset_mutex);
}

void __container_cpuset_post_fork(struct task_struct *child, bool alone)
{
	/* In this order: what has been settled shows in the parent. */
	s64 state = atomic64_read_acquire(&unsettled);

	if (unlikely(alone || lower_32_bits(state) ||
		     !is_as_parent(child, state)))
		settle_child(child, alone);
}

/* Hotplug */

/**
 * cpuset_update_active_cpus - the active CPUs have changed
 *
 * Context: the hotplug of a CPU, holding cpu_hotplug_lock for writing.
 */
void cpuset_update_active_cpus(void)
{
	mutex_lock(&cpuset_mutex);
	cpuset_unsettle();
	cpuset_update_cpus(&cpuset_root);
	cpuset_follow(&cpuset_root);
	cpuset_settle();
	cpuset_domains_cpus_changed();
	mutex_unlock(&cpuset_mutex);
}

/* Give all tasks the CPUs of their own cpuset again. */
static void take_loans_back(struct work_struct *work)
{
	struct cpuset *pos;

	cpus_read_lock();
	mutex_lock(&cpuset_mutex);
	cpuset_unsettle();
	/* A CPU that did not come back from a suspension has not been told of. */
	cpuset_update_cpus(&cpuset_root);
	for_each_cpuset(pos, &cpuset_root)
		if (pos->parent)
			WRITE_ONCE(pos->due, pos->due | CPUSET_DUE_CPUS);
	cpuset_follow(&cpuset_root);
	cpuset_settle();
	mutex_unlock(&cpuset_mutex);
	cpus_read_unlock();
}

/* What the scheduler asks */

/**
 * cpuset_cpus_allowed - the CPUs that a task's cpuset has for it
 * @task: any task
 * @mask: takes them: some of them are active, in the root they are all that can run
 *	@task
 *
 * Any context.
 */
void cpuset_cpus_allowed(struct task_struct *task, struct cpumask *mask)
{
	const struct cpumask *able = task_cpu_possible_mask(task);
	struct cpuset *cs, *own;
	unsigned int seq;
	bool lent;

	rcu_read_lock();
	do {
		seq = read_seqcount_begin(&cpuset_effective_seq);
		own = task_cpuset(task);
		cs = lender(own, able);
		if (cs->parent)
			cpumask_and(mask, &cs->cpus, able);
		else
			cpumask_copy(mask, able);
		lent = cs != own && !has_active(own, cpu_possible_mask);
	} while (read_seqcount_retry(&cpuset_effective_seq, seq));
	/* The CPU that is about to go may stay after all. */
	if (lent)
		irq_work_queue(&loan_irq_work);
	rcu_read_unlock();
}

/**
 * cpuset_cpus_allowed_fallback - CPUs for a task none of whose own is left
 * @task: cannot run anywhere
 *
 * Unlike in the root, where nobody would give it back, the wish survives.
 *
 * Returns whether @task has got CPUs, of its cpuset or on loan.  Context: the task's
 * pi_lock held, and its runqueue's lock if it is queued.
 */
bool cpuset_cpus_allowed_fallback(struct task_struct *task)
{
	const struct cpumask *able = task_cpu_possible_mask(task);
	struct cpumask *wish = NULL;
	struct cpuset *cs;
	unsigned int seq;

	guard(rcu)();
	cs = task_cpuset(task);
	if (!cs->parent)
		return false;

	swap(task->user_cpus_ptr, wish);
	do {
		seq = read_seqcount_begin(&cpuset_effective_seq);
		cs = lender(task_cpuset(task), able);
		do_set_cpus_allowed(task, cs->parent ? &cs->cpus : able);
	} while (read_seqcount_retry(&cpuset_effective_seq, seq));
	swap(task->user_cpus_ptr, wish);

	irq_work_queue(&loan_irq_work);
	return true;
}

/* Partitions of isolated CPUs are not of this version. */
bool cpuset_cpu_is_isolated(int cpu)
{
	return false;
}
