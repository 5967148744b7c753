// SPDX-License-Identifier: GPL-2.0
/* ring - attributes in /sys/class/ring/ringN/: one value a file, units in the README */

#include <linux/sysfs.h>

#include "internal.h"

static struct ring *to_ring(struct device *dev)
{
	return container_of(dev, struct ring, dev);
}

#define RING_ATTR(name, format, value)							\
	static ssize_t name##_show(struct device *dev, struct device_attribute *attr, char *buf) \
	{										\
		struct ring *ring = to_ring(dev);					\
											\
		return sysfs_emit(buf, format "\n", value);				\
	}										\
	static DEVICE_ATTR_RO(name)

static u64 published(struct ring *ring)
{
	struct ring_census census;

	ring_take_census(ring, &census);
	return census.mark.ordinal + census.committed;
}

RING_ATTR(name, "%s", ring->geometry.name);
RING_ATTR(slots, "%llu", ring->geometry.slots);
RING_ATTR(slot_size, "%llu", ring->geometry.slot_size);
RING_ATTR(size, "%llu", ring->geometry.size);
RING_ATTR(longest, "%llu", ring->mem.longest);
RING_ATTR(policy, "%s", ring->geometry.policy == RING_BLOCK ? "block" : "overwrite");
RING_ATTR(direct, "%d", !!(ring->geometry.flags & RING_DIRECT));
RING_ATTR(ephemeral, "%d", !!(ring->geometry.flags & RING_EPHEMERAL));
RING_ATTR(head, "%llu", ring_head(ring));
RING_ATTR(tail, "%llu", READ_ONCE(ring->mem.control->tail));
RING_ATTR(subscribers, "%u", READ_ONCE(ring->subscriber_count));
RING_ATTR(producers, "%u", READ_ONCE(ring->producer_count));
RING_ATTR(published, "%llu", published(ring));
RING_ATTR(lost, "%llu", ring_lost(ring));
RING_ATTR(bytes, "%llu", ring_bytes(ring));

static struct attribute *ring_attrs[] = {
	&dev_attr_name.attr,
	&dev_attr_slots.attr,
	&dev_attr_slot_size.attr,
	&dev_attr_size.attr,
	&dev_attr_longest.attr,
	&dev_attr_policy.attr,
	&dev_attr_direct.attr,
	&dev_attr_ephemeral.attr,
	&dev_attr_head.attr,
	&dev_attr_tail.attr,
	&dev_attr_subscribers.attr,
	&dev_attr_producers.attr,
	&dev_attr_published.attr,
	&dev_attr_lost.attr,
	&dev_attr_bytes.attr,
	NULL
};

static const struct attribute_group ring_group = {
	.attrs = ring_attrs,
};

/* Given to the class, so that they are there before the uevent. */
const struct attribute_group *ring_groups[] = {
	&ring_group,
	NULL
};
