// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of the BeanCounters' charges, with a resource and containers of their own. */
#include <kunit/test.h>
#include <linux/slab.h>

#include "bc_counter.h"

#define NR	4

/* Beancounters in a row, the first one the root; and two resources that nobody registers. */
struct row {
	struct beancounter bcs[NR];
	unsigned int barriers_hit, limits_hit;
	struct beancounter *hit;
};

static struct row *the_row;	/* for the callbacks; suites do not run beside each other */

static void barrier_hit(struct beancounter *bc, const struct bc_resource *res)
{
	the_row->barriers_hit++;
	the_row->hit = bc;
}

static void limit_hit(struct beancounter *bc, const struct bc_resource *res)
{
	the_row->limits_hit++;
	the_row->hit = bc;
}

static const struct bc_resource things = {
	.name		= "things",
	.error		= -ENOSPC,
	.stock		= 8,
	.id		= 1,
	.barrier_hit	= barrier_hit,
	.limit_hit	= limit_hit,
};

static const struct bc_resource others = {
	.name		= "others",
	.error		= -EDQUOT,
	.stock		= 8,
	.id		= 2,
};

static void free_stocks(void *arg)
{
	struct beancounter *bc = arg;

	free_percpu(bc->stocks);
}

static struct row *new_row(struct kunit *test)
{
	struct row *row = kunit_kzalloc(test, sizeof(*row), GFP_KERNEL);
	struct beancounter *bc;
	unsigned int i, id;

	KUNIT_ASSERT_NOT_NULL(test, row);
	for (i = 0; i < NR; i++) {
		bc = &row->bcs[i];
		bc->stocks = __alloc_percpu(sizeof(atomic_t) * MAX_BC_RESOURCES,
					    sizeof(atomic_t) * MAX_BC_RESOURCES);
		KUNIT_ASSERT_TRUE(test, bc->stocks);
		KUNIT_ASSERT_EQ(test, 0,
				kunit_add_action_or_reset(test, free_stocks, bc));
		mutex_init(&bc->lock);
		spin_lock_init(&bc->recall_lock);
		INIT_LIST_HEAD(&bc->children);
		bc->level = i;
		atomic_set(&bc->live, 1);
		for (id = 0; id < MAX_BC_RESOURCES; id++)
			bc_init_counter(&bc->counters[id], BC_UNLIMITED,
					BC_UNLIMITED);
		if (i) {
			bc->parent = &row->bcs[i - 1];
			list_add_rcu(&bc->sibling, &bc->parent->children);
		}
	}
	the_row = row;
	return row;
}

static unsigned long held(struct row *row, int level,
			  const struct bc_resource *res)
{
	struct bc_snapshot now;

	bc_read(&row->bcs[level], res, &now);
	return now.held;
}

static unsigned long failures(struct row *row, int level,
			      const struct bc_resource *res)
{
	struct bc_snapshot now;

	bc_read(&row->bcs[level], res, &now);
	return now.failcnt;
}

static unsigned long most(struct row *row, int level,
			  const struct bc_resource *res)
{
	struct bc_snapshot now;

	bc_read(&row->bcs[level], res, &now);
	return now.maxheld;
}

static void expect_held(struct kunit *test, struct row *row,
			const struct bc_resource *res, unsigned long units)
{
	int level;

	for (level = 0; level < NR; level++)
		KUNIT_EXPECT_EQ(test, held(row, level, res), units);
}

static void set(struct kunit *test, struct row *row, int level,
		const struct bc_resource *res, unsigned long barrier,
		unsigned long limit)
{
	KUNIT_ASSERT_EQ(test, 0, bc_set_bounds(&row->bcs[level], res, barrier,
					       limit));
}

/*
 * The one who runs tests has CAP_SYS_ADMIN, so barriers stop nobody here; that they do is
 * tested from user space.
 */
static void severities(struct kunit *test)
{
	struct row *row = new_row(test);
	struct beancounter *leaf = &row->bcs[NR - 1];

	set(test, row, 1, &things, 5, 10);
	KUNIT_EXPECT_EQ(test, 0, bc_charge(leaf, &things, 10, BC_LIMIT));
	KUNIT_EXPECT_EQ(test, -ENOSPC, bc_charge(leaf, &things, 1, BC_LIMIT));
	KUNIT_EXPECT_EQ(test, -ENOSPC, bc_charge(leaf, &things, 1, BC_BARRIER));
	KUNIT_EXPECT_EQ(test, 2, row->barriers_hit + row->limits_hit);
	KUNIT_EXPECT_PTR_EQ(test, row->hit, &row->bcs[1]);
	expect_held(test, row, &things, 10);
	KUNIT_EXPECT_EQ(test, 0, bc_charge(leaf, &things, 7, BC_FORCE));
	expect_held(test, row, &things, 17);
	KUNIT_EXPECT_EQ(test, failures(row, 1, &things), 2);
	KUNIT_EXPECT_EQ(test, failures(row, NR - 1, &things), 0);
	bc_uncharge(leaf, &things, 10);
	bc_uncharge(leaf, &things, 7);
	expect_held(test, row, &things, 0);
}

