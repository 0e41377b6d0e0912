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
 * Nothing is charged while the subsystem is not mounted.  A charge touches the
 * counters of its container and CPU only; who asks for a subtree adds up.  The
 * state of a removed container lasts as long as a dead task may still be charged
 * there, and leaves its time to its parent.
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
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/sched/cputime.h>
#include <linux/slab.h>
#include <linux/u64_stats_sync.h>

enum kind { USER, SYSTEM, NR_KINDS };

/* Written by its own CPU with interrupts off, read by all. */
struct cpu_counters {
	struct u64_stats_sync sync;
	u64 own[NR_KINDS];	/* never reset */
	u64 recent;		/* own, in the interval that ends at @until */
	u64 until;		/* jiffies */
	unsigned int clock;	/* the setting of the clock that this is of */
};

struct cpuacct {
	struct container_subsys_state css;
	struct cpu_counters __percpu *counters;
	/* What "since the last reset" leaves out: readers' and writers' only. */
	struct mutex reset_lock;
	u64 (*reset)[NR_KINDS];	/* by CPU: own, at the last reset */

	/* Under tree_lock: */
	struct cpuacct *parent;
	struct list_head children, sibling;
	u64 gone;		/* time of all that were below and are freed */
	u64 reset_subtree;	/* time of the subtree when the hierarchy began */
};

/* The tree of states: also those of removed containers. */
static DEFINE_MUTEX(tree_lock);

DEFINE_STATIC_KEY_FALSE(container_cpuacct_mounted);

static struct container_subsys cpuacct_subsys;

/* The clock of intervals. */
#define DEFAULT_INTERVAL_MS	10000
#define MIN_INTERVAL_MS		100
#define MAX_INTERVAL_MS		3600000

static DEFINE_SEQLOCK(clock_lock);
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
		seq = read_seqbegin(&clock_lock);
		length = msecs_to_jiffies(interval_ms);
		/* the clock may have been set since the caller looked */
		now = max(now, clock_start);
		div64_u64_rem(now - clock_start, length, &i.age);
		i.until = now - i.age + length;
		i.clock = clock_setting;
	} while (read_seqretry(&clock_lock, seq));
	return i;
}

/* Have the counters nothing of the interval that @now is in? */
static bool interval_passed(const struct cpu_counters *c, u64 now)
{
	return now >= c->until || c->clock != READ_ONCE(clock_setting);
}

/* The first charge of an interval.  Apart, so that the others need no stack. */
static noinline void begin_interval(struct cpu_counters *c, u64 now, u64 ns)
{
	struct interval i = current_interval(now);

	c->clock = i.clock;
	c->until = i.until;
	c->recent = ns;
}

void __container_account_cputime(struct task_struct *task, int index, u64 ns)
{
	struct container_subsys_state *css;
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
	css = task_subsys_state(task, &cpuacct_subsys);
	c = this_cpu_ptr(cpuacct_of(css)->counters);
	u64_stats_update_begin(&c->sync);
	c->own[kind] += ns;
	if (unlikely(interval_passed(c, now)))
		begin_interval(c, now, ns);
	else
		c->recent += ns;
	u64_stats_update_end(&c->sync);
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
		copy.recent = READ_ONCE(c->recent);
		copy.until = READ_ONCE(c->until);
		copy.clock = READ_ONCE(c->clock);
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

/* All time that was ever charged here, resets notwithstanding. */
static u64 ever_own(struct cpuacct *ca)
{
	struct cpu_counters c;
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		c = snapshot(ca, cpu);
		sum += c.own[USER] + c.own[SYSTEM];
	}
	return sum;
}

/* The next state of a subtree, parents first; NULL after the last.  Under tree_lock. */
static struct cpuacct *next_below(struct cpuacct *pos, struct cpuacct *top)
{
	if (!list_empty(&pos->children))
		return list_first_entry(&pos->children, struct cpuacct, sibling);
	for (; pos != top; pos = pos->parent)
		if (!list_is_last(&pos->sibling, &pos->parent->children))
			return list_next_entry(pos, sibling);
	return NULL;
}

/* The same of a subtree, and of all that was ever in it.  Under tree_lock. */
static u64 ever_subtree(struct cpuacct *top)
{
	struct cpuacct *ca;
	u64 sum = 0;

	for (ca = top; ca; ca = next_below(ca, top)) {
		sum += ever_own(ca) + ca->gone;
		cond_resched();
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

/* Time used in the current interval. */
static u64 read_recent(struct cpuacct *ca, u64 now)
{
	struct cpu_counters c;
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		c = snapshot(ca, cpu);
		if (!interval_passed(&c, now))
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
	INIT_LIST_HEAD(&ca->children);
	if (cont->parent) {
		ca->parent = cont_cpuacct(cont->parent);
		mutex_lock(&tree_lock);
		list_add_tail(&ca->sibling, &ca->parent->children);
		mutex_unlock(&tree_lock);
	}
	return &ca->css;
}

static void cpuacct_destroy(struct container_subsys_state *css)
{
	struct cpuacct *ca = cpuacct_of(css);

	/* In one step for readers: the parent's subtree must not run backwards. */
	mutex_lock(&tree_lock);
	list_del(&ca->sibling);
	ca->parent->gone += ever_own(ca) + ca->gone;
	mutex_unlock(&tree_lock);
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
	mutex_lock(&tree_lock);
	ca->reset_subtree = ever_subtree(ca);
	mutex_unlock(&tree_lock);
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
	u64 sum;

	mutex_lock(&tree_lock);
	sum = ever_subtree(ca) - ca->reset_subtree;
	mutex_unlock(&tree_lock);
	return sum;
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
	u64 now = get_jiffies_64(), recent = read_recent(ca, now);
	u64 age = jiffies64_to_msecs(current_interval(now).age);
	u64 sum[NR_KINDS];

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
	clock_start = get_jiffies_64();
	WRITE_ONCE(interval_ms, val);
	WRITE_ONCE(clock_setting, clock_setting + 1);
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
