// SPDX-License-Identifier: GPL-2.0
/* ring - the areas in user space, each with one permission */

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "internal.h"

/* Which area an offset means is in the bits above this; a 32-bit mmap2() reaches 2^44. */
#define AREA_SHIFT	40

enum {
	AREA_CONTROL,
	AREA_PRODUCERS,
	AREA_SLOTS,
	AREA_BULK,
};

static const struct ring_area *area_of(const struct ring *ring, unsigned int which)
{
	switch (which) {
	case AREA_CONTROL:
		return &ring->control;
	case AREA_PRODUCERS:
		return &ring->producers_page;
	case AREA_SLOTS:
		return &ring->slots;
	case AREA_BULK:
		return ring->bulk.count ? &ring->bulk : NULL;
	}
	return NULL;
}

/* Where INFO says that the areas are */
void ring_mmap_layout(const struct ring *ring, struct ring_info *info)
{
	info->control_offset = (u64)AREA_CONTROL << AREA_SHIFT;
	info->control_length = ring_area_bytes(&ring->control);
	info->producers_offset = (u64)AREA_PRODUCERS << AREA_SHIFT;
	info->producers_length = ring_area_bytes(&ring->producers_page);
	info->slots_offset = (u64)AREA_SLOTS << AREA_SHIFT;
	info->slots_length = ring_area_bytes(&ring->slots);
	info->bulk_offset = (u64)AREA_BULK << AREA_SHIFT;
	info->bulk_length = ring_area_bytes(&ring->bulk) * ring->bulk.copies;
}

/*
 * A mapping holds its file, so the ring, and the claims and the cursor of the file, outlast the mapping.
 * What may not be written loses VM_MAYWRITE: mprotect() cannot give it back. VM_DONTEXPAND: mremap()
 * cannot grow it.
 */
int ring_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ring_file *f = file->private_data;
	unsigned long first = vma->vm_pgoff & ((1UL << (AREA_SHIFT - PAGE_SHIFT)) - 1);
	unsigned long which = vma->vm_pgoff >> (AREA_SHIFT - PAGE_SHIFT);
	const struct ring_area *area = which <= AREA_BULK ? area_of(f->ring, which) : NULL;

	if (!area || !(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (!(READ_ONCE(f->prod.flags) & RING_PRODUCE_DIRECT) || which == AREA_CONTROL) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		ring_vm_flags_mod(vma, 0, VM_MAYWRITE);
	}
	return ring_area_mmap(area, vma, first);
}

static int cursor_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct file *ring_file = file->private_data;
	struct ring_file *f = ring_file->private_data;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	return ring_area_mmap(&f->sub.page, vma, vma->vm_pgoff);
}

static int cursor_release(struct inode *inode, struct file *file)
{
	fput(file->private_data);
	return 0;
}

static const struct file_operations cursor_fops = {
	.owner = THIS_MODULE,
	.mmap = cursor_mmap,
	.release = cursor_release,
};

/**
 * ring_cursor_file - a descriptor for a subscriber's cursor page
 * @file: the subscriber; one that asked for nothing becomes one here, not in ring_mmap(): calls hold
 *	ring_file.lock over page faults, so it cannot be taken under mmap_lock
 *
 * Shared writable mappings need a file that is open for writing, which a subscriber's need not be. This
 * one is, and it holds the subscriber's file: the page lives on in it until the last of both is gone.
 */
int ring_cursor_file(struct file *file)
{
	struct file *cursor;
	int fd, ret;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	cursor = anon_inode_getfile("[ring-cursor]", &cursor_fops, file, O_RDWR);
	if (IS_ERR(cursor)) {
		put_unused_fd(fd);
		return PTR_ERR(cursor);
	}
	get_file(file);
	/* Last: who was refused a descriptor has not become a subscriber. */
	ret = ring_subscribe_default(file->private_data, false);
	if (ret) {
		put_unused_fd(fd);
		fput(cursor);
		return ret;
	}
	fd_install(fd, cursor);
	return fd;
}
