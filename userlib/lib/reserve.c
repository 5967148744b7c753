/* SPDX-License-Identifier: MIT */
/* libring - reservations: on a mediated ring, memory of the library that ring_commit() publishes */

#include <stdlib.h>

#include "internal.h"

#define SPARE_MAX	65536u

/* The room for a reservation of @len bytes, on the list */
static struct room *room_get(struct handle *h, uint32_t len, uint64_t deadline)
{
	struct room *room;

	pthread_mutex_lock(&h->lock);
	room = h->spare;
	if (room && room->capacity >= len) {
		h->spare = NULL;
	} else {
		room = malloc(sizeof(*room) + len);
		if (room)
			room->capacity = len;
	}
	if (room) {
		room->len = len;
		room->deadline = deadline;
		room->id = ++h->next_room;
		room->next = h->rooms;
		h->rooms = room;
	}
	pthread_mutex_unlock(&h->lock);
	return room;
}

/* Take the room of a reservation off the list, so that no other thread ends it too; NULL if there is none. */
static struct room *room_take(struct handle *h, const struct ring_reservation *res, size_t len)
{
	struct room **at, *room;

	pthread_mutex_lock(&h->lock);
	for (at = &h->rooms; (room = *at); at = &room->next)
		if (room->data == res->data && room->id == res->reserved)
			break;
	if (room && len > room->len)
		room = NULL;
	if (room)
		*at = room->next;
	pthread_mutex_unlock(&h->lock);
	return room;
}

static void room_back(struct handle *h, struct room *room)
{
	pthread_mutex_lock(&h->lock);
	room->next = h->rooms;
	h->rooms = room;
	pthread_mutex_unlock(&h->lock);
}

static void room_put(struct handle *h, struct room *room)
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
	room = room_get(h, (uint32_t)len, deadline);
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
		room_back(h, room);
		return ret;
	}
	room_put(h, room);
	return 0;
}

EXPORT int ring_commit_many_slow(struct ring *r, struct ring_reservation *res, unsigned int count)
{
	unsigned int i;
	int err = -EINVAL;

	for (i = 0; i < count; i++) {
		err = ring_commit_slow(r, &res[i], res[i].len);
		if (err)
			break;
	}
	return i ? (int)i : err;
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
	room_put(h, room);
	return 0;
}
