// SPDX-License-Identifier: GPL-2.0
/* ring - the ring: its geometry, its making and unmaking, its device */

#include <linux/log2.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "internal.h"
#include "trace.h"

struct class ring_class = {
	.name = "ring",
	.dev_groups = ring_groups,
};

static dev_t first_devt;

/**
 * ring_geometry_check - whether a ring can be made so
 * @g: the geometry
 * @parameter: when not, which of its figures is wrong
 * @why: and why
 */
int ring_geometry_check(const struct ring_geometry *g, const char **parameter, const char **why)
{
	*parameter = "slots";
	if (!is_power_of_2(g->slots)) {
		*why = "not a power of two";
		return -EINVAL;
	}
	if (g->slots < RING_SLOTS_MIN || g->slots > RING_SLOTS_MAX) {
		*why = "not from 4 to 1M";
		return -EINVAL;
	}
	*parameter = "slot_size";
	if (g->slot_size < RING_SLOT_SIZE_MIN || g->slot_size > RING_SLOT_SIZE_MAX) {
		*why = "not from 32 to 4096";
		return -EINVAL;
	}
	if (g->slot_size % RING_SLOT_SIZE_ALIGN) {
		*why = "not a multiple of 16";
		return -EINVAL;
	}
	*parameter = "size";
	if (!g->size)
		return 0;
	if (!is_power_of_2(g->size)) {
		*why = "neither 0 nor a power of two";
		return -EINVAL;
	}
	if (g->size < g->slots * RING_STRIDE_MIN) {
		*why = "less than 64 bytes a slot";
		return -EINVAL;
	}
	if (g->size < PAGE_SIZE) {
		*why = "less than a page";
		return -EINVAL;
	}
	if (g->size > RING_BULK_MAX) {
		*why = "more than 4G";
		return -EINVAL;
	}
	return 0;
}

static int areas_alloc(struct ring *ring)
{
	const struct ring_geometry *g = &ring->geometry;
	struct ring_control *control;
	int ret;

	ret = ring_area_alloc(&ring->control, sizeof(struct ring_control), 1, GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	ret = ring_area_alloc(&ring->producers_page, sizeof(struct ring_producers), 1, GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	ret = ring_area_alloc(&ring->slots, g->slots * g->slot_size, 1, GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	if (g->size) {
		ret = ring_area_alloc(&ring->bulk, g->size, 2, GFP_KERNEL_ACCOUNT);
		if (ret)
			return ret;
	}

	ring->mem.control = ring->control.addr;
	ring->mem.producers = ring->producers_page.addr;
	ring->mem.slots = ring->slots.addr;
	ring->mem.bulk = ring->bulk.addr;
	ring_mem_init(&ring->mem, g->slots, g->slot_size, g->size);

	control = ring->control.addr;
	control->magic = RING_MAGIC;
	control->abi = RING_ABI_VERSION;
	control->slots = g->slots;
	control->slot_size = g->slot_size;
	control->stride_shift = ring->mem.stride_shift;
	control->bulk_size = g->size;
	control->longest = ring->mem.longest;
	control->policy = g->policy;
	control->flags = g->flags;
	control->wake_data = RING_NONE;
	control->wake_space = RING_NONE;
	return 0;
}

static void areas_free(struct ring *ring)
{
	ring_area_free(&ring->bulk);
	ring_area_free(&ring->slots);
	ring_area_free(&ring->producers_page);
	ring_area_free(&ring->control);
}

static void ring_release_dev(struct device *dev)
{
	struct ring *ring = container_of(dev, struct ring, dev);

	areas_free(ring);
	kfree(ring);
}

/**
 * ring_create - make a ring and its device
 * @id: N of /dev/ringN
 * @g: its geometry, checked
 */
struct ring *ring_create(int id, const struct ring_geometry *g)
{
	struct ring *ring;
	int ret;

	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	ring->id = id;
	ring->geometry = *g;
	spin_lock_init(&ring->lock);
	INIT_LIST_HEAD(&ring->subscribers);
	INIT_LIST_HEAD(&ring->gates);
	INIT_LIST_HEAD(&ring->producers);
	ring->next_owner = 1;
	ring->next_subscriber = 1;
	ring->unplaced = RING_NONE;
	ring->busy_sequence = RING_NONE;
	ring->wake_lost = RING_NONE;
	init_waitqueue_head(&ring->readers);
	init_waitqueue_head(&ring->writers);

	device_initialize(&ring->dev);
	ring->dev.class = &ring_class;
	ring->dev.devt = first_devt + id;
	ring->dev.release = ring_release_dev;
	ret = dev_set_name(&ring->dev, "ring%d", id);
	if (ret)
		goto err_put;
	ret = areas_alloc(ring);
	if (ret)
		goto err_put;
	cdev_init(&ring->cdev, &ring_fops);
	ring->cdev.owner = THIS_MODULE;
	ret = cdev_device_add(&ring->cdev, &ring->dev);
	if (ret)
		goto err_put;
	ring_debugfs_add(ring);
	trace_ring_create(ring);
	return ring;

err_put:
	put_device(&ring->dev);
	return ERR_PTR(ret);
}

/**
 * ring_remove - take a ring's device away
 * @ring: the ring; it goes when the last file of it is closed
 */
void ring_remove(struct ring *ring)
{
	trace_ring_destroy(ring);
	ring_debugfs_remove(ring);
	cdev_device_del(&ring->cdev, &ring->dev);
	put_device(&ring->dev);
}

/* Bytes that the ring holds, with its subscribers' pages */
u64 ring_bytes(struct ring *ring)
{
	u64 bytes = ring_area_bytes(&ring->control) + ring_area_bytes(&ring->producers_page) +
		    ring_area_bytes(&ring->slots) + ring_area_bytes(&ring->bulk);
	struct ring_file *f;

	spin_lock(&ring->lock);
	list_for_each_entry(f, &ring->subscribers, sub.all)
		bytes += ring_area_bytes(&f->sub.page);
	spin_unlock(&ring->lock);
	return bytes;
}

/* Set a status bit for good and wake everybody. */
void ring_set_status(struct ring *ring, u32 bit)
{
	struct ring_control *control = ring->mem.control;

	spin_lock(&ring->lock);
	WRITE_ONCE(control->status, control->status | bit);
	spin_unlock(&ring->lock);
	/*
	 * RB_SHUTDOWN shutdown/G, pairs with claim/G: a claim that a reader did not see at its end of file
	 * comes after this store, and its claimer sees the status.
	 */
	smp_mb();
	ring_wake_readers(ring);
	ring_wake_writers(ring);
}

/* A ring whose memory makes no sense, which a direct producer can bring about: no more calls. */
int ring_corrupt(struct ring *ring)
{
	if (!ring_status_error(ring)) {
		dev_warn_ratelimited(&ring->dev, "inconsistent memory, marked corrupt\n");
		ring_set_status(ring, RING_STATUS_CORRUPT);
	}
	return -EUCLEAN;
}

int ring_chrdev_init(void)
{
	int ret;

	ret = class_register(&ring_class);
	if (ret)
		return ret;
	ret = alloc_chrdev_region(&first_devt, 0, RING_MINORS, "ring");
	if (ret)
		class_unregister(&ring_class);
	else
		ring_debugfs_init();
	return ret;
}

void ring_chrdev_exit(void)
{
	ring_debugfs_exit();
	unregister_chrdev_region(first_devt, RING_MINORS);
	class_unregister(&ring_class);
}
