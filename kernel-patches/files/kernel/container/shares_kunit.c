// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of shares.c, with groups that no controller uses. */
#include <kunit/test.h>
#include <linux/string.h>

#include "shares.h"

#define NR_GROUPS	6
#define TOTAL		100000

/* What a controller is told: to tighten a group, or to relax it. */
struct told {
	struct shares_group *group;
	bool relaxed;
};

/* A tree, and what its controller was told last. */
struct tree {
	struct shares_controller ctl;
	struct shares_group groups[NR_GROUPS];	/* the first is the root */
	struct told told[2 * NR_GROUPS];
	unsigned int nr_told;
};

static void note(struct shares_group *group, bool relaxed)
{
	struct shares_group *root = group;
	struct tree *tree;

	while (root->parent)
		root = root->parent;
	tree = container_of(root, struct tree, groups[0]);
	if (tree->nr_told < ARRAY_SIZE(tree->told))
		tree->told[tree->nr_told++] = (struct told){ group, relaxed };
}

static void note_tighten(struct shares_group *group)
{
	note(group, false);
}

static void note_relax(struct shares_group *group)
{
	note(group, true);
}

/* A tree in which group i is below group parents[i]; none for parents[0]. */
static struct tree *new_tree(struct kunit *test, u64 total,
			     const int parents[NR_GROUPS])
{
	struct tree *tree = kunit_kzalloc(test, sizeof(*tree), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, tree);
	tree->ctl.name = "thing";
	tree->ctl.tighten = note_tighten;
	tree->ctl.relax = note_relax;
	mutex_init(&tree->ctl.lock);
	seqcount_mutex_init(&tree->ctl.seq, &tree->ctl.lock);
	seqcount_init(&tree->ctl.changes);
	shares_add_root(&tree->ctl, &tree->groups[0], total);
	for (i = 1; i < NR_GROUPS; i++)
		shares_add(&tree->ctl, &tree->groups[i],
			   &tree->groups[parents[i]]);
	tree->nr_told = 0;
	return tree;
}

static const int chain[NR_GROUPS] = { -1, 0, 1, 2, 3, 4 };
static const int fan[NR_GROUPS] = { -1, 0, 0, 0, 0, 0 };
/* 1 is above 2 and 3, which are above 4 and 5 */
static const int family[NR_GROUPS] = { -1, 0, 1, 1, 2, 3 };

static int write(struct tree *tree, int group, const char *text)
{
	char copy[100];

	strscpy(copy, text);
	return shares_write(&tree->ctl, &tree->groups[group], copy);
}

static void must_write(struct kunit *test, struct tree *tree, int group,
		       const char *text)
{
	KUNIT_ASSERT_EQ_MSG(test, write(tree, group, text), 0, "%s", text);
}

static void expect_quantities(struct kunit *test, struct tree *tree, int group,
			      u64 min, u64 max)
{
	KUNIT_EXPECT_EQ_MSG(test, tree->groups[group].min, min, "min of %d",
			    group);
	KUNIT_EXPECT_EQ_MSG(test, tree->groups[group].max, max, "max of %d",
			    group);
}

/* What a user may write to the middle group of a family, and what must not. */
struct write_case {
	int group;
	const char *text;
	int ret;
	struct shares then;	/* where ret is 0 */
};

