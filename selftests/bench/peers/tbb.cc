// SPDX-License-Identifier: GPL-2.0
/* concurrent_bounded_queue of TBB, between threads */
#include <tbb/concurrent_queue.h>

#include "bench.h"
#include "record.h"

template <size_t size>
using queue = tbb::concurrent_bounded_queue<record<size>>;

template <size_t size>
static ALWAYS_INLINE unsigned int push(struct end *e, uint64_t first)
{
	record<size> *r = (record<size> *)bench_made(e, first, size);

	bench_make(e, first, 1, size);
	return ((queue<size> *)e->channel)->try_push(*r);
}

template <size_t size>
static ALWAYS_INLINE unsigned int pop(struct end *e, bool in_place)
{
	record<size> *r = (record<size> *)e->record;

	if (!((queue<size> *)e->channel)->try_pop(*r))
		return 0;
	bench_take(e, r, size, in_place);
	return 1;
}

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int, size_t size, unsigned int, bool)
{
	BY_SIZE(size, push, e, first);
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int, size_t size, unsigned int, bool in_place)
{
	BY_SIZE(size, pop, e, in_place);
}

template <size_t size>
static void *make(int)
{
	queue<size> *q = new queue<size>;

	q->set_capacity(DEPTH(size));
	return q;
}

static void *make_channel(const struct work *w)
{
	BY_SIZE(w->size, make, 0);
}

static bool can(const struct work *w)
{
	return w->waiting == SPIN && w->batch == 1;
}

#include "loops.h"

PEER(tbb_queue, .name = "TBB bounded queue", .threads = true, .can = can, .open = make_channel, LOOPS)
