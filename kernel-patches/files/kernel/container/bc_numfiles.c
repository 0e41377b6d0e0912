// SPDX-License-Identifier: GPL-2.0
/*
 * BeanCounters' resource numfiles: open files.
 *
 * A file is charged to the container of the task that opens it, and stays so until it
 * is freed, wherever it is passed to and whatever becomes of the task.  What counts is
 * what the kernel's own nr_files counts: each struct file that a program can have, from
 * the moment it is made, also where the open fails later; not the kernel's private ones,
 * such as those of overlayfs below a regular file.  A descriptor more for the same file,
 * by dup, fork or a message on a socket, is no file more; and a file needs no descriptor:
 * a mapping keeps one, too, and each System V segment is one.
 *
 * A file keeps its container from being removed.
 */
#include <linux/container_numfiles.h>
#include <linux/init.h>

#include "bc.h"

static struct bc_resource numfiles = {
	.name		= "numfiles",
	.error		= -EMFILE,
	.barrier	= 256,
	.limit		= 512,
	.stock		= 16,
	.pins		= true,
};

/* The charge where nothing is at hand.  Apart, so that the others need no stack. */
static noinline int charge_slowly(struct file *file, struct beancounter *bc)
{
	int ret;

	bc = bc_pin(bc);
	ret = bc_charge(bc, &numfiles, 1, BC_BARRIER);
	if (ret)
		container_css_put(&bc->css);
	else
		file->f_bc = bc;
	return ret;
}

int __container_charge_file(struct file *file)
{
	struct beancounter *bc;
	int ret = 0;

	rcu_read_lock();
	bc = bc_of_current();
	if (likely(bc_charge_at_hand(bc, &numfiles, 1)))
		file->f_bc = bc;
	else
		ret = charge_slowly(file, bc);
	rcu_read_unlock();
	return ret;
}

void __container_uncharge_file(struct file *file)
{
	bc_uncharge(file->f_bc, &numfiles, 1);
}

static int __init numfiles_init(void)
{
	bc_register_resource(&numfiles);
	return 0;
}
core_initcall(numfiles_init);
