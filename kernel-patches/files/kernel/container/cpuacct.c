// SPDX-License-Identifier: GPL-2.0
/*
 * Container subsystem cpuacct: CPU time used by the tasks of each container.
 *
 * Time is charged where the kernel accounts it to tasks, whatever the mode it
 * does that in: by ticks, by CONFIG_IRQ_TIME_ACCOUNTING, or exactly, by
 * CONFIG_VIRT_CPU_ACCOUNTING_*.  User time, guest time included, and system time
 * are charged.  The time of interrupts is not, though the kernel books it with
 * the task that was interrupted, nor is stolen time; and the time of idle tasks
 * is nobody's, though interrupts are booked with them too.
 *
 *   X.usage		ns in this container; writing 0 starts anew
 *   X.usage_subtree	ns in this container and in all that are or were below it
 *   X.usage_percpu	usage by CPU
 *   X.stat		usage as user and system time, in USER_HZ
 *   X.load		time in the current interval, and as a share of one CPU
 *   X.load_interval_ms	length of the interval, for all; root only
 *
 * Nothing is charged while the subsystem is not mounted.  A charge touches
 * counters of its CPU only, one set in each container up to the root.
 *
 * All containers share one clock of intervals, which begin where the interval was
 * last set.  Nobody walks the containers when one begins: each CPU's counters
 * remember when the interval ends that they belong to, and whoever charges or
 * reads them later sees that it has passed.
 */
#include <linux/container_cpuacct.h>
#include <linux/containers.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel_stat.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched/cputime.h>
#include <linux/seqlock.h>
#include <linux/slab.h>
#include <linux/u64_stats_sync.h>

enum kind { USER, SYSTEM, NR_KINDS };

/* Written by its own CPU with interrupts off, read by all. */
struct cpu_counters {
	struct u64_stats_sync sync;
	u64 own[NR_KINDS];	/* never reset */
	u64 below;		/* in all that are or were below; never reset */

	/* Time in the interval that ends at @until; @turn counts their beginnings. */
	u64 recent;
	u64 until;		/* jiffies */
	unsigned int clock;	/* the setting of the clock that this is of */
	seqcount_t turn;
};

struct cpuacct {
	struct container_subsys_state css;
	struct cpuacct *parent;		/* pinned by the container; NULL for the root */
	struct cpu_counters __percpu *counters;
	/* What "since the last reset" leaves out: readers' and writers' only. */
	struct mutex reset_lock;
	u64 (*reset)[NR_KINDS];	/* by CPU: own, at the last reset */
	u64 reset_subtree;	/* of the subtree, when the hierarchy began */
};

DEFINE_STATIC_KEY_FALSE(container_cpuacct_mounted);

static struct container_subsys cpuacct_subsys;

/* The clock of intervals. */
#define DEFAULT_INTERVAL_MS	10000
#define MIN_INTERVAL_MS		100
#define MAX_INTERVAL_MS		3600000

/* Raw, as the hook reads the clock with interrupts off. */
static DEFINE_RAW_SPINLOCK(clock_lock);
static seqcount_raw_spinlock_t clock_seq =
	SEQCNT_RAW_SPINLOCK_ZERO(clock_seq, &clock_lock);
static u64 interval_ms = DEFAULT_INTERVAL_MS;
static u64 clock_start;			/* jiffies when the interval was set */
static unsigned int clock_setting = 1;	/* how often it has been */

static struct cpuacct *cpuacct_of(struct container_subsys_state *css)
{
	return container_of(css, struct cpuacct, css);
}

static struct cpuacct *cont_cpuacct(struct container *cont)
{
	return cpuacct_of(container_subsys_state(cont, &cpuacct_subsys));
}

/* When an interval ends and how old it is, in jiffies; and of which setting of the clock. */
struct interval {
	unsigned int clock;
	u64 until;
	u64 age;
};

static struct interval current_interval(u64 now)
{
	struct interval i;
	unsigned int seq;
	u64 length;

	do {
		seq = read_seqcount_begin(&clock_seq);
		length = msecs_to_jiffies(interval_ms);
		/* the clock may have been set since the caller looked */
		now = max(now, clock_start);
		div64_u64_rem(now - clock_start, length, &i.age);
		i.until = now - i.age + length;
		i.clock = clock_setting;
	} while (read_seqcount_retry(&clock_seq, seq));
	return i;
}

