// SPDX-License-Identifier: GPL-2.0
/*
 * What the container subsystem cpuacct has with the scheduler: run time goes to the
 * container in which the task was, all of it and only once.
 *
 * The scheduler counts a task's run time in ->se.sum_exec_runtime, and only while
 * the task is its CPU's current one.  So nothing is added up a second time: a CPU
 * remembers where that count stood (struct container_run), and charges the
 * difference when it has to:
 *
 *   the CPU goes to a task of another container	container_sched_switch()
 *   the task that runs moves to another container	container_run_move()
 *   somebody reads what the container has used		container_run_settle()
 *   an interval of load has ended			any of these
 *
 * Exit needs nothing: a dead task keeps its container until its last switch.  All
 * of it happens under the lock of the CPU's runqueue, with which the count of the
 * running task can be brought up to date, too, but for the stop class's tasks, which
 * the scheduler counts at their switches alone.  Nothing is shared between CPUs.
 *
 * While anything but the idle task runs, run->css is the state of its container, but
 * for the moment that a mover needs from its store of ->containers to our lock, in
 * which the time still goes to the old one.  The idle task's run time does not
 * grow, so it is nobody's; while it runs run->css is what it was.
 */
#include <linux/container_cpuacct.h>
#include <linux/containers.h>
#include <linux/mmu_context.h>
#include <linux/sched/cputime.h>

#include "sched.h"
#include "container.h"

/* The task that runs on @rq, which is locked. */
static struct task_struct *run_curr(struct rq *rq)
{
	return rcu_dereference_protected(rq->curr,
					 lockdep_is_held(__rq_lockp(rq)));
}

/* Charge what @rq has put together; @curr runs, or has just stopped to. */
static void run_charge(struct rq *rq, struct task_struct *curr, u64 now)
{
	struct container_run *run = &rq->container_run;
	u64 ns = curr->se.sum_exec_runtime - run->origin;

	lockdep_assert_rq_held(rq);
	run->origin = curr->se.sum_exec_runtime;
	container_charge_run(run, cpu_of(rq), ns, curr != rq->idle, now);
}

static void run_set_css(struct container_run *run,
			struct container_subsys_state *css)
{
	/* Pairs with container_run_settle(). */
	smp_store_release(&run->css, css);
}

/* Bring the run time of the task that runs on @rq up to date. */
static void run_update(struct rq *rq)
{
	struct task_struct *curr = run_curr(rq);

	/* One that is dequeued will not be charged for what it does till it is off. */
	if (!task_on_rq_queued(curr))
		return;
	update_rq_clock(rq);
	curr->sched_class->update_curr(rq);
}

/* The slow half of container_sched_switch(). */
void __container_sched_switch(struct rq *rq, struct task_struct *prev,
			      struct task_struct *next)
{
	run_charge(rq, prev, rq_clock(rq));
	rq->container_run.origin = next->se.sum_exec_runtime;
	if (next != rq->idle)
		run_set_css(&rq->container_run, container_run_css(rq, next));
}

/**
 * container_run_settle - have a CPU charge the run time that it has put together
 * @cpu: any possible one
 * @css: only if it is this state's, which need not exist any more; NULL for anybody's
 * @now: local_clock(), for CPUs that are idle, whose clock may have stopped
 *
 * Any context but one that holds locks of the scheduler.
 */
void container_run_settle(int cpu, struct container_subsys_state *css, u64 now)
{
	struct rq *rq = cpu_rq(cpu);
	struct container_run *run = &rq->container_run;
	struct container_subsys_state *whose;
	struct rq_flags rf;

	/*
	 * Whoever sees the next one's state here sees in the counters what has been
	 * charged before it came.  Pairs with run_set_css().
	 */
	whose = smp_load_acquire(&run->css);
	if (!whose || (css && whose != css))
		return;

	rq_lock_irqsave(rq, &rf);
	if (!static_key_enabled(&container_cpuacct_mounted)) {
		/* The end of the hierarchy: switches are not followed any more. */
		run_set_css(run, NULL);
	} else if (run_curr(rq) == rq->idle) {
		run_charge(rq, rq->idle, max(now, rq->clock));
		/* Spares who asks next the lock, and lets go of a state without tasks. */
		run_set_css(run, NULL);
	} else {
		run_update(rq);
		run_charge(rq, run_curr(rq), rq->clock);
	}
	rq_unlock_irqrestore(rq, &rf);
}

/**
 * container_run_move - what a task runs from now on is another container's
 * @task: any task, moved this moment
 * @to: the state of its new container
 *
 * Context: after the store of ->containers; cpuacct is mounted.  May hold
 * spinlocks that are no locks of the scheduler.
 */
void container_run_move(struct task_struct *task,
			struct container_subsys_state *to)
{
	struct rq_flags rf;
	struct rq *rq;

	rq = task_rq_lock(task, &rf);
	if (run_curr(rq) == task) {
		run_update(rq);
		run_charge(rq, task, rq->clock);
		run_set_css(&rq->container_run, to);
	}
	task_rq_unlock(rq, task, &rf);
	__release(rq->lock);	/* sparse does not see that it has been */
}

/**
 * container_run_begin - begin to charge what a CPU runs
 * @cpu: any possible one
 *
 * What it has put together since it saw the key is dropped.
 * Context: all CPUs see that the static key is on.  May sleep.
 */
void container_run_begin(int cpu)
{
	struct rq *rq = cpu_rq(cpu);
	struct container_run *run = &rq->container_run;
	struct task_struct *curr;
	struct rq_flags rf;

	rq_lock_irqsave(rq, &rf);
	run->until = 0;
	curr = run_curr(rq);
	if (curr == rq->idle) {
		run_set_css(run, NULL);
	} else {
		run_update(rq);
		run->origin = curr->se.sum_exec_runtime;
		run_set_css(run, container_run_css(rq, curr));
	}
	rq_unlock_irqrestore(rq, &rf);
}

/**
 * container_run_end - charge nothing any more
 * @cpu: any possible one
 *
 * Context: all CPUs see that the static key is off.  May sleep.
 */
void container_run_end(int cpu)
{
	struct rq *rq = cpu_rq(cpu);
	struct rq_flags rf;

	rq_lock_irqsave(rq, &rf);
	run_set_css(&rq->container_run, NULL);
	rq_unlock_irqrestore(rq, &rf);
}

/**
 * container_run_expire - have a CPU look anew when the interval of load ends
 * @cpu: any possible one
 *
 * Any context but one that holds locks of the scheduler.
 */
void container_run_expire(int cpu)
{
	struct rq *rq = cpu_rq(cpu);
	struct rq_flags rf;

	rq_lock_irqsave(rq, &rf);
	rq->container_run.until = 0;
	rq_unlock_irqrestore(rq, &rf);
}
