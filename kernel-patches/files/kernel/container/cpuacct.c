// SPDX-License-Identifier: GPL-2.0
/*
 * cpuacct: CPU time used by the tasks of each container.
 *
 * How much it is the scheduler counts, whatever the kernel's way to account CPU
 * time; kernel/sched/container.c says when a CPU charges what.  The time of the
 * idle task is nobody's.
 *
 * What kind of time it was is known where the kernel accounts it to tasks: by
 * ticks, by CONFIG_IRQ_TIME_ACCOUNTING, or exactly, by CONFIG_VIRT_CPU_ACCOUNTING_*.
 * There the hook of 2007 counts user time, guest time included, and system time,
 * and what was counted divides the run time in two, as the kernel divides a
 * task's.  Interrupts count as neither, though the kernel books them with the task
 * that was interrupted; nor does anything of the idle task's, though interrupts are
 * booked with that, too.
 *
 *   X.usage		ns in this container; writing 0 starts anew
 *   X.usage_subtree	ns in this container and in all that are or were below it
 *   X.usage_percpu	usage by CPU
 *   X.stat		usage as user and system time, in USER_HZ
 *   X.load		time in the current interval, and as a share of one CPU
 *   X.load_interval_ms	length of the interval, for all; root only
 *
 * Nothing is charged while the subsystem is not mounted.  A charge touches the
 * counters of one CPU only, one set in each container up to the root.  Readers
 * have the CPUs charge what they have put together for the container; those of
 * "stat" then take turns.
 *
 * All containers share one clock of intervals, which begin where the interval was
 * last set.  Nobody walks the containers when one begins: each CPU's counters
 * remember of which interval they are, and whoever charges or reads them later
 * sees that it has passed.
 */
#include <linux/atomic.h>
#include <linux/container_cpuacct.h>
#include <linux/containers.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched/clock.h>
#include <linux/seqlock.h>
#include <linux/slab.h>
#include <linux/u64_stats_sync.h>

/*
 * Of one container and CPU.  The first part is written under the lock of that
 * CPU's runqueue; the second by that CPU with interrupts off; the third by who
 * resets.  Read by all.
 */
struct cpu_counters {
	struct u64_stats_sync sync;
	seqcount_t turn;	/* of the interval */
	u64 own;		/* never reset */
	u64 below;		/* in all that are or were below; never reset */
	u64 start;		/* of the interval that @own was last charged in */
	u64 base;		/* @own when that began */

	struct u64_stats_sync split_sync;
	u64 split[NR_CONTAINER_CPUTIME];	/* never reset */

	struct u64_stats_sync reset_sync;
	u64 reset;		/* @own at the last reset */
};

struct cpuacct {
	struct container_subsys_state css;
	struct cpuacct *parent;		/* pinned by the container; NULL for the root */
	struct cpu_counters __percpu *counters;
	u64 reset_subtree;		/* of the subtree, when the hierarchy began */
	atomic64_t since;		/* when it was made or reset, by earliest_clock() */

	struct mutex reset_mutex;	/* for resets only */
	spinlock_t stat_lock;		/* for what follows */
	unsigned int resets;
	u64 reset_split[NR_CONTAINER_CPUTIME];
	u64 shown[NR_CONTAINER_CPUTIME];	/* USER_HZ, since the last reset */
};

DEFINE_STATIC_KEY_FALSE(container_cpuacct_mounted);

static struct cpuacct *cpuacct_of(struct container_subsys_state *css)
{
	return container_of(css, struct cpuacct, css);
}

static struct cpuacct *cont_cpuacct(struct container *cont)
{
	return cpuacct_of(container_subsys_state(cont, &container_cpuacct_subsys));
}

/* The clock of intervals, by local_clock() and the clocks of runqueues. */
#define DEFAULT_INTERVAL_MS	10000
#define MIN_INTERVAL_MS		100
#define MAX_INTERVAL_MS		3600000

