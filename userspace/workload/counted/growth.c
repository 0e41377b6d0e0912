/* Scenarios in which there is more and more of what an operation does not touch, and the memory that a container takes. */
#include <linux/mount.h>
#include <linux/sched.h>
#include "../workload.h"
#include "../spawn.h"

static struct run *current;

/* A container that can take tasks: a cpuset is empty at first. Returns 0, or -1 with errno. */
int make_container(const char *dir)
{
	if (mkdir(dir, 0755))
		return -1;
	if (write_file(dir, "cpuset.cpus", "0-3") && write_file(dir, "cpuset.cpus", "0") && errno != ENOENT)
		return -1;
	return write_file(dir, "cpuset.mems", "0") && errno != ENOENT ? -1 : 0;
}

/* The n-th of many containers in a directory. The path is in memory that the next call uses again. */
static char *nth(const char *dir, long n)
{
	char name[24];

	ltoa_r(n, name);
	return path_of(dir, name);
}

static void make_many(const char *dir, long first, long n)
{
	char path[256];

	for (; n--; first++) {
		strlcpy(path, nth(dir, first), sizeof(path));
		check(current, !make_container(path), "one of many containers");
	}
}

static void remove_many(const char *dir, long n)
{
	while (n--)
		check(current, !rmdir(nth(dir, n)), "one of many containers");
}

/* DIR N: mkdir + rmdir of a container in DIR, beside N */
static void mkdir_once(void)
{
	char *path = path_of(current->args[0], "new");

	check(current, !mkdir(path, 0755) && !rmdir(path), path);
}

static void run_siblings(struct run *run)
{
	int n = atoi(run->args[1]);

	current = run;
	make_many(run->args[0], 0, n);
	measure(run, mkdir_once, 1);
	remove_many(run->args[0], n);
}

/* DIR N FILE: FILE, which tells of hierarchies, is read while there are N containers in DIR */
static void listing_once(void)
{
	char buffer[4096];
	int n, fd = open(current->args[2], O_RDONLY);

	check(current, fd >= 0, "open");
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		;
	check(current, !n, "read");
	close(fd);
}

static void run_listing(struct run *run)
{
	int n = atoi(run->args[1]);

	current = run;
	make_many(run->args[0], 0, n);
	measure(run, listing_once, 1);
	remove_many(run->args[0], n);
}

/* TYPE OPTIONS N: a hierarchy is mounted and unmounted, while N tasks sleep */
static void mount_once(void)
{
	static const char dir[] = "/mounted";

	check(current, !mount(dir, dir, current->args[0], 0, current->args[1]), "mount");
	check(current, !umount2(dir, 0), "umount");
}

static void run_mount(struct run *run)
{
	int n = atoi(run->args[2]);

	current = run;
	mkdir("/mounted", 0755);
	while (n--)
		check(run, spawn(SLEEPER, NULL, __NR_pause) > 0, "clone");
	measure(run, mount_once, 1);
}

/* HERE DIR N: fork in HERE, while in each of N containers in DIR a task sleeps */
static void fork_once(void)
{
	int pid = fork();

	if (!pid)
		my_syscall1(__NR_exit_group, 0);
	check(current, pid > 0 && waitpid(pid, NULL, 0) == pid, "a child");
}

static void run_sets(struct run *run)
{
	int n = atoi(run->args[2]), i;
	int *sleepers = shared(n * sizeof(*sleepers));

	current = run;
	make_many(run->args[1], 0, n);
	for (i = 0; i < n; i++) {
		char dir[256];

		strlcpy(dir, nth(run->args[1], i), sizeof(dir));
		check(run, !join(dir), "one of many containers");
		sleepers[i] = spawn(SLEEPER, NULL, __NR_pause);
		check(run, sleepers[i] > 0, "clone");
	}
	check(run, !join(run->args[0]), run->args[0]);
	measure(run, fork_once, 1);
	for (i = 0; i < n; i++) {
		kill(sleepers[i], SIGKILL);
		check(run, waitpid(sleepers[i], NULL, 0) == sleepers[i], "waitpid");
	}
	munmap(sleepers, n * sizeof(*sleepers));
	remove_many(run->args[1], n);
}

/* Bytes that the kernel has in use for itself, by a field of /proc/meminfo. */
static long meminfo(const char *text, const char *field)
{
	size_t len = strlen(field);

	while (text && strncmp(text, field, len)) {
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	check(current, text != NULL, field);
	for (text += len; *text == ' '; text++)
		;
	return atol(text) * 1024;
}

static long kernel_memory(void)
{
	static char text[8192];
	int n, len = 0, fd = open("/proc/meminfo", O_RDONLY);

	check(current, fd >= 0, "/proc/meminfo");
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	close(fd);
	text[len] = '\0';
	return meminfo(text, "Slab:") + meminfo(text, "Percpu:");
}

/* DIR: the memory that as many containers in DIR take as there are rounds. A cost is bytes, not instructions. */
static void run_memory(struct run *run)
{
	long batch, before;

	current = run;
	run->report->operations = run->rounds;
	for (batch = 0; batch < run->batches; batch++) {
		settle();
		before = kernel_memory();
		make_many(run->args[0], batch * run->rounds, run->rounds);
		settle();
		run->report->cost[batch] = kernel_memory() - before;
	}
	remove_many(run->args[0], run->batches * run->rounds);
}

const struct scenario growth_scenarios[] = {
	{ "siblings", 2, run_siblings },
	{ "listing", 3, run_listing },
	{ "mount", 3, run_mount },
	{ "sets", 3, run_sets },
	{ "memory", 1, run_memory },
	{}
};
