/* SPDX-License-Identifier: MIT */
/* libring - batches: what the direct way leaves to do, and on a mediated ring all */

#include "internal.h"

EXPORT int ring_reserve_many_slow(struct ring *r, size_t len, unsigned int count, uint64_t deadline,
				  struct ring_batch *b)
{
	const struct ring_mem *m = &r->out;
	struct handle *h = handle_of(r);
	struct room *room = NULL;
	__u64 sequence = RING_NONE;
	__u32 k, most;
	int ret;

	ret = usable_for_writing(h);
	if (ret)
		return ret;
	if (len > m->longest)
		return -EMSGSIZE;
	if (!count)
		return -EINVAL;
	ring_try_direct(h);
	k = ring_mem_slots_for(m, len);
	if (ring_is_direct(r)) {
		ret = ring_claim_wait(r, len, count, deadline, &sequence);
		if (ret < 0)
			return ret;
		count = (unsigned int)ret;
	} else {
		/* As on a direct ring, it is here that one waits for room, and hears of a full or ended ring. */
		ret = ring_wait_space(r, len, deadline);
		if (ret)
			return ret;
		most = m->k_max / k;
		count = count < most ? count : most;
		room = ring_room_get(h, (uint32_t)len, count, deadline);
		if (!room)
			return -ENOMEM;
		/* Those that nobody describes are empty. */
		memset(room->data, 0, count * sizeof(struct ring_publish_record));
		k = 0;
	}
	b->sequence = sequence;
	b->count = count;
	b->len = (uint32_t)len;
	b->k = k;
	b->reserved = room ? room->id : 0;
	return (int)count;
}

EXPORT void *ring_batch_at_slow(struct ring *r, struct ring_batch *b, unsigned int i, size_t len, uint32_t tag)
{
	struct ring_publish_record *records;
	struct handle *h = handle_of(r);
	unsigned char *payload;
	struct room *room;

	if (b->k || usable_for_writing(h))
		return NULL;
	pthread_mutex_lock(&h->lock);
	room = *ring_room_find(h, b->reserved);
	pthread_mutex_unlock(&h->lock);
	/* It stays on the list: only who ends the batch takes it. */
	if (!room || i >= b->count || b->count != room->count - room->done || len > room->len)
		return NULL;
	i += room->done;
	records = (struct ring_publish_record *)(void *)room->data;
	payload = room->data + room->count * sizeof(*records) + i * ring_room_stride(room->len);
	records[i] = (struct ring_publish_record) { (uintptr_t)payload, (__u32)len, tag };
	return payload;
}

/* Take the room of a batch off the list, so that no other thread ends it too; NULL if there is none. */
static struct room *take_room(struct handle *h, const struct ring_batch *b)
{
	struct room **at, *room;

	pthread_mutex_lock(&h->lock);
	at = ring_room_find(h, b->reserved);
	room = *at;
	if (room && (b->k || b->count != room->count - room->done))
		room = NULL;
	if (room)
		*at = room->next;
	pthread_mutex_unlock(&h->lock);
	return room;
}

EXPORT int ring_commit_many_slow(struct ring *r, struct ring_batch *b, unsigned int count)
{
	struct handle *h = handle_of(r);
	struct room *room;
	uint64_t first = RING_NONE;
	int ret;

	ret = usable_for_writing(h);
	if (ret)
		return ret;
	room = count <= b->count ? take_room(h, b) : NULL;
	if (!room)
		return -EINVAL;
	ret = ring_publish_many(r, (struct ring_publish_record *)(void *)room->data + room->done, count,
				room->deadline, &first);
	if (ret > 0)
		b->sequence = first;
	if (ret == (int)count) {
		b->count = 0;
		ring_room_put(h, room);
		return ret;
	}
	if (ret > 0) {
		b->count -= (uint32_t)ret;
		room->done += (uint32_t)ret;
	}
	ring_room_back(h, room);
	return ret;
}

EXPORT int ring_discard_many_slow(struct ring *r, struct ring_batch *b)
{
	struct handle *h = handle_of(r);
	struct room *room;
	int err;

	err = usable_for_writing(h);
	if (err)
		return err;
	room = take_room(h, b);
	if (!room)
		return -EINVAL;
	b->count = 0;
	ring_room_put(h, room);
	return 0;
}
