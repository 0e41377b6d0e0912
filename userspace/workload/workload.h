/*
 * What the files of the workload share.
 *
 *   main.c	 the first process, and what it hands to the host
 *   plan.c	 follows the plan that the host has laid beside it
 *   measure.c	 runs one scenario in a process of its own and takes the time
 *   processes.c scenarios that make processes and threads, or switch between them
 *   files.c	 scenarios that open, list, make and move
 *   memory.c	 the scenario that maps memory
 *   tick.c	 the scenario that waits for timer interrupts
 *   placement.c scenarios that ask for memory and for processors
 *   spawn.h	 a child without a stack, the only code that knows an architecture
 *
 * With COUNTED defined, and with what is in counted/, it is the program whose executions and stores the emulator's plugin counts. Without, not
 * a byte of it depends on that, as the scenarios' figures depend on each byte.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#define PAGE		4096
#define MAX_WORDS	12
#define MAX_BATCHES	64

/* What a scenario's process hands back, in memory that it shares with the first process. */
struct report {
	char failed[80];		/* what did not work, or nothing */
	int error;			/* and its errno */
	long operations;		/* in each batch */
	long cost[MAX_BATCHES];		/* of a batch: instructions, or nanoseconds of a storm */
	unsigned long elapsed;		/* nanoseconds of all batches, idle ones too */
};

/* One scenario as the plan asks for it. */
struct run {
	long batches;
	long rounds;			/* of the operation, in each batch */
	char **args;			/* the scenario's own */
	int nr_args;
	struct report *report;
};

/* Runs in a process of its own. Ends it where something fails. */
typedef void (*scenario_fn)(struct run *run);

struct scenario {
	const char *name;
	int nr_args;
	scenario_fn run;
};

extern const struct scenario process_scenarios[], file_scenarios[], memory_scenarios[], tick_scenarios[], placement_scenarios[];
extern const struct scenario growth_scenarios[], sharing_scenarios[]; /* counted/ */

/*
 * What is written here the emulator's plugin sees: which part of a scenario begins. Behind it lies what several processors write on purpose
 * (counted/sharing.c). harness/bench/plugin.go has the address, too.
 */
#define MARKS		0x70000000UL
#define PLANTED		(MARKS + PAGE)
#define MARKS_SIZE	(2 * PAGE)

enum { MARK_OUTSIDE, MARK_EMPTY, MARK_ROUNDS, MARK_END };

#ifdef COUNTED
#define mark(part)	(*(volatile char *)(MARKS + (part)) = 0)
#else
#define mark(part)	do { } while (0)
#endif

/* main.c */
extern struct report *report;
void say(const char *text);
void say_number(long number);

/* plan.c */
void follow(char *text);
void fail(int number, const char *command);

/* measure.c */
unsigned long now(void);
void settle(void);
void *shared(unsigned long size);
void measure(struct run *run, void (*operation)(void), int operations_per_round);
void measure_elapsed(struct run *run, void (*operation)(void), int operations_per_round);
void check(struct run *run, int ok, const char *what);
void run_scenario(const struct scenario *scenario, struct run *run, char **containers, int nr_containers);

/* files.c */
char *path_of(const char *dir, const char *file);
int write_file(const char *dir, const char *file, const char *value);
int join(const char *container);

/* counted/growth.c */
int make_container(const char *dir);

#endif
