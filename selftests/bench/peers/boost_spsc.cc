// SPDX-License-Identifier: GPL-2.0
/* boost::lockfree::spsc_queue, of fixed size, in shared memory */
#include <boost/lockfree/spsc_queue.hpp>
#include <new>

#include "bench.h"
#include "record.h"

template <size_t size>
using queue = boost::lockfree::spsc_queue<record<size>, boost::lockfree::capacity<DEPTH(size)>>;

template <size_t size>
static ALWAYS_INLINE unsigned int push(struct end *e, uint64_t first, unsigned int n)
{
	queue<size> *q = (queue<size> *)e->channel;
	record<size> *r = (record<size> *)bench_made(e, first, size);

	n = bench_make(e, first, n, size);
	if (n == 1)
		return q->push(*r);
	return (unsigned int)q->push(r, n);
}

template <size_t size>
static ALWAYS_INLINE unsigned int pop(struct end *e, unsigned int n, bool in_place)
{
	queue<size> *q = (queue<size> *)e->channel;
	record<size> *r = (record<size> *)e->record;
	unsigned int got;

	if (n == 1 || size > 4096)
		got = q->pop(*r);
	else
		got = (unsigned int)q->pop(r, n);
	for (unsigned int i = 0; i < got; i++)
		bench_take(e, r + i, size, in_place);
	return got;
}

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size, unsigned int, bool)
{
	BY_SIZE(size, push, e, first, n);
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int, bool in_place)
{
	BY_SIZE(size, pop, e, n, in_place);
}

template <size_t size>
static void *make(int)
{
	return new (bench_shared(sizeof(queue<size>))) queue<size>;
}

static void *make_channel(const struct work *w)
{
	BY_SIZE(w->size, make, 0);
}

static bool can(const struct work *w)
{
	return w->kind != GATHER && w->waiting == SPIN;
}

#include "loops.h"

PEER(boost_spsc, .name = "boost spsc_queue", .can = can, .open = make_channel, LOOPS)