static void several_at_once(struct kunit *test)
{
	struct row *row = new_row(test);
	struct beancounter *leaf = &row->bcs[NR - 1];
	const struct bc_charge both[] = { { &things, 3 }, { &others, 4 } };

	set(test, row, 0, &others, 7, 7);
	KUNIT_EXPECT_EQ(test, 0, bc_charge_all(leaf, both, 2, BC_LIMIT));
	KUNIT_EXPECT_EQ(test, -EDQUOT, bc_charge_all(leaf, both, 2, BC_LIMIT));
	expect_held(test, row, &things, 3);
	expect_held(test, row, &others, 4);
	KUNIT_EXPECT_EQ(test, failures(row, 0, &others), 1);
	KUNIT_EXPECT_EQ(test, failures(row, 0, &things), 0);
	KUNIT_EXPECT_EQ(test, most(row, NR - 1, &things), 3);
	bc_uncharge(leaf, &things, 3);
	bc_uncharge(leaf, &others, 4);
	expect_held(test, row, &things, 0);
	expect_held(test, row, &others, 0);
}

static void as_many_as_fit(struct kunit *test)
{
	struct row *row = new_row(test);
	struct beancounter *leaf = &row->bcs[NR - 1];

	set(test, row, 3, &things, 64, 64);
	set(test, row, 1, &things, 20, 20);
	KUNIT_EXPECT_EQ(test, 15, bc_charge_fitting(leaf, &things, 15, BC_LIMIT));
	KUNIT_EXPECT_EQ(test, 5, bc_charge_fitting(leaf, &things, 64, BC_LIMIT));
	expect_held(test, row, &things, 20);
	KUNIT_EXPECT_EQ(test, failures(row, 1, &things), 0);
	KUNIT_EXPECT_EQ(test, 0, bc_charge_fitting(leaf, &things, 64, BC_LIMIT));
	KUNIT_EXPECT_EQ(test, failures(row, 1, &things), 1);
	KUNIT_EXPECT_EQ(test, most(row, NR - 1, &things), 20);
	expect_held(test, row, &things, 20);
	bc_uncharge(leaf, &things, 8);
	KUNIT_EXPECT_EQ(test, 8, bc_charge_fitting(leaf, &things, 9, BC_LIMIT));
	bc_uncharge(leaf, &things, 20);
	expect_held(test, row, &things, 0);
}

static void moves(struct kunit *test)
{
	struct row *row = new_row(test);
	struct beancounter *leaf = &row->bcs[NR - 1], *top = &row->bcs[1];

	set(test, row, 0, &things, 1, 1);
	set(test, row, 2, &things, 0, 0);
	KUNIT_EXPECT_EQ(test, 0, bc_charge(top, &things, 1, BC_LIMIT));
	bc_charge_move(leaf, top, &things, 1);
	bc_uncharge_move(top, leaf, &things, 1);
	expect_held(test, row, &things, 1);
	bc_charge_move(top, leaf, &things, 1);
	bc_uncharge_move(leaf, top, &things, 1);
	KUNIT_EXPECT_EQ(test, held(row, 3, &things), 0);
	KUNIT_EXPECT_EQ(test, held(row, 1, &things), 1);
	KUNIT_EXPECT_EQ(test, held(row, 0, &things), 1);
	bc_uncharge(top, &things, 1);
	expect_held(test, row, &things, 0);
}

/* What is at hand is neither held nor refused, and reaches no extreme. */
static void at_hand(struct kunit *test)
{
	struct row *row = new_row(test);
	struct beancounter *leaf = &row->bcs[NR - 1];
	struct bc_snapshot now;
	int i;

	KUNIT_EXPECT_EQ(test, 0, bc_charge(leaf, &things, 4, BC_LIMIT));
	migrate_disable();
	for (i = 0; i < 4; i++)
		bc_uncharge(leaf, &things, 1);
	/* This CPU has them for whoever is the next here, once. */
	KUNIT_EXPECT_TRUE(test, bc_charge_at_hand(leaf, &things, 4));
	KUNIT_EXPECT_FALSE(test, bc_charge_at_hand(leaf, &things, 1));
	bc_uncharge(leaf, &things, 4);
	migrate_enable();
	preempt_disable();
	KUNIT_EXPECT_FALSE(test, bc_charge_at_hand(leaf, &things, 5));
	KUNIT_EXPECT_FALSE(test, bc_charge_at_hand(&row->bcs[1], &things, 1));
	preempt_enable();
	set(test, row, 0, &things, 4, 4);
	KUNIT_EXPECT_EQ(test, 0, bc_charge(&row->bcs[1], &things, 4, BC_LIMIT));
	KUNIT_EXPECT_FALSE(test, bc_charge_at_hand(leaf, &things, 1));
	KUNIT_EXPECT_EQ(test, -ENOSPC, bc_charge(leaf, &things, 1, BC_LIMIT));
	bc_uncharge(&row->bcs[1], &things, 4);
	bc_read(&row->bcs[0], &things, &now);
	KUNIT_EXPECT_EQ(test, now.held, 0);
	KUNIT_EXPECT_EQ(test, now.maxheld, 4);
	KUNIT_EXPECT_EQ(test, now.minheld, 0);
	KUNIT_EXPECT_EQ(test, now.failcnt, 1);
	expect_held(test, row, &things, 0);
}

static struct kunit_case bc_cases[] = {
	KUNIT_CASE(severities),
	KUNIT_CASE(several_at_once),
	KUNIT_CASE(as_many_as_fit),
	KUNIT_CASE(moves),
	KUNIT_CASE(at_hand),
	{}
};

static struct kunit_suite bc_suite = {
	.name		= "container_bc",
	.test_cases	= bc_cases,
};

kunit_test_suite(bc_suite);