static const struct write_case write_cases[] = {
	/* form */
	{ 2, "min_shares=10", 0, { 10, 80, 100 } },
	{ 2, "res=thing,min_shares=1,max_shares=2,child_shares_divisor=70", 0,
	  { 1, 2, 70 } },
	{ 2, "child_shares_divisor=200,res=thing,min_shares=5", 0,
	  { 5, 80, 200 } },
	{ 2, "res=thing", 0, { 20, 80, 100 } },
	{ 2, "min_shares=-1,max_shares=-1,child_shares_divisor=-1", 0,
	  { 20, 80, 100 } },
	{ 2, "min_shares=-3,max_shares=-3", 0, { -3, -3, 100 } },
	{ 2, "min_shares=0,max_shares=0", 0, { 0, 0, 100 } },
	{ 2, "", -EINVAL },
	{ 2, ",", -EINVAL },
	{ 2, "min_shares", -EINVAL },
	{ 2, "min_shares=", -EINVAL },
	{ 2, "min_shares=10,", -EINVAL },
	{ 2, "min_shares=10 max_shares=20", -EINVAL },
	{ 2, "min_shares=ten", -EINVAL },
	{ 2, "min_shares=1.5", -EINVAL },
	{ 2, "min_shares=1\n,max_shares=2", -EINVAL },
	{ 2, "min_shares=1,max_shares=2\n", -EINVAL },
	{ 2, "min_shares= 1", -EINVAL },
	{ 2, "min_shares=1 ", -EINVAL },
	{ 2, "min_shares=+1", -EINVAL },
	{ 2, "min_shares=--1", -EINVAL },
	{ 2, "min_shares=-", -EINVAL },
	{ 2, "min_shares=1-", -EINVAL },
	{ 2, "min_shares=10,min_shares=10", -EINVAL },
	{ 2, "res=other,min_shares=10", -EINVAL },
	{ 2, "res=,min_shares=10", -EINVAL },
	{ 2, "shares=10", -EINVAL },
	{ 2, "min_shares=10,nonsense=1", -EINVAL },
	/* range */
	{ 2, "min_shares=-2", -EINVAL },
	{ 2, "max_shares=-2", -EINVAL },
	{ 2, "min_shares=-4", -EINVAL },
	{ 2, "max_shares=-4", -EINVAL },
	{ 2, "min_shares=2147483648", -EINVAL },
	{ 2, "child_shares_divisor=0", -EINVAL },
	{ 2, "child_shares_divisor=-2", -EINVAL },
	{ 2, "child_shares_divisor=-3", -EINVAL },
	/* with itself */
	{ 2, "min_shares=81", -EINVAL },
	{ 2, "max_shares=19", -EINVAL },
	{ 2, "min_shares=50,max_shares=49", -EINVAL },
	{ 2, "min_shares=50,max_shares=50", 0, { 50, 50, 100 } },
	{ 2, "min_shares=60,max_shares=-3", 0, { 60, -3, 100 } },
	/* with its parent and sibling: 1 has 100, 3 has 40 of them */
	{ 2, "max_shares=100", 0, { 20, 100, 100 } },
	{ 2, "max_shares=101", -EINVAL },
	{ 2, "min_shares=60", 0, { 60, 80, 100 } },
	{ 2, "min_shares=61", -EINVAL },
	{ 2, "min_shares=61,max_shares=-3", -EINVAL },
	{ 2, "min_shares=101,max_shares=-3", -EINVAL },
	/* with its children: 2 and 3 have 20 and 40 of 1, and may have 80 */
	{ 1, "child_shares_divisor=80", 0, { 50, 50, 80 } },
	{ 1, "child_shares_divisor=79", -EINVAL },
	{ 3, "child_shares_divisor=30", 0, { 40, -3, 30 } },
	{ 3, "child_shares_divisor=29", -EINVAL },
	/* the root has no part of anything */
	{ 0, "child_shares_divisor=50", 0, { -2, -2, 50 } },
	{ 0, "child_shares_divisor=49", -EINVAL },
	{ 0, "min_shares=-1,max_shares=-1", 0, { -2, -2, 100 } },
	{ 0, "min_shares=1", -EINVAL },
	{ 0, "max_shares=-3", -EINVAL },
};

static void what_may_be_written(struct kunit *test)
{
	const struct write_case *c;
	struct tree *tree;
	struct shares was, now;

	for (c = write_cases; c < write_cases + ARRAY_SIZE(write_cases); c++) {
		tree = new_tree(test, TOTAL, family);
		must_write(test, tree, 1, "min_shares=50,max_shares=50");
		must_write(test, tree, 2, "min_shares=20,max_shares=80");
		must_write(test, tree, 3, "min_shares=40");
		must_write(test, tree, 5, "min_shares=30");
		was = tree->groups[c->group].shares;
		KUNIT_EXPECT_EQ_MSG(test, write(tree, c->group, c->text),
				    c->ret, "\"%s\" to %d", c->text, c->group);
		now = tree->groups[c->group].shares;
		KUNIT_EXPECT_MEMEQ_MSG(test, &now, c->ret ? &was : &c->then,
				       sizeof(now), "after \"%s\" to %d",
				       c->text, c->group);
		kunit_kfree(test, tree);
	}
}

/* A quantity is divided down five levels, and anew when anything above changes. */
static void five_levels(struct kunit *test)
{
	struct tree *tree = new_tree(test, TOTAL, chain);
	int i;

	for (i = 1; i < NR_GROUPS; i++)
		must_write(test, tree, i, "min_shares=10,max_shares=50");
	expect_quantities(test, tree, 1, 10000, 50000);
	expect_quantities(test, tree, 2, 1000, 25000);
	expect_quantities(test, tree, 3, 100, 12500);
	expect_quantities(test, tree, 4, 10, 6250);
	expect_quantities(test, tree, 5, 1, 3125);

	must_write(test, tree, 1, "min_shares=20,max_shares=20");
	expect_quantities(test, tree, 1, 20000, 20000);
	expect_quantities(test, tree, 5, 2, 1250);

	must_write(test, tree, 2, "child_shares_divisor=50");
	expect_quantities(test, tree, 2, 2000, 10000);
	expect_quantities(test, tree, 3, 400, 10000);
	expect_quantities(test, tree, 5, 4, 2500);

	shares_begin(&tree->ctl);
	shares_set_total(&tree->ctl, &tree->groups[0], TOTAL / 2);
	shares_end(&tree->ctl);
	expect_quantities(test, tree, 1, 10000, 10000);
	expect_quantities(test, tree, 5, 2, 1250);
}

