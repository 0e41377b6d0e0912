/* The scenario that maps memory. */
#include "workload.h"

static struct run *current;

/* mmap, touch and munmap of one page */
static void map_once(void)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(current, page != MAP_FAILED, "mmap");
	*(volatile char *)page = 1;
	check(current, !munmap(page, PAGE), "munmap");
}

static void run_mmap(struct run *run)
{
	current = run;
	measure(run, map_once, 1);
}

const struct scenario memory_scenarios[] = {
	{ "mmap", 0, run_mmap },
	{}
};
