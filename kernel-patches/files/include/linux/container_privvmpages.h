/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hooks of the BeanCounters' resource privvmpages where address spaces are made
 * and change.
 *
 * What is charged is charged before the mapping is there, and given back when it is
 * gone, so that a refusal leaves nothing to be taken down.  All of these but
 * container_init_mm() are called with mmap_lock held for writing, or held for reading
 * since it was downgraded from that, or where nobody can use the address space: it has
 * no users any more, or nobody else knows it.
 * They do not sleep.
 */
#ifndef _LINUX_CONTAINER_PRIVVMPAGES_H
#define _LINUX_CONTAINER_PRIVVMPAGES_H

#include <linux/mm.h>

#ifdef CONFIG_CONTAINER_BC

#include <linux/jump_label.h>

DECLARE_STATIC_KEY_FALSE(container_bc_used);

void __container_init_mm(struct mm_struct *mm);
void __container_exit_mm(struct mm_struct *mm);
int __container_charge_fork(struct mm_struct *mm, struct mm_struct *oldmm);
int __container_charge_pages(struct mm_struct *mm, unsigned long pages);
int __container_charge_growth(struct mm_struct *mm, unsigned long pages);
void __container_charge_forced(struct mm_struct *mm, unsigned long pages);
void __container_uncharge_pages(struct mm_struct *mm, unsigned long pages);

/* Are the pages of an address space charged to somebody? */
static inline bool container_charges_mm(const struct mm_struct *mm)
{
	return static_branch_unlikely(&container_bc_used) && mm->bc;
}

/**
 * container_init_mm - charge a new address space to the container of current
 * @mm: nothing mapped yet; perhaps a copy of another
 *
 * Nobody's if nobody counts pages.  Undone by container_exit_mm().
 */
static inline void container_init_mm(struct mm_struct *mm)
{
	if (static_branch_unlikely(&container_bc_used))
		__container_init_mm(mm);
}

/**
 * container_exit_mm - give back all that is charged to an address space
 * @mm: all is unmapped
 *
 * The container that it belonged to no longer is held by it.  May be called twice.
 */
static inline void container_exit_mm(struct mm_struct *mm)
{
	if (container_charges_mm(mm))
		__container_exit_mm(mm);
}

/* Are these pages charged: private and writable? */
static inline bool container_counts_pages(vm_flags_t flags)
{
	return (flags & (VM_WRITE | VM_SHARED)) == VM_WRITE;
}

/**
 * container_charge_fork - charge what a child is about to have of its parent's
 * @mm: the child's address space, without mappings yet
 * @oldmm: the parent's
 *
 * Returns 0 or -ENOMEM.
 */
static inline int container_charge_fork(struct mm_struct *mm,
					struct mm_struct *oldmm)
{
	return container_charges_mm(mm) ? __container_charge_fork(mm, oldmm) :
					  0;
}

/**
 * container_charge_pages - charge a mapping that is about to be made
 * @mm: where
 * @flags: the mapping's; nothing happens where such are not counted
 * @pages: how many
 *
 * Returns 0, or -ENOMEM where the container may have no more.  Undone by
 * container_uncharge_pages().
 */
static inline int container_charge_pages(struct mm_struct *mm,
					 vm_flags_t flags, unsigned long pages)
{
	if (container_charges_mm(mm) && container_counts_pages(flags))
		return __container_charge_pages(mm, pages);
	return 0;
}

/**
 * container_charge_growth - the same for what a program cannot do without
 * @mm: where
 * @flags: the mapping's
 * @pages: how many
 *
 * A growing stack, that of a program which is being started, and the like: to be
 * refused would kill.
 */
static inline int container_charge_growth(struct mm_struct *mm,
					  vm_flags_t flags, unsigned long pages)
{
	if (container_charges_mm(mm) && container_counts_pages(flags))
		return __container_charge_growth(mm, pages);
	return 0;
}

/**
 * container_uncharge_pages - a mapping is gone, or could not be made after all
 * @mm: where
 * @flags: the mapping's
 * @pages: how many
 */
