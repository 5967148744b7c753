// SPDX-License-Identifier: GPL-2.0
/* The ring of libqb, which lies in files that processes map; with its semaphore where a consumer sleeps */
#include <qb/qbrb.h>

#include "bench.h"

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	qb_ringbuffer_t *rb = e->channel;
	void *to;

	if (!in_place) {
		bench_make(e, first, 1, size);
		return qb_rb_chunk_write(rb, bench_made(e, first, size), size) == (ssize_t)size;
	}
	to = qb_rb_chunk_alloc(rb, size);
	if (!to)
		return 0;
	bench_fill(e, to, first, size);
	return !qb_rb_chunk_commit(rb, size);
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	qb_ringbuffer_t *rb = e->channel;
	int wait = e->work->waiting == SPIN ? 0 : 1000;
	void *from;

	if (!in_place) {
		if (qb_rb_chunk_read(rb, e->record, size, wait) != (ssize_t)size)
			return 0;
		bench_take(e, e->record, size, false);
		return 1;
	}
	if (qb_rb_chunk_peek(rb, &from, wait) != (ssize_t)size)
		return 0;
	bench_take(e, from, size, true);
	qb_rb_chunk_reclaim(rb);
	return 1;
}

static void *make_channel(const struct work *w)
{
	static unsigned int made;
	char name[64];
	qb_ringbuffer_t *rb;

	snprintf(name, sizeof(name), "bench-%d-%u", (int)getpid(), made++);
	rb = qb_rb_open(name, DEPTH(w->size) * (w->size + 16),
			QB_RB_FLAG_CREATE | QB_RB_FLAG_SHARED_PROCESS |
			(w->waiting == SPIN ? QB_RB_FLAG_NO_SEMAPHORE : 0), 0);
	if (!rb)
		bench_fail("qb_rb_open");
	/* Who uses it is forked, and needs its files no more. */
	snprintf(name, sizeof(name), "/dev/shm/qb-bench-%d-%u-header", (int)getpid(), made - 1);
	unlink(name);
	snprintf(name, sizeof(name), "/dev/shm/qb-bench-%d-%u-data", (int)getpid(), made - 1);
	unlink(name);
	return rb;
}

static bool can(const struct work *w)
{
	return w->kind != GATHER && w->waiting != SPINSLEEP && w->batch == 1;
}

#include "loops.h"

PEER(qb, .name = "libqb ring", .can = can, .open = make_channel, LOOPS)
