// SPDX-License-Identifier: GPL-2.0
/* moodycamel::ConcurrentQueue with tokens, between threads */
#include <concurrentqueue/concurrentqueue.h>

#include "bench.h"
#include "record.h"

template <size_t size>
using queue = moodycamel::ConcurrentQueue<record<size>>;

template <size_t size>
static ALWAYS_INLINE unsigned int push(struct end *e, uint64_t first, unsigned int n)
{
	queue<size> *q = (queue<size> *)e->channel;
	record<size> *r = (record<size> *)bench_made(e, first, size);

	if (!e->own)
		e->own = new moodycamel::ProducerToken(*q);
	auto *token = (moodycamel::ProducerToken *)e->own;

	n = bench_make(e, first, n, size);
	if (n == 1)
		return q->try_enqueue(*token, *r);
	return q->try_enqueue_bulk(*token, r, n) ? n : 0;
}

template <size_t size>
static ALWAYS_INLINE unsigned int pop(struct end *e, unsigned int n, bool in_place)
{
	queue<size> *q = (queue<size> *)e->channel;
	record<size> *r = (record<size> *)e->record;
	unsigned int got;

	if (!e->own)
		e->own = new moodycamel::ConsumerToken(*q);
	auto *token = (moodycamel::ConsumerToken *)e->own;

	if (n == 1 || size > 4096)
		got = q->try_dequeue(*token, *r);
	else
		got = (unsigned int)q->try_dequeue_bulk(*token, r, n);
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
static void *make(unsigned int producers)
{
	return new queue<size>(DEPTH(size), producers, 0);
}

static void *make_channel(const struct work *w)
{
	BY_SIZE(w->size, make, w->producers);
}

static bool can(const struct work *w)
{
	return w->waiting == SPIN;
}

#include "loops.h"

PEER(concurrent, .name = "moodycamel ConcurrentQueue", .threads = true, .can = can, .open = make_channel, LOOPS)