/*
 * The controller hears of each group below a change, of parents first; and of all that
 * is to be tightened before anything is relaxed.
 */
static void who_is_told(struct kunit *test)
{
	struct tree *tree = new_tree(test, TOTAL, family);
	static const int expected[] = { 2, 4, 2, 4 };
	int i;

	must_write(test, tree, 2, "max_shares=30");
	KUNIT_ASSERT_EQ(test, tree->nr_told, ARRAY_SIZE(expected));
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		KUNIT_EXPECT_PTR_EQ(test, tree->told[i].group,
				    &tree->groups[expected[i]]);
		KUNIT_EXPECT_EQ(test, tree->told[i].relaxed, i >= 2);
	}

	tree->nr_told = 0;
	KUNIT_EXPECT_EQ(test, write(tree, 2, "max_shares=1000"), -EINVAL);
	KUNIT_EXPECT_EQ(test, tree->nr_told, 0);
}

/* Parts are rounded down: together they are never more than the whole. */
static void rounding(struct kunit *test)
{
	struct tree *tree = new_tree(test, 10, fan);
	u64 sum = 0;
	int i;

	must_write(test, tree, 0, "child_shares_divisor=7");
	for (i = 1; i < NR_GROUPS; i++) {
		must_write(test, tree, i, "min_shares=1,max_shares=5");
		expect_quantities(test, tree, i, 1, 7);
		sum += tree->groups[i].min;
	}
	KUNIT_EXPECT_LE(test, sum, 10);
	must_write(test, tree, 1, "min_shares=3");
	expect_quantities(test, tree, 1, 4, 7);
}

/* The product of a quantity and a share does not fit in 64 bits. */
static void large_products(struct kunit *test)
{
	struct tree *tree = new_tree(test, U64_MAX - 1, chain);

	must_write(test, tree, 0, "child_shares_divisor=2147483647");
	must_write(test, tree, 1, "min_shares=2147483646,max_shares=2147483647");
	expect_quantities(test, tree, 1, 18446744065119617017ULL, U64_MAX - 1);
	must_write(test, tree, 2, "min_shares=50");
	expect_quantities(test, tree, 2, 9223372032559808508ULL, U64_MAX - 1);
}

/* Who does not care is guaranteed nothing, and may use all that is above. */
static void dont_care(struct kunit *test)
{
	u64 min[NR_GROUPS], max[NR_GROUPS];
	struct tree *tree;
	int idle, i;

	for (idle = 1; idle < NR_GROUPS; idle++) {
		tree = new_tree(test, TOTAL, chain);
		min[0] = TOTAL;
		max[0] = TOTAL;
		for (i = 1; i < NR_GROUPS; i++) {
			min[i] = i == idle ? 0 : min[i - 1] / 10;
			max[i] = i == idle ? max[i - 1] : max[i - 1] / 2;
			if (i != idle)
				must_write(test, tree, i,
					   "min_shares=10,max_shares=50");
		}
		for (i = 1; i < NR_GROUPS; i++)
			expect_quantities(test, tree, i, min[i], max[i]);
		kunit_kfree(test, tree);
	}
}

/* Of what has no end there is no fraction, but nothing can be had of it. */
static void unlimited(struct kunit *test)
{
	struct tree *tree = new_tree(test, SHARES_UNLIMITED, fan);

	must_write(test, tree, 1, "min_shares=10,max_shares=50");
	must_write(test, tree, 2, "max_shares=0");
	expect_quantities(test, tree, 1, 0, SHARES_UNLIMITED);
	expect_quantities(test, tree, 2, 0, 0);
	expect_quantities(test, tree, 3, 0, SHARES_UNLIMITED);
}

/* A group that has been removed holds nothing, and can be given nothing. */
static void removal(struct kunit *test)
{
	struct tree *tree = new_tree(test, TOTAL, fan);

	must_write(test, tree, 1, "min_shares=60");
	KUNIT_EXPECT_EQ(test, write(tree, 2, "min_shares=41"), -EINVAL);
	shares_remove(&tree->ctl, &tree->groups[1]);
	expect_quantities(test, tree, 1, 0, TOTAL);
	must_write(test, tree, 2, "min_shares=100");
	KUNIT_EXPECT_EQ(test, write(tree, 1, "max_shares=1"), -ENODEV);
	shares_remove(&tree->ctl, &tree->groups[1]);
}

static struct kunit_case shares_cases[] = {
	KUNIT_CASE(what_may_be_written),
	KUNIT_CASE(five_levels),
	KUNIT_CASE(who_is_told),
	KUNIT_CASE(rounding),
	KUNIT_CASE(large_products),
	KUNIT_CASE(dont_care),
	KUNIT_CASE(unlimited),
	KUNIT_CASE(removal),
	{}
};

static struct kunit_suite shares_suite = {
	.name		= "container_shares",
	.test_cases	= shares_cases,
};

kunit_test_suite(shares_suite);
