/*
 * The timer interrupt: a loop of known length takes longer by what interrupts it. An operation is one tick, with all that the
 * kernel does then, accounting of CPU time among it.
 */
#include <linux/time.h>
#include "workload.h"

/* The same few instructions n times; an architecture's own number of them. */
static void busy(unsigned long n)
{
	while (n) {
		n--;
		__asm__ volatile("" : "+r"(n));
	}
}

static unsigned long time_of(unsigned long n)
{
	unsigned long start = now();

	busy(n);
	return now() - start;
}

/* The kernel's clock that moves with each tick: what it shows, and its step. */
static unsigned long coarse(int call)
{
	struct timespec t;

	my_syscall2(call, CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec * 1000000000UL + t.tv_nsec;
}

/* Return right after a tick. */
static void await_tick(void)
{
	unsigned long before = coarse(__NR_clock_gettime);

	while (coarse(__NR_clock_gettime) == before)
		;
}

/*
 * Instructions in a round of busy(): a whole number, so a coarse clock is good enough. Both times are taken between two ticks.
 */
static unsigned long cost_of_round(void)
{
	const unsigned long n = 100000;
	unsigned long once, twice;

	await_tick();
	time_of(n);
	once = time_of(n);
	twice = time_of(2 * n);
	return (twice - once + n / 2) / n;
}

static void run_tick(struct run *run)
{
	unsigned long tick = coarse(__NR_clock_getres), cost = cost_of_round(), n;
	long batch;

	check(run, cost && tick, "the clock does not count instructions");
	n = run->rounds * tick / cost;
	run->report->operations = run->rounds;
	for (batch = -1; batch < run->batches; batch++) {
		await_tick();
		if (batch >= 0) {
			mark(MARK_ROUNDS);
			run->report->cost[batch] = time_of(n) - n * cost;
			mark(MARK_OUTSIDE);
		}
	}
}

const struct scenario tick_scenarios[] = {
	{ "tick", 0, run_tick },
	{}
};