/* Have the counters nothing of the interval that @now is in? */
static bool interval_passed(const struct cpu_counters *c, u64 now)
{
	return now >= c->until || c->clock != READ_ONCE(clock_setting);
}

/* The first charge of an interval.  Apart, and called last, so that the others need no stack. */
static noinline void begin_interval(struct cpu_counters *c, u64 now, u64 ns)
{
	struct interval i = current_interval(now);

	write_seqcount_begin(&c->turn);
	c->clock = i.clock;
	c->until = i.until;
	c->recent = ns;
	write_seqcount_end(&c->turn);
}

void __container_account_cputime(struct task_struct *task, int index, u64 ns)
{
	struct cpuacct *ca, *above;
	struct cpu_counters *c;
	enum kind kind;
	u64 now;

	switch (index) {
	case CPUTIME_USER:
	case CPUTIME_NICE:
		kind = USER;
		break;
	case CPUTIME_SYSTEM:
		kind = SYSTEM;
		break;
	default:
		return;
	}
	/*
	 * In January 2007 this hook met the idle task on powerpc, which no mount
	 * had given a container, and the machine went down.  It has one today,
	 * but its time is not used by anybody.
	 */
	if (is_idle_task(task))
		return;

	now = get_jiffies_64();
	rcu_read_lock();
	ca = cpuacct_of(task_subsys_state(task, &cpuacct_subsys));
	for (above = ca->parent; above; above = above->parent) {
		c = this_cpu_ptr(above->counters);
		u64_stats_update_begin(&c->sync);
		c->below += ns;
		u64_stats_update_end(&c->sync);
	}

	c = this_cpu_ptr(ca->counters);
	u64_stats_update_begin(&c->sync);
	c->own[kind] += ns;
	if (unlikely(interval_passed(c, now)))
		begin_interval(c, now, ns);
	else
		c->recent += ns;
	u64_stats_update_end(&c->sync);
	rcu_read_unlock();
}

/* One CPU's counters: each whole, and what is of the interval at one moment. */
static struct cpu_counters snapshot(struct cpuacct *ca, int cpu)
{
	struct cpu_counters *c = per_cpu_ptr(ca->counters, cpu), copy;
	unsigned int seq, turn;

	do {
		turn = read_seqcount_begin(&c->turn);
		seq = u64_stats_fetch_begin(&c->sync);
		copy.own[USER] = READ_ONCE(c->own[USER]);
		copy.own[SYSTEM] = READ_ONCE(c->own[SYSTEM]);
		copy.below = READ_ONCE(c->below);
		copy.recent = READ_ONCE(c->recent);
		copy.until = READ_ONCE(c->until);
		copy.clock = READ_ONCE(c->clock);
	} while (u64_stats_fetch_retry(&c->sync, seq) ||
		 read_seqcount_retry(&c->turn, turn));
	return copy;
}

/* One kind of time on one CPU since the last reset.  Under reset_lock. */
static u64 since_reset(struct cpuacct *ca, const struct cpu_counters *c,
		       int cpu, enum kind kind)
{
	return c->own[kind] - ca->reset[cpu][kind];
}

/* All of it, by kind. */
static void read_own(struct cpuacct *ca, u64 sum[NR_KINDS])
{
	struct cpu_counters c;
	int cpu;

	sum[USER] = 0;
	sum[SYSTEM] = 0;
	mutex_lock(&ca->reset_lock);
	for_each_possible_cpu(cpu) {
		c = snapshot(ca, cpu);
		sum[USER] += since_reset(ca, &c, cpu, USER);
		sum[SYSTEM] += since_reset(ca, &c, cpu, SYSTEM);
	}
	mutex_unlock(&ca->reset_lock);
}

/* All time that was ever charged here or below, resets notwithstanding. */
static u64 sum_subtree(struct cpuacct *ca)
{
	struct cpu_counters c;
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		c = snapshot(ca, cpu);
		sum += c.own[USER] + c.own[SYSTEM] + c.below;
	}
	return sum;
}

static void reset_own(struct cpuacct *ca)
{
	struct cpu_counters c;
	int cpu;

	mutex_lock(&ca->reset_lock);
	for_each_possible_cpu(cpu) {
		c = snapshot(ca, cpu);
		ca->reset[cpu][USER] = c.own[USER];
		ca->reset[cpu][SYSTEM] = c.own[SYSTEM];
	}
	mutex_unlock(&ca->reset_lock);
}

