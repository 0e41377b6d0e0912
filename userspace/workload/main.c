/*
 * The benchmark's workload, a static program without a library. It is the guest's first process: nothing else runs, and nothing
 * comes from the host, until all is measured. It follows /plan, writes /results, and becomes the guest's agent, which
 * hands the results to the host.
 */
#include <linux/sched.h>
#include "workload.h"
#include "spawn.h"

#define PLAN_SIZE	(64 << 10)
#define RESULTS_SIZE	(256 << 10)

/*
 * In memory that is shared, as fork does not copy that: what a fork costs must not depend on the length of the plan, or on how
 * much has been measured before.
 */
static char *plan, *results;
struct report *report;

static int results_len;
void say(const char *text)
{
	int len = strlen(text);

	if (results_len + len > RESULTS_SIZE)
		return; /* the end will be missing, and that is noticed */
	memcpy(results + results_len, text, len);
	results_len += len;
}

void say_number(long number)
{
	char text[24];

	ltoa_r(number, text);
	say(" ");
	say(text);
}

/* For the same reason no page comes later to what a fork copies: neither of data, nor of the stack. */
static void touch_memory(void)
{
	extern char __bss_start[], _end[];
	volatile char stack[3 * PAGE], *p;

	for (p = __bss_start; p < _end; p += PAGE)
		*p = 0;
	for (p = stack; p < stack + sizeof(stack); p += PAGE)
		*p = 0;
}

/*
 * The kernel finds processes by number in a tree with 64 branches. As long as one of a number above 63 lives, the tree has a second level;
 * otherwise each fork makes that level and each exit frees it. That must not depend on which of the kernel's own threads live on, so
 * one process sleeps for ever. It is none that waitpid() without more words waits for.
 */
static void keep_a_number(void)
{
	int pid;

	do {
		pid = fork();
		if (!pid)
			exit(0);
	} while (waitpid(pid, NULL, 0) == pid && pid < 2 * 64);
	if (spawn(CLONE_VM | CLONE_FS | CLONE_FILES, NULL, __NR_pause) < 0)
		fail(0, "the sleeping process");
}

#ifdef COUNTED
/* The report, behind the marks. They share a mapping: one more would be one more that fork copies. */
static struct report *shared_report(void)
{
	char *area = mmap((void *)MARKS, MARKS_SIZE + sizeof(struct report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	return (struct report *)(area + MARKS_SIZE);
}
#else
#define shared_report() shared(sizeof(*report))
#endif

int main(void)
{
	char *agent[] = { "/init", NULL };
	int fd;

	/* What the scenario exec starts. */
	if (getpid() != 1)
		return 0;

	touch_memory();
	report = shared_report();
	plan = shared(PLAN_SIZE);
	results = shared(RESULTS_SIZE);
	keep_a_number();
	mkdir("/proc", 0555);
	mount("proc", "/proc", "proc", 0, NULL);
	fd = open("/plan", O_RDONLY);
	if (fd < 0 || read(fd, plan, PLAN_SIZE - 1) < 0)
		fail(0, "/plan");
	else
		follow(plan);
	close(fd);

#ifdef CONSOLE
	write(1, results, results_len);
	return 1;
#endif
	fd = open("/results", O_CREAT | O_TRUNC | O_WRONLY, 0644);
	write(fd, results, results_len);
	close(fd);
	execve("/bin/guestagent", agent, agent + 1);
	return 1;
}