/* Raw, as charges read the clock under the lock of a runqueue. */
static DEFINE_RAW_SPINLOCK(clock_lock);
static seqcount_raw_spinlock_t clock_seq =
	SEQCNT_RAW_SPINLOCK_ZERO(clock_seq, &clock_lock);
static u64 interval_ms = DEFAULT_INTERVAL_MS;
static u64 clock_start;			/* when the interval was set */

struct interval {
	u64 start;
	u64 until;
};

/* The interval that @now is in. */
static struct interval interval_at(u64 now)
{
	struct interval i;
	unsigned int seq;
	u64 length, age;

	do {
		seq = read_seqcount_begin(&clock_seq);
		length = interval_ms * NSEC_PER_MSEC;
		/* the clock may have been set since the caller looked */
		i.start = max(now, clock_start);
		div64_u64_rem(i.start - clock_start, length, &age);
		i.start -= age;
		i.until = i.start + length;
	} while (read_seqcount_retry(&clock_seq, seq));
	return i;
}

static void set_interval(u64 ms)
{
	unsigned long flags;
	int cpu;

	raw_spin_lock_irqsave(&clock_lock, flags);
	write_seqcount_begin(&clock_seq);
	clock_start = local_clock();
	WRITE_ONCE(interval_ms, ms);
	write_seqcount_end(&clock_seq);
	raw_spin_unlock_irqrestore(&clock_lock, flags);

	for_each_possible_cpu(cpu)
		container_run_expire(cpu);
}

/* Charges */

/* The first charge in an interval.  @fresh of it is of that interval. */
static noinline void begin_interval(struct cpu_counters *c, u64 start, u64 fresh)
{
	write_seqcount_begin(&c->turn);
	WRITE_ONCE(c->start, start);
	WRITE_ONCE(c->base, c->own - fresh);
	write_seqcount_end(&c->turn);
}

static void charge(struct cpuacct *ca, int cpu, u64 ns, u64 fresh, u64 start)
{
	struct cpu_counters *c;
	struct cpuacct *above;

	for (above = ca->parent; above; above = above->parent) {
		c = per_cpu_ptr(above->counters, cpu);
		u64_stats_update_begin(&c->sync);
		WRITE_ONCE(c->below, c->below + ns);
		u64_stats_update_end(&c->sync);
	}

	c = per_cpu_ptr(ca->counters, cpu);
	u64_stats_update_begin(&c->sync);
	WRITE_ONCE(c->own, c->own + ns);
	if (unlikely(c->start != start))
		begin_interval(c, start, fresh);
	u64_stats_update_end(&c->sync);
}

/**
 * container_charge_run - charge run time that a CPU has put together
 * @run: says whose it is, and begins a new interval here if the last has ended
 * @cpu: the CPU that spent it
 * @ns: nanoseconds, maybe 0
 * @running: the task that is charged for ran up to @now; else the CPU was idle
 * @now: time, by the clock of @cpu
 *
 * Context: the lock of @cpu's runqueue.
 */
void container_charge_run(struct container_run *run, int cpu, u64 ns,
			  bool running, u64 now)
{
	u64 fresh = ns;
	struct interval i;

	if (now >= run->until) {
		i = interval_at(now);
		/*
		 * Each switch looks whether the interval has ended.  So what is of
		 * the new one is what the task ran without a pause since.  If the
		 * clock has been set later than @now, nothing is, not yet.
		 */
		if (now >= i.start) {
			if (i.start != run->start)
				fresh = running ? min(ns, now - i.start) : 0;
			run->start = i.start;
			run->until = i.until;
		}
	}
	if (run->css)
		charge(cpuacct_of(run->css), cpu, ns, fresh, run->start);
}

/* This CPU's counters of a task's container.  Under RCU, interrupts off. */
static __always_inline struct cpu_counters *counters_of(struct task_struct *task)
{
	struct container_subsys_state *css;

	css = task_subsys_state(task, &container_cpuacct_subsys);
	return this_cpu_ptr(cpuacct_of(css)->counters);
}

