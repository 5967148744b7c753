// SPDX-License-Identifier: GPL-2.0
/* ring - the ring: its geometry, its making and unmaking, its device */

#include <linux/cred.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "internal.h"
#include "trace.h"

struct class ring_class = {
	.name = "ring",
	.dev_groups = ring_groups,
};

static dev_t first_devt;

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

/* Of the device node, as devtmpfs makes it and udev is told */
static char *ring_devnode(ring_devnode_const struct device *dev, umode_t *mode, kuid_t *uid, kgid_t *gid)
{
	const struct ring *ring = container_of(dev, struct ring, dev);

	/* All three, or none: only the name is asked for. */
	if (mode) {
		*mode = ring->geometry.mode;
		*uid = ring->uid;
		*gid = ring->gid;
	}
	return NULL;
}

static const struct device_type ring_type = {
	.name = "ring",
	.devnode = ring_devnode,
};

static void ring_release_dev(struct device *dev)
{
	struct ring *ring = container_of(dev, struct ring, dev);

	areas_free(ring);
	kfree(ring);
}

/**
 * ring_create - make a ring and its device, which nobody can open before ring_reveal()
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
	ring->uid = current_fsuid();
	ring->gid = current_fsgid();
	spin_lock_init(&ring->lock);
	INIT_LIST_HEAD(&ring->subscribers);
	INIT_LIST_HEAD(&ring->gates);
	INIT_LIST_HEAD(&ring->producers);
	ring->gone = true;
	ring->next_owner = 1;
	ring->next_subscriber = 1;
	ring->unplaced = RB_ROOT_CACHED;
	ring->busy_sequence = RING_NONE;
	ring->wake_lost = RING_NONE;
	init_waitqueue_head(&ring->readers);
	init_waitqueue_head(&ring->writers);

	device_initialize(&ring->dev);
	ring->dev.class = &ring_class;
	ring->dev.type = &ring_type;
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
	dev_set_uevent_suppress(&ring->dev, 1);
	ret = cdev_device_add(&ring->cdev, &ring->dev);
	if (ret)
		goto err_put;
	trace_ring_create(ring);
	return ring;

err_put:
	put_device(&ring->dev);
	return ERR_PTR(ret);
}

/**
 * ring_reveal - from now on a ring may be opened, and those who wait for devices are told
 * @ring: the ring
 *
 * Nothing fails here: once somebody can have it open, its making is not undone.
 */
