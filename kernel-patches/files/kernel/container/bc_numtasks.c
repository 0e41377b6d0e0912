// SPDX-License-Identifier: GPL-2.0
/*
 * BeanCounters' resource numtasks: tasks.
 *
 * A fork in a container that has as many tasks as it may have fails with EAGAIN.  To
 * move a task in is never refused, and those above that have it before and after the
 * move count it once all the while.
 *
 * A task counts until it has been reaped, as what is scarce is its number.  A container
 * can be removed before: its dead stay counted above.
 */
#include <linux/init.h>

#include "bc.h"

static struct bc_resource numtasks = {
	.name		= "numtasks",
	.error		= -EAGAIN,
	.barrier	= BC_UNLIMITED,
	.limit		= BC_UNLIMITED,
	.stock		= 16,
};

/**
 * bc_fork_task - a task is about to be born
 * @bc: where; pinned by the caller
 *
 * Returns 0 or -EAGAIN.  Undone by bc_end_task().
 */
int bc_fork_task(struct beancounter *bc)
{
	if (bc_charge_at_hand(bc, &numtasks, 1))
		return 0;
	return bc_charge(bc, &numtasks, 1, BC_BARRIER);
}

/**
 * bc_end_task - a task is no more
 * @bc: where it was; pinned by the caller
 *
 * Any context.
 */
void bc_end_task(struct beancounter *bc)
{
	bc_uncharge(bc, &numtasks, 1);
}

/**
 * bc_enter_task - a task is about to move
 * @to: where to
 * @from: where it is; @to for one that nobody has counted yet
 *
 * Undone by bc_leave_task(@to, @from).
 */
void bc_enter_task(struct beancounter *to, struct beancounter *from)
{
	if (to == from)
		bc_charge(to, &numtasks, 1, BC_FORCE);
	else
		bc_charge_move(to, from, &numtasks, 1);
}

/**
 * bc_leave_task - a task has moved
 * @from: where it was
 * @to: where it is; @from for one that nobody is to count after all
 */
void bc_leave_task(struct beancounter *from, struct beancounter *to)
{
	if (from == to)
		bc_end_task(from);
	else
		bc_uncharge_move(from, to, &numtasks, 1);
}

static int __init numtasks_init(void)
{
	bc_register_resource(&numtasks);
	return 0;
}
core_initcall(numtasks_init);
