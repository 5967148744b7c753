// SPDX-License-Identifier: GPL-2.0
/*
 * ring - all the rings there are: by number and by name. Who makes or removes one holds the registry's lock
 * until the device is there, or gone, so a number or a name is never that of two.
 */

#include <linux/ctype.h>
#include <linux/idr.h>
#include <linux/mutex.h>

#include "internal.h"

static DEFINE_MUTEX(registry_lock);	/* outside of all others */
static DEFINE_IDR(rings);
static bool revealed;

static struct ring *find_name(const char *name)
{
	struct ring *ring;
	int id;

	lockdep_assert_held(&registry_lock);
	idr_for_each_entry(&rings, ring, id)
		if (!strcmp(ring->geometry.name, name))
			return ring;
	return NULL;
}

/**
 * ring_name_valid - whether a ring can have this name
 * @name: terminated; empty for none
 *
 * It is shown on one line, becomes the name of a link, and must not look like a number, ringN or a path.
 */
bool ring_name_valid(const char *name)
{
	const char *number = strncmp(name, "ring", 4) ? name : name + 4;
	const char *c;

	for (c = name; *c; c++)
		if (!isascii(*c) || !isgraph(*c) || *c == '/')
			return false;
	if (*number && strspn(number, "0123456789") == strlen(number))
		return false;
	return strcmp(name, ".") && strcmp(name, "..");
}

/**
 * ring_registry_create - make a ring
 * @id: its number, negative: the lowest that is free
 * @g: its geometry, checked
 *
 * Returns its number. -EEXIST: the number or the name is taken. -ENOSPC: all numbers are.
 * Those made while the module is loaded come to light with ring_registry_reveal().
 */
int ring_registry_create(int id, const struct ring_geometry *g)
{
	struct ring *ring;
	int ret;

	if (mutex_lock_interruptible(&registry_lock))
		return -ERESTARTSYS;
	ret = -EEXIST;
	if (*g->name && find_name(g->name))
		goto out;
	ret = id < 0 ? idr_alloc(&rings, NULL, 0, RING_RINGS_MAX, GFP_KERNEL) :
		       idr_alloc(&rings, NULL, id, id + 1, GFP_KERNEL);
	if (ret == -ENOSPC && id >= 0)
		ret = -EEXIST;
	if (ret < 0)
		goto out;
	ring = ring_create(ret, g);
	if (IS_ERR(ring)) {
		idr_remove(&rings, ret);
		ret = PTR_ERR(ring);
		goto out;
	}
	idr_replace(&rings, ring, ret);
	if (revealed)
		ring_reveal(ring);
out:
	mutex_unlock(&registry_lock);
	return ret;
}

/* The module is loaded: a load that fails takes away what nobody could open. */
void ring_registry_reveal(void)
{
	struct ring *ring;
	int id;

	mutex_lock(&registry_lock);
	revealed = true;
	idr_for_each_entry(&rings, ring, id)
		ring_reveal(ring);
	mutex_unlock(&registry_lock);
}

/* The only one who made @ring gone takes it away. */
static void remove(struct ring *ring)
{
	int id = ring->id;

	lockdep_assert_held(&registry_lock);
	ring_remove(ring);
	idr_remove(&rings, id);
}

/**
 * ring_registry_destroy - remove a ring; who has it open is told ENODEV
 * @id: its number
 * @force: even if somebody has it open
 */
int ring_registry_destroy(u32 id, bool force)
{
	struct ring *ring;
	int ret = -ENOENT;

	/* Whatever signal comes: this is also how a ring goes whose number could not be told. */
	mutex_lock(&registry_lock);
	ring = id < RING_RINGS_MAX ? idr_find(&rings, id) : NULL;
	if (ring)
		ret = ring_go(ring, force);
	if (!ret)
		remove(ring);
	mutex_unlock(&registry_lock);
	return ret;
}

/* The last file of an ephemeral ring has made it gone. */
void ring_registry_remove(struct ring *ring)
{
	mutex_lock(&registry_lock);
	remove(ring);
	mutex_unlock(&registry_lock);
}

/* Nobody can have one open: the module is going. */
void ring_registry_remove_all(void)
{
	struct ring *ring;
	int id;

	mutex_lock(&registry_lock);
	idr_for_each_entry(&rings, ring, id)
		remove(ring);
	idr_destroy(&rings);
	mutex_unlock(&registry_lock);
}

/**
 * ring_registry_find - the number of the ring of that name
 * @name: the name, not empty
 */
int ring_registry_find(const char *name)
{
	struct ring *ring;
	int ret;

	if (mutex_lock_interruptible(&registry_lock))
		return -ERESTARTSYS;
	ring = find_name(name);
	ret = ring ? ring->id : -ENOENT;
	mutex_unlock(&registry_lock);
	return ret;
}

/**
 * ring_registry_list - describe the rings, in the order of their numbers
 * @entries: where to
 * @room: how many fit
 * @total: how many there are
 *
 * Returns how many were filled in.
 */
int ring_registry_list(struct ring_list_entry *entries, u32 room, u32 *total)
{
	struct ring *ring;
	u32 n = 0;
	int id;

	if (mutex_lock_interruptible(&registry_lock))
		return -ERESTARTSYS;
	idr_for_each_entry(&rings, ring, id) {
		if (n < room)
			ring_describe(ring, &entries[n]);
		n++;
	}
	mutex_unlock(&registry_lock);
	*total = n;
	return min(n, room);
}