/*
 * The slow half of container_account_cputime(): @ns is all that the task has kept.
 * By the CPU that spent the time, interrupts off.
 */
void __container_account_cputime(struct task_struct *task,
				 enum container_cputime kind, u64 ns)
{
	struct cpu_counters *c;

	*container_cputime_kept(task, kind) = 0;
	/*
	 * In January 2007 this hook met the idle task on powerpc, which no mount
	 * had given a container, and the machine went down.  It has one today,
	 * but its time is not used by anybody.
	 */
	if (is_idle_task(task))
		return;

	rcu_read_lock();
	c = counters_of(task);
	u64_stats_update_begin(&c->split_sync);
	WRITE_ONCE(c->split[kind], c->split[kind] + ns);
	u64_stats_update_end(&c->split_sync);
	rcu_read_unlock();
}

/*
 * The slow half of container_account_dead().  Once for each task: what it has kept is
 * not cleared, as nobody looks again.
 */
void __container_account_dead(struct task_struct *task)
{
	u64 user = task->container_utime;
	u64 system = task->container_stime;
	struct cpu_counters *c;

#ifdef CONFIG_VIRT_CPU_ACCOUNTING_GEN
	/* This keeps up to a tick of each kind, too. */
	user += task->vtime.utime + task->vtime.gtime;
	system += task->vtime.stime;
#endif
	local_irq_disable();
	rcu_read_lock();
	c = counters_of(task);
	u64_stats_update_begin(&c->split_sync);
	WRITE_ONCE(c->split[CONTAINER_USER], c->split[CONTAINER_USER] + user);
	WRITE_ONCE(c->split[CONTAINER_SYSTEM],
		   c->split[CONTAINER_SYSTEM] + system);
	u64_stats_update_end(&c->split_sync);
	rcu_read_unlock();
	local_irq_enable();
}

/* Reading */

/* Have all CPUs charge what they have put together for @ca. */
static void settle(struct cpuacct *ca)
{
	u64 now = local_clock();
	int cpu;

	for_each_possible_cpu(cpu)
		container_run_settle(cpu, &ca->css, now);
}

static u64 read_reset(const struct cpu_counters *c)
{
	unsigned int seq;
	u64 reset;

	do {
		seq = u64_stats_fetch_begin(&c->reset_sync);
		reset = READ_ONCE(c->reset);
	} while (u64_stats_fetch_retry(&c->reset_sync, seq));
	/* Then @own is not older.  Pairs with reset_own(). */
	smp_rmb();
	return reset;
}

/* What one CPU has charged. */
struct charged {
	u64 own;	/* since the last reset */
	u64 ever;	/* here and below, resets notwithstanding */
	u64 start;	/* of the last interval with a charge */
	u64 recent;	/* in that interval, since the last reset */
};

static struct charged read_cpu(struct cpuacct *ca, int cpu)
{
	struct cpu_counters *c = per_cpu_ptr(ca->counters, cpu);
	u64 own, below, base, reset = read_reset(c);
	unsigned int seq, turn;
	struct charged s;

	do {
		turn = read_seqcount_begin(&c->turn);
		seq = u64_stats_fetch_begin(&c->sync);
		own = READ_ONCE(c->own);
		below = READ_ONCE(c->below);
		base = READ_ONCE(c->base);
		s.start = READ_ONCE(c->start);
	} while (u64_stats_fetch_retry(&c->sync, seq) ||
		 read_seqcount_retry(&c->turn, turn));
	s.own = own - reset;
	s.ever = own + below;
	s.recent = own - max(base, reset);
	return s;
}

static u64 sum_own(struct cpuacct *ca)
{
	u64 sum = 0;
	int cpu;

	settle(ca);
	for_each_possible_cpu(cpu)
		sum += read_cpu(ca, cpu).own;
	return sum;
}

