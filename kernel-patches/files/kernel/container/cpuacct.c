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
 * remember the interval that they belong to, and whoever charges or reads them
 * later sees that it has passed.
 */
#include <linux/container_cpuacct.h>
#include <linux/containers.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel_stat.h>
#include <linux/percpu.h>
#include <linux/sched/cputime.h>
#include <linux/slab.h>
#include <linux/u64_stats_sync.h>

enum kind { USER, SYSTEM, NR_KINDS };

/* Written by its own CPU with interrupts off, read by all. */
struct cpu_counters {
	struct u64_stats_sync sync;
	u64 own[NR_KINDS];	/* never reset */
	u64 subtree;		/* own and below; never reset */
	u64 interval;		/* number of the interval that @recent is of */
	u64 recent;		/* own, in that interval */
};

struct cpuacct {
	struct container_subsys_state css;
	struct cpu_counters __percpu *counters;
	/* What "since the last reset" leaves out: readers' and writers' only. */
	struct mutex reset_lock;
	u64 (*reset)[NR_KINDS];	/* by CPU: own, at the last reset */
	u64 reset_subtree;	/* subtree, when the hierarchy began */
};

DEFINE_STATIC_KEY_FALSE(container_cpuacct_mounted);

static struct container_subsys cpuacct_subsys;

/* The clock of intervals. */
#define DEFAULT_INTERVAL_MS	10000
#define MIN_INTERVAL_MS		100
#define MAX_INTERVAL_MS		3600000

static DEFINE_SEQLOCK(clock_lock);
static u64 interval_ms = DEFAULT_INTERVAL_MS;
static u64 clock_start_ms;		/* when interval first_interval began */
static u64 first_interval = 1;		/* numbers are never used twice */

static struct cpuacct *cpuacct_of(struct container_subsys_state *css)
{
	return container_of(css, struct cpuacct, css);
}

static struct cpuacct *cont_cpuacct(struct container *cont)
{
	return cpuacct_of(container_subsys_state(cont, &cpuacct_subsys));
}

static u64 now_ms(void)
{
	return jiffies64_to_msecs(get_jiffies_64());
}

/* The number of the current interval; its age in milliseconds in @age. */
static u64 current_interval(u64 *age)
{
	u64 number, since, rest;
	unsigned int seq;

	do {
		seq = read_seqbegin(&clock_lock);
		since = now_ms() - clock_start_ms;
		number = first_interval + div64_u64_rem(since, interval_ms,
							&rest);
	} while (read_seqretry(&clock_lock, seq));
	if (age)
		*age = rest;
	return number;
}

void __container_account_cputime(struct task_struct *task, int index, u64 ns)
{
	struct container_subsys_state *css;
	struct cpu_counters *c;
	enum kind kind;
	u64 interval;

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

	interval = current_interval(NULL);
	rcu_read_lock();
	css = task_subsys_state(task, &cpuacct_subsys);
	c = this_cpu_ptr(cpuacct_of(css)->counters);
	u64_stats_update_begin(&c->sync);
	c->own[kind] += ns;
	if (c->interval != interval) {
		c->interval = interval;
		c->recent = 0;
	}
	c->recent += ns;
	c->subtree += ns;
	u64_stats_update_end(&c->sync);

	for (css = container_css_parent(css); css;
	     css = container_css_parent(css)) {
		c = this_cpu_ptr(cpuacct_of(css)->counters);
		u64_stats_update_begin(&c->sync);
		c->subtree += ns;
		u64_stats_update_end(&c->sync);
	}
	rcu_read_unlock();
}

/* One CPU's counters as they were at one moment. */
static struct cpu_counters snapshot(struct cpuacct *ca, int cpu)
{
	struct cpu_counters *c = per_cpu_ptr(ca->counters, cpu), copy;
	unsigned int seq;

	do {
		seq = u64_stats_fetch_begin(&c->sync);
		copy.own[USER] = READ_ONCE(c->own[USER]);
		copy.own[SYSTEM] = READ_ONCE(c->own[SYSTEM]);
		copy.subtree = READ_ONCE(c->subtree);
		copy.interval = READ_ONCE(c->interval);
		copy.recent = READ_ONCE(c->recent);
	} while (u64_stats_fetch_retry(&c->sync, seq));
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

static u64 sum_subtree(struct cpuacct *ca)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += snapshot(ca, cpu).subtree;
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

/* Time used in the current interval. */
static u64 read_recent(struct cpuacct *ca, u64 *age)
{
	u64 interval = current_interval(age), sum = 0;
	struct cpu_counters c;
	int cpu;

	for_each_possible_cpu(cpu) {
		c = snapshot(ca, cpu);
		if (c.interval == interval)
			sum += c.recent;
	}
	return sum;
}

static struct container_subsys_state *
cpuacct_create(struct container_subsys *ss, struct container *cont)
{
	struct cpuacct *ca;
	int cpu;

	ca = kzalloc(sizeof(*ca), GFP_KERNEL);
	if (!ca)
		return ERR_PTR(-ENOMEM);
	ca->counters = alloc_percpu(struct cpu_counters);
	ca->reset = kcalloc(nr_cpu_ids, sizeof(*ca->reset), GFP_KERNEL);
	if (!ca->counters || !ca->reset) {
		free_percpu(ca->counters);
		kfree(ca->reset);
		kfree(ca);
		return ERR_PTR(-ENOMEM);
	}
	mutex_init(&ca->reset_lock);
	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(ca->counters, cpu)->sync);
	return &ca->css;
}

static void cpuacct_destroy(struct container_subsys_state *css)
{
	struct cpuacct *ca = cpuacct_of(css);

	free_percpu(ca->counters);
	kfree(ca->reset);
	kfree(ca);
}

/* A hierarchy begins with its root's counts at zero. */
static void cpuacct_bind(struct container_subsys *ss, struct container *top)
{
	struct cpuacct *ca = cpuacct_of(ss->root_css);

	if (!top->kn) {
		static_branch_disable(&container_cpuacct_mounted);
		return;
	}
	reset_own(ca);
	ca->reset_subtree = sum_subtree(ca);
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
	write_seqlock_irq(&clock_lock);
	first_interval += div64_u64(now_ms() - clock_start_ms, interval_ms) + 1;
	clock_start_ms = now_ms();
	WRITE_ONCE(interval_ms, val);
	write_sequnlock_irq(&clock_lock);
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
