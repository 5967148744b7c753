// SPDX-License-Identifier: GPL-2.0
/* ring - memory that user space maps: charged to who makes it, capped over all rings */

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "internal.h"

/* Most bytes that all areas together may have */
unsigned long ring_max_bytes;

static atomic_long_t bytes_used;

static bool bytes_charge(unsigned long bytes)
{
	long used = atomic_long_read(&bytes_used);

	do {
		if (bytes > ring_max_bytes || used > ring_max_bytes - bytes)
			return false;
	} while (!atomic_long_try_cmpxchg(&bytes_used, &used, used + bytes));
	return true;
}

/**
 * ring_area_alloc - allocate zeroed pages and map them in the kernel
 * @area: to fill in
 * @bytes: how many, rounded up to whole pages
 * @copies: map them so many times, back to back
 * @gfp: how; what may not sleep gets one page
 *
 * Single pages, so that any size can be had from fragmented memory.
 */
int ring_area_alloc(struct ring_area *area, u64 bytes, unsigned int copies, gfp_t gfp)
{
	unsigned long count = DIV_ROUND_UP_ULL(bytes, PAGE_SIZE);
	unsigned long i;
	unsigned int c;

	if (bytes > ULONG_MAX / 4 || !bytes_charge(count << PAGE_SHIFT))
		return -ENOMEM;
	area->count = count;
	area->copies = copies;
	area->addr = NULL;
	area->pages = kvcalloc(count, copies * sizeof(*area->pages), gfp);
	if (!area->pages)
		goto err;
	for (i = 0; i < count; i++) {
		struct page *page = alloc_page(gfp | __GFP_ZERO | __GFP_NOWARN);

		if (!page || fatal_signal_pending(current)) {
			if (page)
				__free_page(page);
			goto err;
		}
		for (c = 0; c < copies; c++)
			area->pages[c * count + i] = page;
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
	}
	if (count * copies == 1) {
		area->addr = page_address(area->pages[0]);
		return 0;
	}
	area->addr = vmap(area->pages, count * copies, VM_MAP, PAGE_KERNEL);
	if (!area->addr)
		goto err;
	return 0;

err:
	ring_area_free(area);
	return -ENOMEM;
}

/**
 * ring_area_free - give an area back
 * @area: one that was allocated, or all zero
 *
 * Nobody maps it any more: a mapping holds the file, and the file the area.
 */
void ring_area_free(struct ring_area *area)
{
	unsigned long i;

	if (is_vmalloc_addr(area->addr))
		vunmap(area->addr);
	for (i = 0; area->pages && i < area->count && area->pages[i]; i++)
		__free_page(area->pages[i]);
	kvfree(area->pages);
	atomic_long_sub(area->count << PAGE_SHIFT, &bytes_used);
	memset(area, 0, sizeof(*area));
}

/* Bytes that all areas together have now */
u64 ring_area_bytes_used(void)
{
	return atomic_long_read(&bytes_used);
}

u64 ring_area_bytes(const struct ring_area *area)
{
	return (u64)area->count << PAGE_SHIFT;
}

/**
 * ring_area_mmap - map a part of an area in user space
 * @area: the area
 * @vma: where; its permission was looked at by the caller
 * @first: first page, counted over all copies
 *
 * All pages are there at once: a first touch costs no fault.
 */
int ring_area_mmap(const struct ring_area *area, struct vm_area_struct *vma, unsigned long first)
{
	unsigned long total = area->count * area->copies;
	unsigned long left = vma_pages(vma);

	if (first > total || left > total - first)
		return -EINVAL;
	ring_vm_flags_mod(vma, VM_DONTEXPAND | VM_DONTDUMP, 0);
	return vm_insert_pages(vma, vma->vm_start, area->pages + first, &left);
}
