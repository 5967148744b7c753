/* SPDX-License-Identifier: MIT */
/* libring - reservations: on a mediated ring, memory of the library that ring_commit() publishes */

#include <stdlib.h>

#include "internal.h"

#define SPARE_MAX	65536u

size_t ring_room_stride(uint32_t len)
{
	return ((size_t)len + 15) / 16 * 16;
}

struct room *ring_room_get(struct handle *h, uint32_t len, uint32_t count, uint64_t deadline)
{
	size_t size = count ? count * (sizeof(struct ring_publish_record) + ring_room_stride(len)) : len;
	struct room *room;

	pthread_mutex_lock(&h->lock);
	room = h->spare;
	if (room && room->capacity >= size) {
		h->spare = NULL;
	} else {
		room = malloc(sizeof(*room) + size);
		if (room)
			room->capacity = size;
	}
	if (room) {
		room->len = len;
		room->count = count;
		room->done = 0;
		room->deadline = deadline;
		room->id = ++h->next_room;
		room->next = h->rooms;
		h->rooms = room;
	}
	pthread_mutex_unlock(&h->lock);
	return room;
}

struct room **ring_room_find(struct handle *h, uint64_t id)
{
	struct room **at;

	for (at = &h->rooms; *at && (*at)->id != id; at = &(*at)->next)
		;
	return at;
}

/* Take the room of a reservation off the list, so that no other thread ends it too; NULL if there is none. */
static struct room *room_take(struct handle *h, const struct ring_reservation *res, size_t len)
{
	struct room **at, *room;

	pthread_mutex_lock(&h->lock);
	at = ring_room_find(h, res->reserved);
	room = *at;
	if (room && (room->count || room->data != res->data || len > room->len))
		room = NULL;
	if (room)
		*at = room->next;
	pthread_mutex_unlock(&h->lock);
	return room;
}

void ring_room_back(struct handle *h, struct room *room)
{
	pthread_mutex_lock(&h->lock);
	room->next = h->rooms;
	h->rooms = room;
	pthread_mutex_unlock(&h->lock);
}

void ring_room_put(struct handle *h, struct room *room)
{
	pthread_mutex_lock(&h->lock);
	if (!h->spare && room->capacity <= SPARE_MAX) {
		h->spare = room;
		room = NULL;
	}
	pthread_mutex_unlock(&h->lock);
	free(room);
}

EXPORT int ring_reserve_slow(struct ring *r, size_t len, uint64_t deadline, struct ring_reservation *res)
{
	struct handle *h = handle_of(r);
	struct room *room;
	int err;

	err = usable_for_writing(h);
	if (err)
		return err;
	if (len > r->out.longest)
		return -EMSGSIZE;
	ring_try_direct(h);
	if (ring_is_direct(r))
		return ring_reserve_wait(r, len, deadline, res);
	/* As on a direct ring, it is here that one waits for room, and hears of a full or ended ring. */
	err = ring_wait_space(r, len, deadline);
	if (err)
		return err;
	room = ring_room_get(h, (uint32_t)len, 0, deadline);
	if (!room)
		return -ENOMEM;
	res->data = room->data;
	res->sequence = RING_NONE;
	res->len = (uint32_t)len;
	res->tag = 0;
	res->k = 0;
	res->reserved = room->id;
	return 0;
}

EXPORT int ring_commit_slow(struct ring *r, struct ring_reservation *res, size_t len)
{
	struct ring_publish_record record = { .len = (__u32)len, .tag = res->tag };
	struct handle *h = handle_of(r);
	struct room *room;
	int ret;

	ret = usable_for_writing(h);
	if (ret)
		return ret;
	room = room_take(h, res, len);
	if (!room)
		return -EINVAL;
	record.addr = (uintptr_t)room->data;
	ret = ring_call_publish(h, &record, 1, room->deadline, &res->sequence);
	if (ret < 0) {
		ring_room_back(h, room);
		return ret;
	}
	ring_room_put(h, room);
	return 0;
}

EXPORT int ring_discard_slow(struct ring *r, struct ring_reservation *res)
{
	struct handle *h = handle_of(r);
	struct room *room;
	int err;

	err = usable_for_writing(h);
	if (err)
		return err;
	room = room_take(h, res, 0);
	if (!room)
		return -EINVAL;
	ring_room_put(h, room);
	return 0;
}
