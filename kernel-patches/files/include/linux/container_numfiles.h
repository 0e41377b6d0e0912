/* SPDX-License-Identifier: GPL-2.0 */
/* The hooks of the BeanCounters' resource numfiles where files are made and freed. */
#ifndef _LINUX_CONTAINER_NUMFILES_H
#define _LINUX_CONTAINER_NUMFILES_H

#include <linux/fs.h>

#ifdef CONFIG_CONTAINER_BC

#include <linux/jump_label.h>

DECLARE_STATIC_KEY_FALSE(container_bc_mounted);
DECLARE_STATIC_KEY_FALSE(container_bc_used);

int __container_charge_file(struct file *file);
void __container_uncharge_file(struct file *file);

/**
 * container_charge_file - charge a new file to the container of current
 * @file: zeroed; counts in nr_files
 *
 * Returns 0, also where nobody counts files; -EMFILE where the container may have
 * no more.  Undone by container_uncharge_file().  Does not sleep.
 */
static inline int container_charge_file(struct file *file)
{
	if (static_branch_unlikely(&container_bc_mounted))
		return __container_charge_file(file);
	return 0;
}

/**
 * container_uncharge_file - a file is about to be freed
 * @file: nobody can reach it any more
 *
 * The container that it was charged to gets it back, whether or not it is still
 * mounted.  Context as for container_css_put().
 */
static inline void container_uncharge_file(struct file *file)
{
	if (static_branch_unlikely(&container_bc_used) && file->f_bc)
		__container_uncharge_file(file);
}

#else

static inline int container_charge_file(struct file *file) { return 0; }
static inline void container_uncharge_file(struct file *file) {}

#endif
#endif /* _LINUX_CONTAINER_NUMFILES_H */