/* Time used in the current interval, and how old that is in milliseconds. */
static u64 read_recent(struct cpuacct *ca, u64 *age)
{
	struct cpu_counters c;
	u64 now, sum = 0;
	int cpu;

	/* Or time that passes meanwhile would count, and make no older. */
	preempt_disable();
	now = get_jiffies_64();
	for_each_possible_cpu(cpu) {
		c = snapshot(ca, cpu);
		if (!interval_passed(&c, now))
			sum += c.recent;
	}
	*age = jiffies64_to_msecs(current_interval(now).age);
	preempt_enable();
	return sum;
}

static void set_interval(u64 ms)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&clock_lock, flags);
	write_seqcount_begin(&clock_seq);
	clock_start = get_jiffies_64();
	WRITE_ONCE(interval_ms, ms);
	WRITE_ONCE(clock_setting, clock_setting + 1);
	write_seqcount_end(&clock_seq);
	raw_spin_unlock_irqrestore(&clock_lock, flags);
}

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
	ca->reset = kvcalloc(nr_cpu_ids, sizeof(*ca->reset),
			     GFP_KERNEL_ACCOUNT);
	if (!ca->counters || !ca->reset) {
		free_percpu(ca->counters);
		kvfree(ca->reset);
		kfree(ca);
		return ERR_PTR(-ENOMEM);
	}
	mutex_init(&ca->reset_lock);
	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(ca->counters, cpu);
		u64_stats_init(&c->sync);
		seqcount_init(&c->turn);
	}
	if (cont->parent)
		ca->parent = cont_cpuacct(cont->parent);
	return &ca->css;
}

static void cpuacct_destroy(struct container_subsys_state *css)
{
	struct cpuacct *ca = cpuacct_of(css);

	free_percpu(ca->counters);
	kvfree(ca->reset);
	kfree(ca);
}

/* A hierarchy begins with its root's counts at zero, and the default interval. */
static void cpuacct_bind(struct container_subsys *ss, struct container *top)
{
	struct cpuacct *ca = cpuacct_of(ss->root_css);

	if (!top->kn) {
		static_branch_disable(&container_cpuacct_mounted);
		return;
	}
	reset_own(ca);
	ca->reset_subtree = sum_subtree(ca);
	set_interval(DEFAULT_INTERVAL_MS);
	static_branch_enable(&container_cpuacct_mounted);
}

static u64 read_usage(struct container *cont, struct cftype *cft)
{
	u64 sum[NR_KINDS];

	read_own(cont_cpuacct(cont), sum);
	return sum[USER] + sum[SYSTEM];
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
	struct cpu_counters c;
	const char *sep = "";
	int cpu;

	mutex_lock(&ca->reset_lock);
	for_each_possible_cpu(cpu) {
		c = snapshot(ca, cpu);
		seq_printf(m, "%s%llu", sep,
			   since_reset(ca, &c, cpu, USER) +
			   since_reset(ca, &c, cpu, SYSTEM));
		sep = " ";
	}
	mutex_unlock(&ca->reset_lock);
	seq_putc(m, '\n');
	return 0;
}

static int show_stat(struct seq_file *m, void *v)
{
	u64 sum[NR_KINDS];

	read_own(cont_cpuacct(seq_container(m)), sum);
	seq_printf(m, "user %llu\n", nsec_to_clock_t(sum[USER]));
	seq_printf(m, "system %llu\n", nsec_to_clock_t(sum[SYSTEM]));
	return 0;
}

static int show_load(struct seq_file *m, void *v)
{
	struct cpuacct *ca = cont_cpuacct(seq_container(m));
	u64 age, recent = read_recent(ca, &age), sum[NR_KINDS];

	read_own(ca, sum);
	seq_printf(m, "time %llu\n", div_u64(recent, NSEC_PER_MSEC));
	seq_printf(m, "accumulated %llu\n",
		   div_u64(sum[USER] + sum[SYSTEM], NSEC_PER_MSEC));
	seq_printf(m, "interval %llu\n", age);
	seq_printf(m, "load %llu\n",
		   age ? div64_u64(recent * 100, age * NSEC_PER_MSEC) : 0);
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

static struct container_subsys cpuacct_subsys = {
	.name		= "cpuacct",
	.create		= cpuacct_create,
	.destroy	= cpuacct_destroy,
	.populate	= cpuacct_populate,
	.bind		= cpuacct_bind,
};

static int __init cpuacct_init(void)
{
	return container_register_subsys(&cpuacct_subsys);
}
subsys_initcall(cpuacct_init);