static u64 sum_subtree(struct cpuacct *ca)
{
	u64 now = local_clock(), sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		/* whoever's: it may be anybody's below */
		container_run_settle(cpu, NULL, now);
		sum += read_cpu(ca, cpu).ever;
	}
	return sum;
}

/* What was counted by kind, ever. */
static void sum_split(struct cpuacct *ca, u64 sum[NR_CONTAINER_CPUTIME])
{
	struct cpu_counters *c;
	unsigned int seq;
	u64 user, system;
	int cpu;

	sum[CONTAINER_USER] = 0;
	sum[CONTAINER_SYSTEM] = 0;
	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(ca->counters, cpu);
		do {
			seq = u64_stats_fetch_begin(&c->split_sync);
			user = READ_ONCE(c->split[CONTAINER_USER]);
			system = READ_ONCE(c->split[CONTAINER_SYSTEM]);
		} while (u64_stats_fetch_retry(&c->split_sync, seq));
		sum[CONTAINER_USER] += user;
		sum[CONTAINER_SYSTEM] += system;
	}
}

/*
 * Divide @used in proportion to @split, so that neither part is less than it was
 * shown before and both together are @used; as cputime_adjust() does for a task.
 * All in USER_HZ, as the sum must be right in what is shown.
 */
static void divide(struct cpuacct *ca, u64 used, const u64 *split)
{
	u64 user = split[CONTAINER_USER] - ca->reset_split[CONTAINER_USER];
	u64 system = split[CONTAINER_SYSTEM] - ca->reset_split[CONTAINER_SYSTEM];
	u64 *shown = ca->shown;

	lockdep_assert_held(&ca->stat_lock);
	/* less, where a reader has been overtaken by another */
	if (used <= shown[CONTAINER_USER] + shown[CONTAINER_SYSTEM])
		return;
	if (system)
		system = mul_u64_u64_div_u64(used, system, user + system);
	shown[CONTAINER_SYSTEM] = clamp(system, shown[CONTAINER_SYSTEM],
					used - shown[CONTAINER_USER]);
	shown[CONTAINER_USER] = used - shown[CONTAINER_SYSTEM];
}

static void read_stat(struct cpuacct *ca, u64 stat[NR_CONTAINER_CPUTIME])
{
	u64 used, split[NR_CONTAINER_CPUTIME];
	unsigned int resets;
	bool again;

	do {
		/* Pairs with reset_own(): what it has reset is read anew. */
		resets = smp_load_acquire(&ca->resets);
		used = nsec_to_clock_t(sum_own(ca));
		sum_split(ca, split);

		spin_lock(&ca->stat_lock);
		again = resets != ca->resets;
		if (!again) {
			divide(ca, used, split);
			memcpy(stat, ca->shown, sizeof(ca->shown));
		}
		spin_unlock(&ca->stat_lock);
	} while (again);
}

struct load {
	u64 recent;		/* time used */
	u64 age;		/* and in how long: of the interval, or of @ca if that is younger */
	u64 accumulated;	/* never less than @recent */
};

/*
 * All that is read is of one interval: if that ends meanwhile, or has ended by the
 * clock of a CPU that is ahead of ours, the next one is read instead.
 *
 * Where the machine's clock is not stable each CPU's may be ahead of others by a tick, or
 * by more if its ticks are late.  So the earliest is noted where counts begin, and what has
 * been used since is compared with the latest.
 */
static void read_load(struct cpuacct *ca, struct load *load)
{
	u64 now = local_clock(), since, latest;
	struct interval i;
	struct charged s;
	int cpu;

	do {
		i = interval_at(now);
		/* Pairs with reset_own(): no time from before is read. */
		since = atomic64_read_acquire(&ca->since);
		latest = now;
		load->recent = 0;
		load->accumulated = 0;
		for_each_possible_cpu(cpu) {
			container_run_settle(cpu, &ca->css, now);
			s = read_cpu(ca, cpu);
			if (s.start == i.start)
				load->recent += s.recent;
			load->accumulated += s.own;
			latest = max(latest, sched_clock_cpu(cpu));
		}
		/* at the end, so that nothing was used later */
		now = max(local_clock(), latest);
	} while (interval_at(now).start != i.start);

	since = max(since, i.start);
	load->age = now > since ? now - since : 0;
}

