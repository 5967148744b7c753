// SPDX-License-Identifier: GPL-2.0
/*
 * ring: the module. One record a call: write() and read(). 32 a call: PUBLISH and READ, by libring. In place: a direct
 * ring, by libring.
 */
#include <fcntl.h>

#include <libring.h>

#include "bench.h"

struct channel {
	uint32_t id;
};

struct own {
	struct ring *ring;
	int fd;
	struct ring_publish_record out[BATCH];
	struct ring_read_record in[BATCH];
};

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	struct own *own = e->own;
	struct ring_reservation res;
	unsigned int i;
	int ret;

	if (in_place) {
		ret = ring_reserve(own->ring, size, RING_NEVER, &res);
		if (!ret) {
			bench_fill(e, res.data, first, size);
			ret = ring_commit(own->ring, &res, size);
		}
		n = 1;
	} else if (batch == 1) {
		bench_make(e, first, 1, size);
		ret = write(own->fd, bench_made(e, first, size), size) == (ssize_t)size ? 0 : -EIO;
	} else {
		n = bench_make(e, first, n, size);
		for (i = 0; i < n; i++)
			own->out[i] = (struct ring_publish_record) {
				.addr = (uintptr_t)bench_made(e, first, size) + i * size, .len = (uint32_t)size,
			};
		ret = ring_publish_many(own->ring, own->out, n, RING_NEVER, NULL);
		n = ret < 0 ? 0 : (unsigned int)ret;
	}
	if (ret < 0)
		bench_fail("publish: %s", ring_strerror(ret));
	return n;
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	struct own *own = e->own;
	struct ring_view v;
	unsigned int i;
	int ret;

	if (in_place) {
		for (i = 0; i < BATCH && (ret = ring_next(own->ring, &v)) == 1; i++)
			bench_take(e, v.data, size, in_place);
		if (i)
			ring_release(own->ring);
		else
			ring_wait(own->ring, RING_NEVER);
		return i;
	}
	if (batch == 1) {
		if (read(own->fd, e->record, size) != (ssize_t)size)
			bench_fail("read");
		bench_take(e, e->record, size, in_place);
		return 1;
	}
	ret = ring_read_many(own->ring, own->in, n, e->record, BATCH * size, RING_NEVER, NULL);
	if (ret < 0)
		bench_fail("read: %s", ring_strerror(ret));
	for (i = 0; i < (unsigned int)ret; i++)
		bench_take(e, e->record + own->in[i].offset, size, in_place);
	return (unsigned int)ret;
}

static void *make_channel(const struct work *w)
{
	struct channel *c = bench_shared(sizeof(*c));
	struct ring_create create;
	char path[32];
	int err;

	ring_create_defaults(&create);
	create.ring_flags = RING_EPHEMERAL | (w->in_place ? RING_DIRECT : 0);
	create.slots = DEPTH(w->size);
	create.slot_size = w->size >= 4096 ? 64 : (uint32_t)(RING_SLOT_HEADER + w->size + 15) / 16 * 16;
	create.bulk_size = w->size >= 4096 ? DEPTH(w->size) * w->size : 0;
	err = ring_create(&create);
	if (err)
		bench_fail("no ring: %s", ring_strerror(err));
	c->id = create.id;
	snprintf(path, sizeof(path), "/dev/ring%u", c->id);
	if (open(path, O_RDONLY) < 0)	/* there for as long as this process is */
		bench_fail("%s cannot be opened", path);
	return c;
}

static void attach(struct end *e, bool sends)
{
	struct own *own = calloc(1, sizeof(*own));
	struct channel *c = e->channel;
	char path[32];
	int err = 0;

	if (!own)
		bench_fail("no memory");
	snprintf(path, sizeof(path), "/dev/ring%u", c->id);
	if (!e->work->in_place && e->work->batch == 1) {
		own->fd = open(path, sends ? O_WRONLY : O_RDONLY);
		err = own->fd < 0 ? -errno : 0;
	} else {
		err = ring_open(path, !sends ? RING_OPEN_READ : e->work->in_place ? RING_OPEN_READ | RING_OPEN_WRITE :
				RING_OPEN_WRITE, &own->ring);
		if (!err)
			err = sends ? ring_produce(own->ring, RING_PRODUCE_EXCLUSIVE) : ring_subscribe(own->ring, NULL);
	}
	if (err)
		bench_fail("%s: %s", path, ring_strerror(err));
	e->own = own;
}

static bool can(const struct work *w)
{
	return w->waiting == SLEEP && (w->kind == STREAM || w->kind == PINGPONG || w->kind == BROADCAST);
}

#include "loops.h"

PEER(ring, .name = "ring", .broadcasts = true, .can = can, .open = make_channel, .attach = attach, LOOPS)
