// SPDX-License-Identifier: GPL-2.0
/*
 * ring: a direct ring, the protocol file and the library's hot path as programs compile them, over shared memory.
 * What libring would ask of the kernel, ring_kernel.h does. Slots are as long as the records, up to 1 KiB.
 *
 * Where nobody ever sleeps, a single record that is copied is published quietly; else one look at the wake word follows
 * each send().
 */
#include <libring.h>

#include "bench.h"
#include "ring_kernel.h"

#define SPINS	2000u

/* A worker's handle, and the ring it is of */
struct own {
	struct ring ring;
	struct channel *channel;
};

static const __u32 guard = 1;

static struct channel *channel_of(struct ring *r)
{
	return ((struct own *)r)->channel;
}

/* ---- What libring.h leaves to the library ---- */

int ring_next_slow(struct ring *r, struct ring_view *v)
{
	(void)r;
	(void)v;
	return -EAGAIN;
}

int ring_next_many_slow(struct ring *r, struct ring_view *v, unsigned int count)
{
	return ring_next(r, v);
}

int ring_release_slow(struct ring *r)
{
	(void)r;
	return -EBADF;
}

int ring_overrun(struct ring *r)
{
	bench_fail("overrun at %llu", (unsigned long long)r->position);
}

int ring_wake(struct ring *r, unsigned int which)
{
	if (which == RING_WAKE_DATA)
		wake_readers(channel_of(r));
	return 0;
}

int ring_reserve_slow(struct ring *r, size_t len, uint64_t deadline, struct ring_reservation *res)
{
	(void)deadline;
	reclaim(channel_of(r));
	return ring_reserve_direct(r, len, res) ? 0 : -EAGAIN;
}

int ring_publish_slow(struct ring *r, const void *buf, size_t len, uint32_t tag, uint64_t deadline)
{
	struct ring_reservation res;
	int ret = ring_reserve_slow(r, len, deadline, &res);

	if (ret)
		return ret;
	memcpy(res.data, buf, len);
	res.tag = tag;
	return ring_commit(r, &res, len);
}

int ring_reserve_many_slow(struct ring *r, size_t len, unsigned int count, uint64_t deadline, struct ring_batch *b)
{
	(void)deadline;
	reclaim(channel_of(r));
	while (count && !ring_reserve_batch(r, len, count, b))
		count /= 2;
	return count ? (int)count : -EAGAIN;
}

void *ring_batch_at_slow(struct ring *r, struct ring_batch *b, unsigned int i, size_t len, uint32_t tag)
{
	(void)r;
	(void)tag;
	bench_fail("no room for %zu bytes at %u of %u", len, i, b->count);
}

int ring_commit_many_slow(struct ring *r, struct ring_batch *b, unsigned int count)
{
	(void)r;
	bench_fail("no commit of %u at %llu", count, (unsigned long long)b->sequence);
}

int ring_discard_many_slow(struct ring *r, struct ring_batch *b)
{
	return ring_commit_many_slow(r, b, b->count);
}

int ring_commit_slow(struct ring *r, struct ring_reservation *res, size_t len)
{
	(void)r;
	bench_fail("no commit of %zu bytes at %llu", len, (unsigned long long)res->sequence);
}

int ring_discard_slow(struct ring *r, struct ring_reservation *res)
{
	return ring_commit_slow(r, res, 0);
}

int ring_notify_slow(struct ring *r)
{
	return ring_commit_slow(r, NULL, 0);
}

/* ---- The bench ---- */

static ALWAYS_INLINE unsigned int send_one(struct end *e, uint64_t first, size_t size, bool in_place)
{
	struct ring *r = &((struct own *)e->own)->ring;
	struct ring_reservation res;

	if (!in_place) {
		bench_make(e, first, 1, size);
		if (e->work->waiting == SPIN)
			return !ring_publish_quiet(r, bench_made(e, first, size), size, 0, RING_NOW);
		return !ring_publish(r, bench_made(e, first, size), size, 0, RING_NOW);
	}
	if (ring_reserve(r, size, RING_NOW, &res))
		return 0;
	bench_fill(e, res.data, first, size);
	return !ring_commit(r, &res, size);
}

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	struct ring *r = &((struct own *)e->own)->ring;
	struct ring_batch b;
	unsigned int i;
	void *room;

	if (batch == 1)
		return send_one(e, first, size, in_place);
	if (!in_place)
		n = bench_make(e, first, n, size);
	if (ring_reserve_many(r, size, n, RING_NOW, &b) < 0)
		return 0;
	n = b.count;
	for (i = 0; i < n; i++) {
		room = ring_batch_at(r, &b, i, size, 0);
		if (in_place)
			bench_fill(e, room, first + i, size);
		else
			memcpy(room, (unsigned char *)bench_made(e, first, size) + i * size, size);
	}
	return (unsigned int)ring_commit_many(r, &b, n);
}