void ring_reveal(struct ring *ring)
{
	spin_lock(&ring->lock);
	ring->gone = false;
	spin_unlock(&ring->lock);
	ring_debugfs_add(ring);
	dev_set_uevent_suppress(&ring->dev, 0);
	kobject_uevent(&ring->dev.kobj, KOBJ_ADD);
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

/**
 * ring_get_open - count an open file
 * @ring: the ring; -ENODEV: it is going, or coming
 */
int ring_get_open(struct ring *ring)
{
	bool gone;

	spin_lock(&ring->lock);
	gone = ring->gone;
	if (!gone)
		ring->opens++;
	spin_unlock(&ring->lock);
	return gone ? -ENODEV : 0;
}

/**
 * ring_put_open - a file is closed
 * @ring: the ring. True: that was the last one of an ephemeral ring, and the caller must remove it
 */
bool ring_put_open(struct ring *ring)
{
	bool last;

	spin_lock(&ring->lock);
	last = !--ring->opens && ring->geometry.flags & RING_EPHEMERAL && !ring->gone;
	if (last)
		ring->gone = true;
	spin_unlock(&ring->lock);
	return last;
}

/**
 * ring_go - nobody opens it any more, and who has it open is told
 * @ring: the ring
 * @force: even if somebody has; else -EBUSY
 *
 * 0: the caller must remove it. -ENOENT: somebody else is about to.
 */
int ring_go(struct ring *ring, bool force)
{
	int ret;

	spin_lock(&ring->lock);
	ret = ring->gone ? -ENOENT : ring->opens && !force ? -EBUSY : 0;
	if (!ret)
		ring->gone = true;
	spin_unlock(&ring->lock);
	if (!ret)
		ring_set_status(ring, RING_STATUS_DESTROYED);
	return ret;
}

/**
 * ring_describe - fill in LIST's entry
 * @ring: the ring
 * @e: the entry, zeroed
 */
void ring_describe(struct ring *ring, struct ring_list_entry *e)
{
	e->id = ring->id;
	e->slots = ring->geometry.slots;
	e->slot_size = ring->geometry.slot_size;
	e->policy = ring->geometry.policy;
	e->bulk_size = ring->geometry.size;
	e->ring_flags = ring->geometry.flags;
	e->status = READ_ONCE(ring->mem.control->status);
	e->bytes = ring_bytes(ring);
	spin_lock(&ring->lock);
	e->opens = ring->opens;
	e->subscribers = ring->subscriber_count;
	e->producers = ring->producer_count;
	spin_unlock(&ring->lock);
	strscpy(e->name, ring->geometry.name, sizeof(e->name));
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

static void full_barrier(void *unused)
{
	smp_mb();	/* RB_SHUTDOWN shutdown/G */
}

/*
 * Discard a slot at the head, so that the end stays the end: an exclusive producer that publishes with one store may
 * have looked at the status before it said CLOSING, and store its record now. It comes here, where nothing was; who has
 * passed this slot never looks at it again. Where there is no room for a slot there is none for such a record: a tail
 * that gives room later tells its producer of CLOSING, which looks at the status after the tail.
 */
static void mark_end(struct ring *ring)
{
	const struct ring_mem *mem = &ring->mem;
	u64 head, old, tail;
	int tries;

	for (tries = 0; tries < RING_CLAIM_TRIES; tries++) {
		if (ring_mem_find_head(mem, RING_NONE, &head, &old, &tail) != RING_CLAIMED)
			return;
		if (ring_cas(&ring_mem_slot(mem, head)->state, &old,
			     ring_state_make(ring_mem_lap(mem, head), 1, 0, RING_DISCARDED)))
			return;
	}
}

/*
 * RB_SHUTDOWN shutdown/G: an exclusive direct producer has no barrier between its claim and its look at the status.
 * After this its claim is visible, or it is going to look, and then sees that it is to be discarded.
 */
static void close_to_exclusive(struct ring *ring)
{
	struct ring_control *control = ring->mem.control;

	spin_lock(&ring->lock);
	WRITE_ONCE(control->status, control->status | RING_STATUS_CLOSING);
	spin_unlock(&ring->lock);
	on_each_cpu(full_barrier, NULL, 1);
	if (READ_ONCE(ring->exclusive))
		mark_end(ring);
}

/* Set a status bit for good and wake everybody. */
void ring_set_status(struct ring *ring, u32 bit)
{
	struct ring_control *control = ring->mem.control;

	if (READ_ONCE(control->status) & bit)
		return;
	if (bit == RING_STATUS_SHUTDOWN && ring->geometry.flags & RING_DIRECT)
		close_to_exclusive(ring);
	spin_lock(&ring->lock);
	WRITE_ONCE(control->status, control->status | bit);
	if (bit == RING_STATUS_SHUTDOWN)
		WRITE_ONCE(control->status, control->status & ~RING_STATUS_CLOSING);
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
	if (!ring_error(ring)) {
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
	ret = alloc_chrdev_region(&first_devt, 0, RING_RINGS_MAX, "ring");
	if (ret)
		class_unregister(&ring_class);
	else
		ring_debugfs_init();
	return ret;
}

void ring_chrdev_exit(void)
{
	ring_debugfs_exit();
	unregister_chrdev_region(first_devt, RING_RINGS_MAX);
	class_unregister(&ring_class);
}
