/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ring - what differs between the kernels that the module builds on, from 6.1; nowhere else. Kbuild
 * looks for each thing in the kernel's headers and defines RING_HAS_*.
 */
#ifndef RING_COMPAT_H
#define RING_COMPAT_H

#include <linux/mm.h>
#include <linux/splice.h>

#ifdef RING_HAS_VM_FLAGS_MOD
#define ring_vm_flags_mod	vm_flags_mod
#else
static inline void ring_vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set, vm_flags_t clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

#ifdef RING_HAS_COPY_SPLICE_READ
#define ring_splice_read	copy_splice_read
#else
#define ring_splice_read	generic_file_splice_read
#endif

/* device_type.devnode's first argument */
#ifdef RING_HAS_CONST_DEVNODE
#define ring_devnode_const	const
#else
#define ring_devnode_const
#endif

/* A buffer that is filled before it is read: kernels that zero all variables shall not zero it first. */
#if __has_attribute(__uninitialized__)
#define ring_uninitialized	__attribute__((__uninitialized__))
#else
#define ring_uninitialized
#endif

#endif /* RING_COMPAT_H */