/* By whatever CPU's clock something is used from here on, it is later than this. */
static u64 earliest_clock(void)
{
	u64 earliest = U64_MAX;
	int cpu;

	for_each_possible_cpu(cpu)
		earliest = min(earliest, sched_clock_cpu(cpu));
	return earliest;
}

static void reset_own(struct cpuacct *ca)
{
	u64 since, used, split[NR_CONTAINER_CPUTIME];
	struct cpu_counters *c;
	int cpu;

	mutex_lock(&ca->reset_mutex);
	since = earliest_clock();
	settle(ca);
	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(ca->counters, cpu);
		used = read_cpu(ca, cpu).own;
		/* Whoever sees the new origin sees the count that it is of. */
		smp_mb();
		preempt_disable();
		u64_stats_update_begin(&c->reset_sync);
		WRITE_ONCE(c->reset, c->reset + used);
		u64_stats_update_end(&c->reset_sync);
		preempt_enable();
	}
	sum_split(ca, split);

	/* Readers of the old counts may have shown what they must not keep up. */
	spin_lock(&ca->stat_lock);
	memcpy(ca->reset_split, split, sizeof(split));
	memset(ca->shown, 0, sizeof(ca->shown));
	/* Pairs with read_stat(). */
	smp_store_release(&ca->resets, ca->resets + 1);
	spin_unlock(&ca->stat_lock);
	atomic64_set_release(&ca->since, since);
	mutex_unlock(&ca->reset_mutex);
}

/* Life of a container's state */

static struct container_subsys_state *
cpuacct_create(struct container_subsys *ss, struct container *cont)
{
	struct cpu_counters *c;
	struct cpuacct *ca;
	int cpu;

	ca = kzalloc(sizeof(*ca), GFP_KERNEL_ACCOUNT);
	if (!ca)
		return ERR_PTR(-ENOMEM);
	ca->counters = alloc_percpu_gfp(struct cpu_counters,
					GFP_KERNEL_ACCOUNT);
	if (!ca->counters) {
		kfree(ca);
		return ERR_PTR(-ENOMEM);
	}
	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(ca->counters, cpu);
		u64_stats_init(&c->sync);
		u64_stats_init(&c->split_sync);
		u64_stats_init(&c->reset_sync);
		seqcount_init(&c->turn);
	}
	mutex_init(&ca->reset_mutex);
	spin_lock_init(&ca->stat_lock);
	atomic64_set(&ca->since, earliest_clock());
	if (cont->parent)
		ca->parent = cont_cpuacct(cont->parent);
	return &ca->css;
}

static void cpuacct_destroy(struct container_subsys_state *css)
{
	struct cpuacct *ca = cpuacct_of(css);

	/* A CPU that has been idle since may still have something for it, and those above. */
	settle(ca);
	free_percpu(ca->counters);
	kfree(ca);
}

/* A hierarchy begins with its root's counts at zero, and the default interval. */
static void cpuacct_bind(struct container_subsys *ss, struct container *top)
{
	struct cpuacct *ca = cpuacct_of(ss->root_css);
	int cpu;

	if (!top->kn) {
		static_branch_disable(&container_cpuacct_mounted);
		synchronize_rcu();
		for_each_possible_cpu(cpu)
			container_run_end(cpu);
		return;
	}
	/* Text patching is no barrier on every architecture, a grace period is. */
	static_branch_enable(&container_cpuacct_mounted);
	synchronize_rcu();
	for_each_possible_cpu(cpu)
		container_run_begin(cpu);
	set_interval(DEFAULT_INTERVAL_MS);
	reset_own(ca);
	ca->reset_subtree = sum_subtree(ca);
}