static ALWAYS_INLINE void take(struct end *e, unsigned int i, const struct ring_view *v, size_t size, bool in_place)
{
	if (!in_place)
		memcpy(bench_record(e, i, size), v->data, size);
	bench_take(e, in_place ? v->data : bench_record(e, i, size), size, in_place);
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	struct ring *r = &((struct own *)e->own)->ring;
	struct ring_view v[BATCH];
	unsigned int i;
	int got;

	/*
	 * Who replies does so before it releases: then this is while it waits for the next one. Else as in the manual's
	 * loop: what there is, then one release, after 32 of them at the latest.
	 */
	if (e->work->kind == PINGPONG)
		ring_release(r);
	else
		n = BATCH;
	if (batch == 1) {
		for (i = 0; i < n && ring_next(r, v) == 1; i++)
			take(e, i, v, size, in_place);
	} else {
		got = ring_next_many(r, v, n);
		for (i = 0; (int)i < got; i++)
			take(e, i, &v[i], size, in_place);
	}
	if (i) {
		if (e->work->kind != PINGPONG)
			ring_release(r);
		e->spins = 0;
		/* It has looked at the next one already: now its producer has that line for a moment. */
		if (i < n && e->work->kind != PINGPONG)
			bench_pause();
	} else if (e->work->waiting == SLEEP || (e->work->waiting == SPINSLEEP && ++e->spins > SPINS)) {
		sleep_for_data(channel_of(r), r->position);
	}
	return i;
}

static unsigned char *bulk_area(size_t bytes)
{
	int fd = memfd_create("bulk", MFD_CLOEXEC);
	unsigned char *p = bench_shared(2 * bytes);

	if (fd < 0 || ftruncate(fd, (off_t)bytes) ||
	    mmap(p, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0) == MAP_FAILED ||
	    mmap(p + bytes, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0) == MAP_FAILED)
		bench_fail("the bulk area");
	close(fd);
	return p;
}

static void *make_channel(const struct work *w)
{
	struct channel *c = bench_shared(sizeof(*c));
	__u32 slots = DEPTH(w->size);
	__u32 slot_size = w->size > 4096 ? 64 : (RING_SLOT_HEADER + (__u32)w->size + 15) / 16 * 16;
	size_t bulk = w->size > 4096 ? slots * w->size : 0;
	unsigned int i;

	ring_mem_init(&c->mem, slots, slot_size, bulk);
	c->mem.control = bench_shared(sizeof(struct ring_control));
	c->mem.producers = bench_shared(sizeof(struct ring_producers));
	c->mem.slots = bench_shared((size_t)slots * slot_size);
	if (bulk)
		c->mem.bulk = bulk_area(bulk);
	c->mem.control->wake_data = RING_NONE;
	c->mem.control->wake_space = RING_NONE;
	c->subscribers = w->kind == BROADCAST ? w->consumers : 1;
	for (i = 0; i < c->subscribers; i++)
		c->cursors[i] = bench_shared(sizeof(struct ring_cursor));
	return c;
}

static void attach(struct end *e, bool sends)
{
	struct own *own = aligned_alloc(RING_APART, (sizeof(*own) + RING_APART - 1) / RING_APART * RING_APART);
	struct channel *c = e->channel;

	if (!own)
		bench_fail("no memory");
	memset(own, 0, sizeof(*own));
	own->channel = c;
	own->ring.reading = &guard;
	own->ring.publishing = &guard;
	own->ring.in = c->mem;
	own->ring.out = c->mem;
	own->ring.owner = 1 + e->id;
	own->ring.exclusive = e->work->kind != GATHER;
	own->ring.claimed = RING_NONE;
	own->ring.only.last = RING_NONE;
	if (!sends)
		own->ring.cursor = c->cursors[e->id];
	e->own = own;
}

static bool can(const struct work *w)
{
	return true;
}

#include "loops.h"

PEER(ring, .name = "ring", .broadcasts = true, .can = can, .open = make_channel, .attach = attach, LOOPS)
