/* SPDX-License-Identifier: MIT */
/* libring - being a producer */

#include "internal.h"

static int map_out(struct handle *h)
{
	const struct ring_info *info = &h->info;
	struct ring *r = &h->ring;
	int err;

	err = ring_map(h, AREA_OUT_PRODUCERS, h->fd, info->producers_offset, info->producers_length, true);
	if (!err)
		err = ring_map(h, AREA_OUT_SLOTS, h->fd, info->slots_offset, info->slots_length, true);
	if (!err)
		err = ring_map(h, AREA_OUT_BULK, h->fd, info->bulk_offset, info->bulk_length, true);
	if (err)
		return err;
	r->out.producers = h->areas[AREA_OUT_PRODUCERS].addr;
	r->out.slots = h->areas[AREA_OUT_SLOTS].addr;
	r->out.bulk = h->areas[AREA_OUT_BULK].addr;
	return 0;
}

/* Attach, in the direct way if that is possible; under the lock. */
static int attach(struct handle *h, __u32 flags)
{
	struct ring_produce call = { .size = sizeof(call), .flags = flags };
	int err;

	if (!h->mediated)
		call.flags |= RING_PRODUCE_DIRECT;
	err = ring_call(h, RING_IOC_PRODUCE, &call);
	if (err < 0)
		return err;
	h->attached = true;
	h->ring.owner = call.owner;
	/* Without the mappings there is still the mediated way. */
	if (!h->mediated && !map_out(h)) {
		h->ring.exclusive = flags & RING_PRODUCE_EXCLUSIVE;
		h->ring.claimed = RING_NONE;	/* the first claim looks for the head */
		h->ring.only.last = RING_NONE;
		ring_store_release(&h->ring.publishing, &h->guard[0]);
	}
	return 0;
}

void ring_try_direct(struct handle *h)
{
	if (h->mediated)
		return;
	pthread_mutex_lock(&h->lock);
	if (!h->attached)
		attach(h, 0);	/* what keeps it from that, PUBLISH will tell */
	pthread_mutex_unlock(&h->lock);
}

EXPORT int ring_produce(struct ring *r, unsigned int flags)
{
	struct handle *h = handle_of(r);
	int err = usable_for_writing(h);

	if (err)
		return err;
	if (flags & ~RING_PRODUCE_EXCLUSIVE)
		return -EINVAL;
	pthread_mutex_lock(&h->lock);
	err = h->attached ? -EBUSY : attach(h, flags);
	pthread_mutex_unlock(&h->lock);
	return err;
}