static inline void container_uncharge_pages(struct mm_struct *mm,
					    vm_flags_t flags,
					    unsigned long pages)
{
	if (container_charges_mm(mm) && container_counts_pages(flags) && pages)
		__container_uncharge_pages(mm, pages);
}

/**
 * container_charge_change - charge pages that are about to be made writable
 * @mm: where
 * @old: flags of their mapping
 * @new: its flags to be
 * @pages: how many
 *
 * Returns 0 or -ENOMEM.  Undone by container_uncharge_change() with @old and @new
 * exchanged.
 */
static inline int container_charge_change(struct mm_struct *mm, vm_flags_t old,
					  vm_flags_t new, unsigned long pages)
{
	return container_counts_pages(old) ? 0 :
	       container_charge_pages(mm, new, pages);
}

/**
 * container_uncharge_change - pages are writable no more
 * @mm: where
 * @old: flags that their mapping had
 * @new: the flags that it has
 * @pages: how many
 */
static inline void container_uncharge_change(struct mm_struct *mm,
					     vm_flags_t old, vm_flags_t new,
					     unsigned long pages)
{
	if (!container_counts_pages(new))
		container_uncharge_pages(mm, old, pages);
}

/**
 * container_recharge_pages - a driver had its say about a new mapping's flags
 * @mm: where
 * @old: the flags that it was charged with
 * @new: the flags that it has
 * @pages: how many
 */
static inline void container_recharge_pages(struct mm_struct *mm,
					    vm_flags_t old, vm_flags_t new,
					    unsigned long pages)
{
	if (!container_charges_mm(mm) ||
	    likely(container_counts_pages(old) == container_counts_pages(new)))
		return;
	if (container_counts_pages(new))
		__container_charge_forced(mm, pages);
	else
		__container_uncharge_pages(mm, pages);
}

/**
 * container_keep_pages - pages are moved, not unmapped
 * @mm: where
 * @flags: their mapping's
 * @pages: how many of those about to be unmapped are not to be given back
 *
 * Until container_keep_end().
 */
static inline void container_keep_pages(struct mm_struct *mm,
					vm_flags_t flags, unsigned long pages)
{
	if (container_charges_mm(mm) && container_counts_pages(flags))
		mm->privvm_kept = pages;
}

/**
 * container_keep_end - what was to be kept but has not been unmapped is there twice
 * @mm: where
 */
static inline void container_keep_end(struct mm_struct *mm)
{
	if (container_charges_mm(mm) && unlikely(mm->privvm_kept)) {
		__container_charge_forced(mm, mm->privvm_kept);
		mm->privvm_kept = 0;
	}
}

#else

static inline void container_init_mm(struct mm_struct *mm) {}
static inline void container_exit_mm(struct mm_struct *mm) {}
static inline int container_charge_fork(struct mm_struct *mm,
					struct mm_struct *oldmm)
{
	return 0;
}

/* Macros: even functions that are inlined change what the compiler makes of mremap() and mmap(). */
#define container_charge_pages(mm, flags, pages) \
	((void)(mm), (void)(flags), (void)(pages), 0)

static inline int container_charge_growth(struct mm_struct *mm,
					  vm_flags_t flags, unsigned long pages)
{
	return 0;
}

static inline void container_uncharge_pages(struct mm_struct *mm,
					    vm_flags_t flags,
					    unsigned long pages) {}
static inline int container_charge_change(struct mm_struct *mm, vm_flags_t old,
					  vm_flags_t new, unsigned long pages)
{
	return 0;
}

static inline void container_uncharge_change(struct mm_struct *mm,
					     vm_flags_t old, vm_flags_t new,
					     unsigned long pages) {}

#define container_recharge_pages(mm, old, new, pages) \
	((void)(mm), (void)(old), (void)(new), (void)(pages))

static inline void container_keep_pages(struct mm_struct *mm,
					vm_flags_t flags, unsigned long pages)
{}
static inline void container_keep_end(struct mm_struct *mm) {}

#endif
#endif /* _LINUX_CONTAINER_PRIVVMPAGES_H */
