/*
 * The plan: what is to be measured, and in which state.
 *
 * A plan has a command a line:
 *
 *   state NAME			begin a state; it names the results that follow
 *   mount DIR TYPE OPTIONS	mount a hierarchy. Of the subsystems among the options those are taken that the kernel has;
 *				where it has none of them, the rest of the state is left out
 *   umount DIR
 *   mkdir DIR, rmdir DIR
 *   set DIR FILE VALUE		write to a file, if there is one
 *   enter DIR			scenarios run in this container (of this hierarchy) until the state ends
 *   run NAME SCENARIO BATCHES ROUNDS [ARG...]
 *
 * Results are lines, too:
 *
 *   state NAME SUBSYSTEMS	those that are mounted, as in "cpuset,cpuacct", for each hierarchy
 *   run NAME OPERATIONS ELAPSED COST...	operations in a batch, the time of all batches, and the cost of each
 *   failed NAME WHAT		in the process of a scenario
 *   error LINE COMMAND ERRNO	of the plan; nothing follows
 *   end			nothing is missing
 */
#include <linux/mount.h>
#include "workload.h"

static char *containers[MAX_WORDS];
static int nr_containers, missing;

/* Does a line of /proc/containers name this subsystem? Hierarchies have their names at the end of a line. */
static int has_subsystem(const char *listing, const char *name)
{
	size_t len = strlen(name);

	while ((listing = strchr(listing, '='))) {
		listing++;
		if (!strncmp(listing, name, len) && listing[len] == ' ')
			return 1;
	}
	return 0;
}

/* Copy those of a comma list to kept that the kernel has. Returns how many there are. */
static int keep_subsystems(char *list, char *kept, size_t room)
{
	char *name, *comma, *listing = shared(PAGE);
	int n, count = 0, fd = open("/proc/containers", O_RDONLY);

	n = fd < 0 ? 0 : read(fd, listing, PAGE - 1);
	listing[n < 0 ? 0 : n] = '\0';
	close(fd);
	*kept = '\0';
	for (name = list; name; name = comma) {
		comma = strchr(name, ',');
		if (comma)
			*comma++ = '\0';
		if (!has_subsystem(listing, name))
			continue;
		if (count++)
			strlcat(kept, ",", room);
		strlcat(kept, name, room);
	}
	munmap(listing, PAGE);
	return count;
}

static int do_mount(char **w)
{
	static char kept[256];
	char *options = w[3];

	if (!strcmp(w[2], "container") && strncmp(options, "none,", 5)) {
		if (!keep_subsystems(options, kept, sizeof(kept))) {
			missing = 1;
			return 0;
		}
		options = kept;
	}
	say(" ");
	say(options);
	mkdir(w[1], 0755);
	return mount(w[1], w[1], w[2], 0, options);
}

/*
 * Mainline's hierarchy lives on, with its subsystems, if it is unmounted while a directory that has been removed still has
 * something to be freed.
 */
static int do_umount(char **w)
{
	int i;

	for (i = 0; i < 5; i++)
		settle();
	return umount2(w[1], 0);
}

static int do_set(char **w)
{
	return write_file(w[1], w[2], w[3]) && errno != ENOENT ? -1 : 0;
}

static const struct scenario *find_scenario(const char *name)
{
	const struct scenario *tables[] = { process_scenarios, file_scenarios, memory_scenarios, tick_scenarios, placement_scenarios,
#ifdef COUNTED
						   growth_scenarios, sharing_scenarios,
#endif
						 }, *s;
	unsigned int i;

	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (s = tables[i]; s->name; s++)
			if (!strcmp(s->name, name))
				return s;
	return NULL;
}

static int do_run(char **w, int n)
{
	const struct scenario *scenario = find_scenario(w[2]);
	struct run run = { .batches = atol(w[3]), .rounds = atol(w[4]), .args = w + 5, .nr_args = n - 5, .report = report };
	long i;

	errno = EINVAL;
	if (!scenario || scenario->nr_args != run.nr_args || run.batches < 1 || run.batches > MAX_BATCHES || run.rounds < 1)
		return -1;
	run_scenario(scenario, &run, containers, nr_containers);
	if (*report->failed) {
		say("\nfailed ");
		say(w[1]);
		say(" ");
		say(report->failed);
		errno = report->error;
		return -1;
	}
	say("\nrun ");
	say(w[1]);
	say_number(report->operations);
	say_number(report->elapsed);
	for (i = 0; i < run.batches; i++)
		say_number(report->cost[i]);
	return 0;
}

/* Do a command of n words. Returns 0, or -1 with errno. */
static int obey(char **w, int n)
{
	if (!strcmp(w[0], "state") && n == 2) {
		missing = nr_containers = 0;
		say("\nstate ");
		say(w[1]);
		return 0;
	}
	if (missing)
		return 0;
	if (!strcmp(w[0], "mount") && n == 4)
		return do_mount(w);
	if (!strcmp(w[0], "umount") && n == 2)
		return do_umount(w);
	if (!strcmp(w[0], "mkdir") && n == 2)
		return mkdir(w[1], 0755);
	if (!strcmp(w[0], "rmdir") && n == 2)
		return rmdir(w[1]);
	if (!strcmp(w[0], "set") && n == 4)
		return do_set(w);
	if (!strcmp(w[0], "enter") && n == 2 && nr_containers < MAX_WORDS) {
		containers[nr_containers++] = w[1];
		return 0;
	}
	if (!strcmp(w[0], "run") && n >= 5)
		return do_run(w, n);
	errno = ENOSYS;
	return -1;
}

/* Split a line into words, in place. */
static int split(char *line, char **words)
{
	int n = 0;

	while (n < MAX_WORDS) {
		while (*line == ' ')
			*line++ = '\0';
		if (!*line)
			break;
		words[n++] = line;
		while (*line && *line != ' ')
			line++;
	}
	return n;
}

/* The plan's line number could not be done. */
void fail(int number, const char *command)
{
	int reason = errno;

	say("\nerror");
	say_number(number);
	say(" ");
	say(command);
	say_number(reason);
	say("\n");
}

/* Follow the plan to its end, or to the first line that fails. */
void follow(char *text)
{
	char *words[MAX_WORDS], *line, *end;
	int number = 1, n;

	for (line = text; *line; line = end + 1, number++) {
		end = strchr(line, '\n');
		if (!end)
			break;
		*end = '\0';
		errno = 0;
		n = split(line, words);
		if (n && obey(words, n)) {
			fail(number, words[0]);
			return;
		}
	}
	say("\nend\n");
}