/* The CPU that runs @task goes on for another container. */
static void cpuacct_moved(struct container_subsys_state *to,
			  struct task_struct *task)
{
	container_run_move(task, to);
}

/* Files */

static u64 read_usage(struct container *cont, struct cftype *cft)
{
	return sum_own(cont_cpuacct(cont));
}

static int write_usage(struct container *cont, struct cftype *cft, u64 val)
{
	if (val)
		return -EINVAL;
	reset_own(cont_cpuacct(cont));
	return 0;
}

static u64 read_usage_subtree(struct container *cont, struct cftype *cft)
{
	struct cpuacct *ca = cont_cpuacct(cont);

	return sum_subtree(ca) - ca->reset_subtree;
}

static int show_usage_percpu(struct seq_file *m, void *v)
{
	struct cpuacct *ca = cont_cpuacct(seq_container(m));
	const char *sep = "";
	int cpu;

	settle(ca);
	for_each_possible_cpu(cpu) {
		seq_printf(m, "%s%llu", sep, read_cpu(ca, cpu).own);
		sep = " ";
	}
	seq_putc(m, '\n');
	return 0;
}

static int show_stat(struct seq_file *m, void *v)
{
	u64 stat[NR_CONTAINER_CPUTIME];

	read_stat(cont_cpuacct(seq_container(m)), stat);
	seq_printf(m, "user %llu\n", stat[CONTAINER_USER]);
	seq_printf(m, "system %llu\n", stat[CONTAINER_SYSTEM]);
	return 0;
}

static int show_load(struct seq_file *m, void *v)
{
	struct load load;

	read_load(cont_cpuacct(seq_container(m)), &load);
	seq_printf(m, "time %llu\n", div_u64(load.recent, NSEC_PER_MSEC));
	seq_printf(m, "accumulated %llu\n",
		   div_u64(load.accumulated, NSEC_PER_MSEC));
	seq_printf(m, "interval %llu\n", div_u64(load.age, NSEC_PER_MSEC));
	seq_printf(m, "load %llu\n",
		   load.age ? div64_u64(load.recent * 100, load.age) : 0);
	return 0;
}

static u64 read_interval(struct container *cont, struct cftype *cft)
{
	return READ_ONCE(interval_ms);
}

/* The new length begins a new interval, at once and for all containers. */
static int write_interval(struct container *cont, struct cftype *cft, u64 val)
{
	if (val < MIN_INTERVAL_MS || val > MAX_INTERVAL_MS)
		return -EINVAL;
	set_interval(val);
	return 0;
}

static struct cftype cpuacct_files[] = {
	{ .name = "usage", .read_u64 = read_usage, .write_u64 = write_usage },
	{ .name = "usage_subtree", .read_u64 = read_usage_subtree },
	{ .name = "usage_percpu", .seq_show = show_usage_percpu },
	{ .name = "stat", .seq_show = show_stat },
	{ .name = "load", .seq_show = show_load },
	{ .name = "load_interval_ms", .flags = CFTYPE_ONLY_ON_ROOT,
	  .read_u64 = read_interval, .write_u64 = write_interval },
};

static int cpuacct_populate(struct container_subsys *ss, struct container *cont)
{
	return container_add_files(cont, ss, cpuacct_files,
				   ARRAY_SIZE(cpuacct_files));
}

struct container_subsys container_cpuacct_subsys = {
	.name		= "cpuacct",
	.create		= cpuacct_create,
	.destroy	= cpuacct_destroy,
	.populate	= cpuacct_populate,
	.bind		= cpuacct_bind,
	.moved		= cpuacct_moved,
};

static int __init cpuacct_init(void)
{
	return container_register_subsys(&container_cpuacct_subsys);
}
subsys_initcall(cpuacct_init);
