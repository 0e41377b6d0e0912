// SPDX-License-Identifier: GPL-2.0
/*
 * BeanCounters' resource privvmpages: pages of private writable mappings, touched or
 * not.  It bounds what a container's programs can store to, of memory that is theirs
 * alone, at one time; no more than that: what was written before the mapping was made
 * read-only takes memory still, and /proc/PID/mem and userfaultfd fill mappings that
 * never were writable.
 *
 * An address space belongs to the container in which it was made, by fork or exec, and
 * its pages are charged there as long as it lives, wherever its tasks go.  It keeps its
 * container from being removed.  One that was made while bc was not mounted is nobody's
 * until its program executes another or forks.
 *
 * mm->privvm is what is charged for an address space, and what goes back when it ends.
 */
#include <linux/container_privvmpages.h>
#include <linux/init.h>
#include <linux/sched.h>

#include "bc.h"

static struct bc_resource privvmpages = {
	.name		= "privvmpages",
	.error		= -ENOMEM,
	.barrier	= BC_UNLIMITED,
	.limit		= BC_UNLIMITED,
	.stock		= 64,
};

void __container_init_mm(struct mm_struct *mm)
{
	mm->privvm = 0;
	mm->privvm_kept = 0;
	mm->bc = NULL;
	if (!static_branch_unlikely(&container_bc_mounted))
		return;
	rcu_read_lock();
	mm->bc = bc_pin(bc_of_current());
	rcu_read_unlock();
}

void __container_exit_mm(struct mm_struct *mm)
{
	struct beancounter *bc = mm->bc;

	if (mm->privvm)
		bc_uncharge(bc, &privvmpages, mm->privvm);
	mm->bc = NULL;
	container_css_put(&bc->css);
}

/* No RCU: the address space keeps its beancounter. */
static __always_inline bool charge_at_hand(struct mm_struct *mm,
					   unsigned long pages)
{
	if (!bc_charge_at_hand(mm->bc, &privvmpages, pages))
		return false;
	mm->privvm += pages;
	return true;
}

static noinline int charge(struct mm_struct *mm, unsigned long pages,
			   enum bc_severity severity)
{
	int ret = 0;

	if (pages)
		ret = bc_charge(mm->bc, &privvmpages, pages, severity);
	if (!ret)
		mm->privvm += pages;
	return ret;
}

int __container_charge_pages(struct mm_struct *mm, unsigned long pages)
{
	if (charge_at_hand(mm, pages))
		return 0;
	/* From some point on a program that is being started has none to return to. */
	return charge(mm, pages, current->in_execve ? BC_LIMIT : BC_BARRIER);
}

int __container_charge_growth(struct mm_struct *mm, unsigned long pages)
{
	if (charge_at_hand(mm, pages))
		return 0;
	return charge(mm, pages, BC_LIMIT);
}

void __container_charge_forced(struct mm_struct *mm, unsigned long pages)
{
	charge(mm, pages, BC_FORCE);
}

int __container_charge_fork(struct mm_struct *mm, struct mm_struct *oldmm)
{
	struct vm_area_struct *vma;
	unsigned long pages = 0;
	struct vma_iterator vmi;

	vma_iter_init(&vmi, oldmm, 0);
	for_each_vma(vmi, vma)
		if (container_counts_pages(vma->vm_flags) &&
		    !(vma->vm_flags & VM_DONTCOPY))
			pages += vma_pages(vma);
	return charge(mm, pages, BC_BARRIER);
}

static __always_inline void uncharge(struct mm_struct *mm, unsigned long pages)
{
	mm->privvm -= pages;
	bc_uncharge(mm->bc, &privvmpages, pages);
}

/* Some of these may not be unmapped but moved. */
static noinline void uncharge_but_kept(struct mm_struct *mm, unsigned long pages)
{
	unsigned long kept = min(pages, mm->privvm_kept);

	mm->privvm_kept -= kept;
	if (pages > kept)
		uncharge(mm, pages - kept);
}

void __container_uncharge_pages(struct mm_struct *mm, unsigned long pages)
{
	if (unlikely(mm->privvm_kept))
		uncharge_but_kept(mm, pages);
	else
		uncharge(mm, pages);
}

static int __init privvmpages_init(void)
{
	bc_register_resource(&privvmpages);
	return 0;
}
core_initcall(privvmpages_init);
