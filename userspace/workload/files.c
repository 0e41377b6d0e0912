/* Scenarios that open a file, list tasks, make directories, and move tasks. */
#include <linux/sched.h>
#include "workload.h"
#include "spawn.h"

static struct run *current;

/* dir/file in memory that the next call uses again. */
char *path_of(const char *dir, const char *file)
{
	static char path[256];

	strlcpy(path, dir, sizeof(path));
	strlcat(path, "/", sizeof(path));
	strlcat(path, file, sizeof(path));
	return path;
}

/* Returns 0, or -1 with errno. */
int write_file(const char *dir, const char *file, const char *value)
{
	int fd = open(path_of(dir, file), O_WRONLY);
	int ok;

	if (fd < 0)
		return -1;
	ok = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return ok ? 0 : -1;
}

/* Move this process into a container. */
int join(const char *container)
{
	return write_file(container, "tasks", "0");
}

/* open + close of a regular file */
static void open_once(void)
{
	int fd = open("/plan", O_RDONLY);

	check(current, fd >= 0, "open");
	close(fd);
}

static void run_open(struct run *run)
{
	current = run;
	measure(run, open_once, 1);
}

/* DIR: mkdir + rmdir of a container in DIR */
static void mkdir_once(void)
{
	char *path = path_of(current->args[0], "new");

	check(current, !mkdir(path, 0755) && !rmdir(path), path);
}

static void run_mkdir(struct run *run)
{
	current = run;
	measure(run, mkdir_once, 1);
}

/* FROM TO: a sleeping process goes from one container to another, and back */
static char sleeper[24];
static int tasks_files[2];

static void move_once(void)
{
	int i;

	for (i = 0; i < 2; i++)
		check(current, write(tasks_files[i], sleeper, strlen(sleeper)) > 0, current->args[i]);
}

static void run_move(struct run *run)
{
	long pid;
	int i;

	current = run;
	for (i = 0; i < 2; i++) {
		tasks_files[i] = open(path_of(run->args[i], "tasks"), O_WRONLY);
		check(run, tasks_files[i] >= 0, run->args[i]);
	}
	pid = spawn(SLEEPER, NULL, __NR_pause);
	check(run, pid > 0, "clone");
	itoa_r(pid, sleeper);
	measure(run, move_once, 2);
}

/* HERE ELSEWHERE N ALL: the list of tasks of HERE is read, where N tasks sleep, while all in all sleep. */
static void tasks_once(void)
{
	char buffer[4096];
	int n, fd = open(path_of(current->args[0], "tasks"), O_RDONLY);

	check(current, fd >= 0, "open");
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		;
	check(current, !n, "read");
	close(fd);
}

static void run_tasks(struct run *run)
{
	int here = atoi(run->args[2]), all = atoi(run->args[3]), i;

	current = run;
	for (i = 0; i < all; i++) {
		if (i == 0)
			check(run, !join(run->args[0]), run->args[0]);
		if (i == here)
			check(run, !join(run->args[1]), run->args[1]);
		check(run, spawn(SLEEPER, NULL, __NR_pause) > 0, "clone");
	}
	check(run, !join(run->args[1]), run->args[1]);
	measure(run, tasks_once, 1);
}

const struct scenario file_scenarios[] = {
	{ "open", 0, run_open },
	{ "mkdir", 1, run_mkdir },
	{ "move", 2, run_move },
	{ "tasks", 4, run_tasks },
	{}
};
