/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The workers' loops, to be included by a peer's file after its
 *
 *	static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
 *					       unsigned int batch, bool in_place);
 *		send the records from number @first on, at most @n of them; how many there was room for
 *	static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size,
 *						  unsigned int batch, bool in_place);
 *		receive at most @n records, and bench_take() each; how many there were
 *
 * Size, batch and way are constants in each copy that the compiler makes of a loop.
 */
#include "bench.h"

static ALWAYS_INLINE void produce_as(struct end *ends, unsigned int n, uint64_t count, size_t size,
				     unsigned int batch, bool in_place)
{
	uint64_t first = ends[0].expected[0], end = first + count;
	unsigned int i, sent, got, turn;

	while (first < end) {
		turn = batch == 1 || end - first < batch ? 1 : batch;
		for (i = 0; i < n; i++) {
			for (sent = 0; sent < turn; sent += got) {
				got = send(&ends[i], first + sent, turn - sent, size, batch, in_place);
				if (unlikely(!got))
					bench_relax(&ends[i]);
			}
		}
		first += turn;
	}
	for (i = 0; i < n; i++)
		ends[i].expected[0] = first;
}

static ALWAYS_INLINE void consume_as(struct end *e, uint64_t count, size_t size, unsigned int batch, bool in_place)
{
	unsigned int got;

	while (count) {
		got = receive(e, count < batch ? (unsigned int)count : batch, size, batch, in_place);
		if (unlikely(!got))
			bench_relax(e);
		count -= got;
	}
}

static ALWAYS_INLINE void forward_as(struct end *from, struct end *to, uint64_t count, size_t size,
				     unsigned int batch, bool in_place)
{
	unsigned int got;

	while (count) {
		got = receive(from, count < batch ? (unsigned int)count : batch, size, batch, in_place);
		if (unlikely(!got)) {
			bench_relax(from);
			continue;
		}
		produce_as(to, 1, got, size, batch, in_place);
		count -= got;
	}
}

static ALWAYS_INLINE void ping_as(struct end *there, struct end *back, uint64_t count, size_t size)
{
	while (count--) {
		while (!send(there, there->expected[0], 1, size, 1, false))
			bench_relax(there);
		there->expected[0]++;
		while (!receive(back, 1, size, 1, false))
			bench_relax(back);
	}
}

static ALWAYS_INLINE void pong_as(struct end *there, struct end *back, uint64_t count, size_t size)
{
	while (count--) {
		while (!receive(there, 1, size, 1, false))
			bench_relax(there);
		while (!send(back, back->expected[0], 1, size, 1, false))
			bench_relax(back);
		back->expected[0]++;
	}
}

/* From variables to constants */
#define LOOPS_WAYS(loop, size, ...)						\
	do {									\
		if (w->batch == 1 && !w->in_place)				\
			loop(__VA_ARGS__, size, 1, false);			\
		else if (w->batch == 1)						\
			loop(__VA_ARGS__, size, 1, true);			\
		else if (!w->in_place)						\
			loop(__VA_ARGS__, size, BATCH, false);			\
		else								\
			loop(__VA_ARGS__, size, BATCH, true);			\
	} while (0)

#define LOOPS_DISPATCH(loop, ...)						\
	do {									\
		switch (w->size) {						\
		case 8:								\
			LOOPS_WAYS(loop, 8, __VA_ARGS__);			\
			break;							\
		case 64:							\
			LOOPS_WAYS(loop, 64, __VA_ARGS__);			\
			break;							\
		case 256:							\
			LOOPS_WAYS(loop, 256, __VA_ARGS__);			\
			break;							\
		case 1024:							\
			LOOPS_WAYS(loop, 1024, __VA_ARGS__);			\
			break;							\
		case 4096:							\
			LOOPS_WAYS(loop, 4096, __VA_ARGS__);			\
			break;							\
		case 65536:							\
			LOOPS_WAYS(loop, 65536, __VA_ARGS__);			\
			break;							\
		}								\
	} while (0)

static void produce(struct end *ends, unsigned int n, uint64_t count)
{
	const struct work *w = ends[0].work;

	LOOPS_DISPATCH(produce_as, ends, n, count);
}

static void consume(struct end *e, uint64_t count)
{
	const struct work *w = e->work;

	LOOPS_DISPATCH(consume_as, e, count);
}

static void forward(struct end *from, struct end *to, uint64_t count)
{
	const struct work *w = from->work;

	LOOPS_DISPATCH(forward_as, from, to, count);
}

/* Small ones only */
static void ping(struct end *there, struct end *back, uint64_t count)
{
	if (there->work->size == 8)
		ping_as(there, back, count, 8);
	else
		ping_as(there, back, count, 64);
}

static void pong(struct end *there, struct end *back, uint64_t count)
{
	if (there->work->size == 8)
		pong_as(there, back, count, 8);
	else
		pong_as(there, back, count, 64);
}

#define LOOPS	.produce = produce, .consume = consume, .forward = forward, .ping = ping, .pong = pong
