/* SPDX-License-Identifier: MIT */
/* libring - having a cursor */

#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

void ring_resync(struct handle *h)
{
	struct ring *r = &h->ring;

	r->released = ring_load(&r->cursor->cursor);
	r->position = r->released;
	r->pending = 0;
}

static int map_cursor(struct handle *h)
{
	int fd = ring_call_value(h, RING_IOC_CURSOR, 0);
	int err;

	if (fd < 0)
		return fd;
	err = ring_map(h, AREA_CURSOR, fd, 0, (uint64_t)sysconf(_SC_PAGESIZE), true);
	close(fd);	/* the mapping stays */
	return err;
}

/* Everything that ring_next() looks at. Only after SUBSCRIBE: asking for the cursor page subscribes by itself. */
static int map_all(struct handle *h)
{
	const struct ring_info *info = &h->info;
	struct ring *r = &h->ring;
	int err;

	err = map_cursor(h);
	if (!err)
		err = ring_map(h, AREA_PRODUCERS, h->fd, info->producers_offset, info->producers_length, false);
	if (!err)
		err = ring_map(h, AREA_SLOTS, h->fd, info->slots_offset, info->slots_length, false);
	if (!err)
		err = ring_map(h, AREA_BULK, h->fd, info->bulk_offset, info->bulk_length, false);
	if (err) {
		ring_unmap(h, AREA_CURSOR);
		return err;
	}
	r->cursor = h->areas[AREA_CURSOR].addr;
	r->in.producers = h->areas[AREA_PRODUCERS].addr;
	r->in.slots = h->areas[AREA_SLOTS].addr;
	r->in.bulk = h->areas[AREA_BULK].addr;
	return 0;
}

/* Take what this release has of options that may come from another one. */
static int take_options(struct ring_subscribe_options *to, const struct ring_subscribe_options *from)
{
	const unsigned char *rest = (const unsigned char *)from;
	uint32_t i;

	if (from->size < sizeof(from->size))
		return -EINVAL;
	for (i = sizeof(*to); i < from->size; i++)
		if (rest[i])
			return -E2BIG;
	memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
	return 0;
}

EXPORT int ring_subscribe(struct ring *r, const struct ring_subscribe_options *options)
{
	struct ring_subscribe_options o = RING_SUBSCRIBE_OPTIONS_INIT;
	struct handle *h = handle_of(r);
	struct ring_subscribe call = { .size = sizeof(call) };
	bool adopted = false;
	int err;

	err = usable_for_reading(h);
	if (err)
		return err;
	if (ring_load(r->reading))
		return -EBUSY;
	if (options) {
		err = take_options(&o, options);
		if (err)
			return err;
	}
	call.flags = o.flags;
	call.start = o.start;
	call.watermark = o.watermark;
	call.sequence = o.sequence;
	err = ring_call(h, RING_IOC_SUBSCRIBE, &call);
	if (err == -EBUSY && !options)
		adopted = true;	/* a poll() of the descriptor did it, in the default way */
	else if (err < 0)
		return err;
	err = map_all(h);
	if (err) {
		if (!adopted)
			ring_call_value(h, RING_IOC_UNSUBSCRIBE, 0);
		return err;
	}
	h->watermark = o.watermark ? o.watermark : 1;
	if (options)
		h->spin = o.spin;
	ring_resync(h);
	r->reading = &h->guard[0];
	return 0;
}

int ring_reading(struct handle *h)
{
	int err = usable_for_reading(h);

	if (err || ring_load(h->ring.reading))
		return err;
	return ring_subscribe(&h->ring, NULL);
}

EXPORT int ring_unsubscribe(struct ring *r)
{
	struct handle *h = handle_of(r);
	int err = usable_for_reading(h);

	if (err)
		return err;
	err = ring_call_value(h, RING_IOC_UNSUBSCRIBE, 0);
	if (err < 0)
		return err;
	r->reading = &h->guard[1];
	ring_unmap(h, AREA_CURSOR);
	r->cursor = NULL;
	return 0;
}

EXPORT int ring_seek(struct ring *r, enum ring_start start, uint64_t sequence)
{
	struct handle *h = handle_of(r);
	struct ring_subscribe_options o = RING_SUBSCRIBE_OPTIONS_INIT;
	struct ring_seek call = { .size = sizeof(call), .start = start, .sequence = sequence };
	int err = usable_for_reading(h);

	if (err)
		return err;
	if (!ring_load(r->reading)) {
		o.start = start;
		o.sequence = sequence;
		o.spin = h->spin;
		return ring_subscribe(r, &o);
	}
	err = ring_call(h, RING_IOC_SEEK, &call);
	if (err < 0)
		return err;
	ring_resync(h);
	return 0;
}

EXPORT int ring_set_spin(struct ring *r, uint64_t ns)
{
	struct handle *h = handle_of(r);
	int err = usable_for_reading(h);

	if (!err)
		h->spin = ns;
	return err;
}
