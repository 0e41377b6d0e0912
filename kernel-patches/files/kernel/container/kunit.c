// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what user space cannot see: the membership of idle tasks.
 *
 * They run at boot, when nothing is mounted, and again whenever somebody writes to
 * the suite's file "run" in debugfs, for example with everything mounted.
 */
#include <kunit/test.h>
#include <linux/cpumask.h>

#include "internal.h"

/*
 * In January 2007 the accounting of CPU time found the idle tasks in no container,
 * as they are on no list of tasks.
 */
static void idle_tasks_have_a_container(struct kunit *test)
{
	struct container_subsys *ss;
	struct container *cont, *root;
	unsigned long all;
	unsigned int id;
	int cpu;

	mutex_lock(&container_mutex);
	all = container_subsys_all();
	if (!all) {
		mutex_unlock(&container_mutex);
		kunit_skip(test, "this kernel has no container subsystem");
	}
	for_each_possible_cpu(cpu) {
		KUNIT_EXPECT_NOT_NULL(test, idle_task(cpu));
		if (!idle_task(cpu))
			continue;
		for_each_subsys_in(ss, id, all) {
			rcu_read_lock();
			cont = task_container(idle_task(cpu), ss);
			root = container_subsys_root(ss);
			rcu_read_unlock();
			/* Of what fails KUnit makes a note, and may sleep for that. */
			KUNIT_EXPECT_PTR_EQ(test, cont, root);
			KUNIT_EXPECT_PTR_EQ(test, cont, &ss->root->top);
		}
	}
	mutex_unlock(&container_mutex);
}

static struct kunit_case container_cases[] = {
	KUNIT_CASE(idle_tasks_have_a_container),
	{}
};

static struct kunit_suite container_suite = {
	.name		= "containers",
	.test_cases	= container_cases,
};

kunit_test_suite(container_suite);
